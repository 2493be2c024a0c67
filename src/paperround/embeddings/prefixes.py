"""Prefixes: what a model wants to read before a question, and before a paper. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple


class TextPrefixes(NamedTuple):
    """`query` goes before what somebody asks or follows, `paper` before the text of a paper."""

    query: str = ""
    paper: str = ""


NO_PREFIXES: Final = TextPrefixes()
MAX_PREFIX_LENGTH: Final = 300  # characters
PASSAGES: Final = TextPrefixes("Represent this sentence for searching relevant passages: ")
TASK: Final = "Instruct: Given a search query, retrieve relevant passages that answer the query\nQuery: "

# The first pattern that a model's name has. They are what the models' authors say of them.
KNOWN_PREFIXES: Final[Sequence[tuple[re.Pattern[str], TextPrefixes]]] = [
    (re.compile(pattern), prefixes)
    for pattern, prefixes in (
        (r"\bbge-(small|base|large)-en\b", PASSAGES),
        (r"\bbge-(small|base|large)-zh\b", TextPrefixes("为这个句子生成表示以用于检索相关文章：")),
        (r"\barctic-embed-[ml]-v2", TextPrefixes("query: ")),
        (r"\barctic-embed\b", PASSAGES),
        (r"\bmdbr-leaf-", PASSAGES),
        (r"\bmxbai-embed-", PASSAGES),
        (r"\buae-large-", PASSAGES),
        (r"\be5-(mistral|.*instruct)", TextPrefixes(TASK)),
        (r"\be5-(small|base|large)", TextPrefixes("query: ", "passage: ")),
        (r"\bnomic-embed-text\b", TextPrefixes("search_query: ", "search_document: ")),
        (r"\bembeddinggemma\b", TextPrefixes("task: search result | query: ", "title: none | text: ")),
        (r"\bqwen3-embedding\b", TextPrefixes(TASK)),
    )
]


def find_prefixes(model: str) -> TextPrefixes:
    """Find the prefixes that a model is known to want, by its name or its folder's; else there are none."""
    name = re.split(r"[/\\]", model.rstrip("/\\"))[-1].lower().replace("_", "-")
    return next((prefixes for pattern, prefixes in KNOWN_PREFIXES if pattern.search(name)), NO_PREFIXES)
