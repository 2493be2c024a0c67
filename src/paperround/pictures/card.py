"""Draws a paper's card: what chats and networks show beside a link, 1200 × 630 pixels, as PNG.

The fonts are packaged, so a card looks alike on every machine. Where a font lacks a letter of a text, the
text is left out and the card says the rest: never boxes in the place of letters.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw, ImageFont, features

WIDTH: Final = 1200  # pixels, as all below
HEIGHT: Final = 630
MARGIN: Final = 72
BASELINE: Final = HEIGHT - 84  # of the last line
TITLE_SIZES: Final = (64, 56, 48, 42, 36)
MAX_TITLE_HEIGHT: Final = 300
LINE_HEIGHT: Final = 1.25  # of the size
SMALL: Final = 32
MAX_TITLE_LENGTH: Final = 400  # characters
MAX_NAMES: Final = 6
MAX_NAME_LENGTH: Final = 80
MAX_KEPT_GLYPHS: Final = 4_096
COLOURS: Final = 48

PAPER: Final = "#fbfaf6"
INK: Final = "#1c1b19"
QUIET: Final = "#625e56"
EMBER: Final = "#ad3d16"

FONTS: Final = Path(__file__).parent / "fonts"
BOLD: Final = "DejaVuSans-Bold.ttf"
BOOK: Final = "DejaVuSans.ttf"
ABSENT: Final = "\U0010fffe"  # in no font, so it is drawn as what is missing is
RIGHT_TO_LEFT: Final = frozenset({"R", "AL"})


@dataclass(frozen=True)
class CardText:
    """What a card says. `number` names the paper where its title can't be drawn."""

    title: str
    authors: tuple[str, ...]
    number: str
    day: str
    site: str


def draw_card(text: CardText) -> bytes:
    """Draw a card. It never fails for a text."""
    picture = Image.new("RGB", (WIDTH, HEIGHT), PAPER)
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 0, WIDTH, 14), fill=EMBER)
    title = make_drawable(text.title[:MAX_TITLE_LENGTH], BOLD)
    below = _draw_title(draw, title or text.number)
    _draw_line(draw, below + 28, _write_authors(text.authors), BOOK, QUIET)
    site = make_drawable(text.site, BOLD) or ""
    _draw_line(draw, BASELINE - SMALL, site, BOLD, EMBER)
    facts = " · ".join([text.number, text.day] if title else [text.day])
    font = _load_font(BOOK, SMALL)
    draw.text((WIDTH - MARGIN, BASELINE), facts, QUIET, font, anchor="rs")
    content = BytesIO()
    picture.quantize(COLOURS, Image.Quantize.FASTOCTREE).save(content, "PNG", compress_level=6)
    return content.getvalue()


def make_drawable(text: str, face: str) -> str | None:
    """Bring a text into characters that a face has. None: it has words that can't be drawn.

    A styled letter becomes the plain one (𝒪 becomes O). A sign or an emoji that the face lacks is left out.
    """
    drawn = "".join(_draw_as(character, face) or "" for character in text)
    if any(_draw_as(c, face) is None for c in text):
        return None
    return " ".join(drawn.split()) or None


@lru_cache(MAX_KEPT_GLYPHS)
def _draw_as(character: str, face: str) -> str | None:
    """Return what a character is drawn as: itself, its plain form, or ''. None: a letter that is missing."""
    if character.isspace():
        return " "
    if _is_joiner(character):
        return ""
    for form in (character, unicodedata.normalize("NFKC", character)):
        if form and all(_has(part, face) for part in form):
            return form
    return None if unicodedata.category(character)[0] in "LNM" else ""


def _is_joiner(character: str) -> bool:
    """Tell whether it only says how others are joined or shown, as within an emoji."""
    return 0xFE00 <= ord(character) <= 0xFE0F or 0xE0100 <= ord(character) <= 0xE01EF


def _has(character: str, face: str) -> bool:
    if unicodedata.category(character)[0] == "C":
        return False
    if unicodedata.bidirectional(character) in RIGHT_TO_LEFT and not _can_shape():
        return False
    return _picture_of(character, face) != _picture_of(ABSENT, face)


@lru_cache(MAX_KEPT_GLYPHS)
def _picture_of(character: str, face: str) -> bytes:
    mask = _load_font(face, 16).getmask(character)
    return repr(mask.size).encode() + bytes(mask)


@lru_cache(1)
def _can_shape() -> bool:
    """Tell whether Pillow finds what joins letters and orders those that run from right to left."""
    return bool(features.check("raqm") and features.check("fribidi"))


@lru_cache(len(TITLE_SIZES) + 4)
def _load_font(face: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(FONTS / face, size)


def _write_authors(names: Sequence[str]) -> str:
    """Write the first names that can be drawn and fit into a line, and how many more there are."""
    shown = [drawn for name in names[:MAX_NAMES] if (drawn := make_drawable(name[:MAX_NAME_LENGTH], BOOK))]
    font = _load_font(BOOK, SMALL)
    while shown:
        rest = len(names) - len(shown)
        line = ", ".join(shown) + (f" and {rest} more" if rest else "")
        if font.getlength(line) <= WIDTH - 2 * MARGIN:
            return line
        shown.pop()
    return f"{len(names)} author{'s' if len(names) > 1 else ''}" if names else ""


def _draw_title(draw: ImageDraw.ImageDraw, title: str) -> float:
    """Draw the title as large as it fits, cut if need be. Returns where it ends."""
    for size in TITLE_SIZES:
        font = _load_font(BOLD, size)
        lines, most = [*_wrap(title, font)], int(MAX_TITLE_HEIGHT / (size * LINE_HEIGHT))
        if len(lines) <= most:
            break
    else:
        lines = [*lines[: most - 1], f"{lines[most - 1].rstrip()} …"]
    place, anchor = _find_start(title)
    top = float(MARGIN + 24)
    for line in lines:
        draw.text((place, top), line, INK, font, anchor=anchor)
        top += size * LINE_HEIGHT
    return top


def _wrap(text: str, font: ImageFont.FreeTypeFont) -> Iterator[str]:
    """Break a text into lines, between words where that is possible. There is room for an ellipsis."""
    room = WIDTH - 2 * MARGIN - font.getlength(" …")
    line = ""
    for word in text.split():
        longer = f"{line} {word}" if line else word
        if font.getlength(longer) <= room:
            line = longer
            continue
        if line:
            yield line
        line = word
        while font.getlength(line) > room:
            lengths = range(1, len(line))
            fitting = max(bisect_right(lengths, room, key=lambda n: font.getlength(line[:n])), 1)
            yield line[:fitting]
            line = line[fitting:]
    if line:
        yield line


def _draw_line(draw: ImageDraw.ImageDraw, top: float, line: str, face: str, colour: str) -> None:
    place, anchor = _find_start(line)
    draw.text((place, top), line, colour, _load_font(face, SMALL), anchor=anchor)


def _find_start(text: str) -> tuple[int, str]:
    """Find where lines begin: on the right if the text's first letter is of such a script."""
    kinds = (unicodedata.bidirectional(character) for character in text)
    first = next((kind for kind in kinds if kind in {"L", *RIGHT_TO_LEFT}), "L")
    return (WIDTH - MARGIN, "ra") if first in RIGHT_TO_LEFT else (MARGIN, "la")
