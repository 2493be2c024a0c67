"""What a list says of a paper."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from operator import attrgetter
from typing import Final

from markupsafe import Markup, escape

from paperround.summaries.translations import Translation

# What the template of an article reads, besides the two lists, and what that of an entry reads besides.
ARTICLE_FIELDS: Final = attrgetter(
    "url", "title", "lead", "is_lead_by_model", "who", "who_url", "others", "people", "published",
    "published_label", "comments", "code_url", "stars", "project_url", "thumbnail", "withdrawn",
    "is_shortened", "coins", "language",
)  # fmt: skip
ENTRY_FIELDS: Final = attrgetter("id", "votes", "line", "seen")


@dataclass(frozen=True)
class PaperCard:
    """A paper in a list. Its texts are safe HTML, and its links are http(s).

    `lead` says what was done, in a model's words if `is_lead_by_model`. It is empty where the abstract begins
    with that, or doesn't say it. `people` are the authors where `who` names an organization. `line` is the
    path of a small chart of recent votes. `thumbnail` is the name of our own small picture. `seen` is when
    the paper was first seen, in seconds since 1970, or 0 if unknown. `is_shortened` tells that the abstract
    goes on where `url` leads. `coins` is for reference managers.
    """

    id: str
    url: str
    title: Markup
    lead: Markup
    is_lead_by_model: bool
    paragraphs: Sequence[Markup]
    who: str
    who_url: str | None
    others: str
    people: str
    published: date
    published_label: str
    listed: date
    listed_label: str
    votes: int
    comments: str | None
    code_url: str | None
    stars: int | None
    project_url: str | None
    keywords: Sequence[str]
    today: int
    line: str | None
    seen: int
    thumbnail: str | None = None
    withdrawn: bool = False
    is_shortened: bool = False
    coins: str = ""
    language: str = ""  # of the lead, where a reader chose another one

    @cached_property
    def article_key(self) -> tuple[object, ...]:
        """All that an article shows of the card, but for the language that it is written in."""
        return (*ARTICLE_FIELDS(self), *self.paragraphs, None, *self.keywords, None)

    @cached_property
    def entry_key(self) -> tuple[object, ...]:
        """All that an entry of a list shows of the card."""
        return (*self.article_key, *ENTRY_FIELDS(self))

    def translated(self, translation: Translation | None) -> PaperCard:
        """Return the card with the summary in the reader's language, if there is one."""
        if translation is None or translation.summary is None:
            return self
        lead = escape(translation.summary)
        return replace(self, lead=lead, is_lead_by_model=True, language=translation.language)
