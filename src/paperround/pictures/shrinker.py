"""Makes a thumbnail of a picture that a stranger made. It runs as a bounded child process, never elsewhere.

In: the picture's bytes. Out: the length of the WebP (four bytes, big-endian), the WebP, and the JPEG.
"""

from __future__ import annotations

import struct
import warnings
import zlib
from io import BytesIO
from typing import Final

from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.AvifImagePlugin import AvifImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from paperround.bounded_child import InputRefused, serve

# Their decoders are imported, since no file can be opened later; another format than these is refused.
FORMATS: Final = tuple(
    str(kind.format) for kind in (AvifImageFile, GifImageFile, JpegImageFile, PngImageFile, WebPImageFile)
)
MAX_PIXELS: Final = 40_000_000
MIN_SIDE: Final = 32  # pixels; smaller ones are counters and icons
WIDTH: Final = 320  # pixels, for 160 on a screen of twice the density
HEIGHT: Final = 180
WEBP_QUALITY: Final = 72
JPEG_QUALITY: Final = 76
# What Pillow's decoders raise for a broken file; they document few of these.
BROKEN: Final = (
    OSError, ValueError, SyntaxError, ArithmeticError, LookupError, TypeError, RuntimeError, EOFError,
    struct.error, zlib.error,
)  # fmt: skip
MEMORY: Final = 768 * 2**20
CPU_SECONDS: Final = 20


def shrink(content: bytes) -> bytes:
    """Make a thumbnail. Raises `InputRefused` for what is no picture, too large or too small."""
    small = _fit(content)
    webp, jpeg = BytesIO(), BytesIO()
    small.save(webp, "WEBP", quality=WEBP_QUALITY, method=6)
    small.save(jpeg, "JPEG", quality=JPEG_QUALITY, optimize=True, progressive=True)
    return struct.pack(">I", len(webp.getvalue())) + webp.getvalue() + jpeg.getvalue()


def _fit(content: bytes) -> Image.Image:
    """Decode the first frame and cut it to the thumbnails' size, on white, without anything but pixels."""
    try:
        with warnings.catch_warnings(), Image.open(BytesIO(content), formats=FORMATS) as picture:
            warnings.simplefilter("ignore")  # our own bound comes next
            _check_size(*picture.size)
            picture.draft("RGB", (2 * WIDTH, 2 * HEIGHT))  # a JPEG is decoded at a fraction of its size
            upright = ImageOps.exif_transpose(picture)
            opaque = _put_on_white(upright)
    except UnidentifiedImageError as error:
        raise InputRefused("It is no picture that can be read.") from error
    except Image.DecompressionBombError as error:
        raise InputRefused(f"It has more than {MAX_PIXELS:,} pixels.") from error
    except MemoryError as error:
        raise InputRefused("It takes more memory than a picture may.") from error
    except BROKEN as error:
        raise InputRefused(f"It is broken ({type(error).__name__}).") from error
    small = ImageOps.fit(opaque, (WIDTH, HEIGHT), Image.Resampling.LANCZOS, centering=(0.5, 0.2))
    small.info.clear()  # comments and profiles, which would be written again
    return small


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise InputRefused(f"It has {width:,} × {height:,} pixels, more than {MAX_PIXELS:,}.")
    if min(width, height) < MIN_SIDE:
        raise InputRefused(f"It has {width} × {height} pixels, too few to show.")


def _put_on_white(picture: Image.Image) -> Image.Image:
    if "A" not in picture.getbands() and "transparency" not in picture.info:
        return picture.convert("RGB")
    with_alpha = picture.convert("RGBA")
    ground = Image.new("RGBA", with_alpha.size, "white")
    return Image.alpha_composite(ground, with_alpha).convert("RGB")


if __name__ == "__main__":
    Image.preinit()  # loads what opening a picture would
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS  # for what a format holds within a picture, too
    serve(shrink, memory=MEMORY, cpu_seconds=CPU_SECONDS, may_open_files=False)
