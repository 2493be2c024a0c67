"""How much answers are compressed. A page of papers is text, and shrinks to a third."""

from __future__ import annotations

MIN_COMPRESSED_SIZE = 1000  # bytes; less doesn't shrink enough to be worth it
COMPRESSION_LEVEL = 4  # the next takes half as much time again for a thirtieth of the bytes
