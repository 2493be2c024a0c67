"""Any picture becomes a small one of one size; whatever else a stranger sends is refused in words."""

from __future__ import annotations

import random
import struct
import zlib
from contextlib import suppress
from io import BytesIO

import pytest
from PIL import Image

from paperround import bounded_child
from paperround.bounded_child import InputRefused
from paperround.pictures import shrinker, thumbnails

from support.pictures import draw

PICTURES = [
    ("PNG", "RGB"), ("PNG", "RGBA"), ("PNG", "P"), ("PNG", "LA"), ("PNG", "1"), ("PNG", "I;16"),
    ("JPEG", "L"), ("JPEG", "CMYK"), ("GIF", "P"), ("WEBP", "RGBA"), ("AVIF", "RGB"),
]  # fmt: skip


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and has next to nothing of it."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 100))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(("kind", "mode"), PICTURES)
@pytest.mark.parametrize("size", [(400, 240), (64, 900)], ids=["wide", "tall"])
def test_every_kind_of_picture_becomes_one_of_one_size(kind: str, mode: str, size: tuple[int, int]) -> None:
    small = thumbnails.split(shrinker.shrink(draw(kind, mode, size)))
    for content, kind in ((small.webp, "WEBP"), (small.jpeg, "JPEG")):
        with Image.open(BytesIO(content)) as picture:
            assert (picture.format, picture.size, picture.mode) == (kind, (320, 180), "RGB")
    assert small.size < thumbnails.MAX_SIZE


def test_what_cameras_and_editors_write_beside_the_pixels_is_left_out() -> None:
    with Image.open(BytesIO(draw())) as picture:
        exif = picture.getexif()
        exif[0x010E] = "taken at home"
        content = BytesIO()
        picture.save(content, "JPEG", exif=exif, comment=b"secret")
    shrunk = shrinker.shrink(content.getvalue())
    assert b"taken at home" in content.getvalue()
    assert b"taken at home" not in shrunk
    assert b"secret" not in shrunk


def test_whatever_is_no_picture_too_large_or_broken_is_refused() -> None:
    whole = {kind: draw(kind) for kind in ("PNG", "JPEG", "GIF", "WEBP", "AVIF")}
    refused = [
        b"", b"<html></html>", b"%PDF-1.7", draw("BMP"), draw("TIFF"), draw("ICO"), draw(size=(8, 8)),
        png_header(60_000, 60_000), png_header(2**31 - 1, 2**31 - 1), png_header(0, 5), png_header(900, 900),
        *(content[: len(content) // 2] for content in whole.values()),
    ]  # fmt: skip
    for content in refused:
        with pytest.raises(InputRefused):
            shrinker.shrink(content)
    chance = random.Random(7)
    for content in whole.values():
        for _ in range(30):
            broken = bytearray(content)
            for _ in range(chance.randint(1, 30)):
                broken[chance.randrange(len(broken))] = chance.randrange(256)
            with suppress(InputRefused):
                thumbnails.split(shrinker.shrink(bytes(broken)))


async def test_its_process_works_within_its_limits() -> None:
    content = draw("AVIF", size=(1200, 800))
    shrunk = await bounded_child.run(thumbnails.SHRINKER, content, seconds=60, max_output=thumbnails.MAX_SIZE)
    assert thumbnails.split(shrunk).jpeg
    with pytest.raises(InputRefused, match="pixels"):
        await bounded_child.run(thumbnails.SHRINKER, png_header(9_000, 9_000), seconds=60, max_output=100)
