"""Topics as readers describe them, checked and brought to one form before they are kept. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from paperround.errors import PaperroundError
from paperround.i18n.formats import format_number
from paperround.i18n.messages import gettext as _
from paperround.i18n.messages import mark_message
from paperround.text.plain import to_plain_text
from paperround.topics.library_entries import LibraryDraft
from paperround.topics.model.bands import DEFAULT_MIN_BAND, Band
from paperround.topics.model.match import TopicQuery

MAX_EXAMPLES: Final = 200  # of a topic; matching looks at as many
MAX_DAILY: Final = 50
MAX_NAME_LENGTH: Final = 100
MAX_WORDS_LENGTH: Final = 1000
MAX_RULES: Final = 20  # of each kind: required words, forbidden words, authors
MAX_RULE_LENGTH: Final = 100
DEFAULT_NAME_LENGTH: Final = 60  # characters of the words that name a topic which has no name


class TopicInvalid(PaperroundError):
    """The topic says nothing or too much, or the reader has too many. The text tells the reader which."""

    title = mark_message("Not a topic yet")
    status = 400


@dataclass(frozen=True)
class TopicDraft:
    """A topic as its reader describes it. Examples are ids of papers.

    `explain` lets the server that writes texts read the words, to say why papers match.
    """

    name: str = ""
    words: str = ""
    examples: tuple[str, ...] = ()
    must: tuple[str, ...] = ()
    must_not: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    daily: int = 5
    min_band: Band = DEFAULT_MIN_BAND
    explain: bool = False
    library: LibraryDraft | None = None  # one that was given just now
    library_of: int = 0  # the topic whose library, given before, stays

    @property
    def to_query(self) -> TopicQuery:
        """Turn the draft into a query, as it is before anything was rated."""
        return TopicQuery(
            words=self.words,
            examples=self.examples,
            texts=self.library.texts if self.library else (),
            library_of=0 if self.library else self.library_of,
            must=self.must,
            must_not=self.must_not,
            authors=self.authors,
        )


def check_draft(draft: TopicDraft) -> TopicDraft:
    """Check a draft and bring it to plain text, without duplicates, with a name. Raises `TopicInvalid`."""
    checked = replace(
        draft,
        name=to_plain_text(draft.name),
        words=to_plain_text(draft.words),
        examples=tuple(dict.fromkeys(draft.examples)),
        must=_unique_texts(draft.must),
        must_not=_unique_texts(draft.must_not),
        authors=_unique_texts(draft.authors),
    )
    has_library = checked.library.is_useful if checked.library else checked.library_of
    if not (checked.words or checked.examples or checked.authors or has_library):
        raise TopicInvalid(_("Say what it is about: some words, a paper or an author."))
    _check_length(_("The name"), checked.name, MAX_NAME_LENGTH)
    _check_length(_("The words"), checked.words, MAX_WORDS_LENGTH)
    for kind, rules in {
        _("words that must appear"): checked.must,
        _("words that must not appear"): checked.must_not,
        _("authors"): checked.authors,
    }.items():
        if len(rules) > MAX_RULES:
            raise TopicInvalid(
                _(
                    "At most %(max_rules)s of a kind (%(kind)s); there are %(number)s.",
                    max_rules=MAX_RULES,
                    kind=kind,
                    number=len(rules),
                )
            )
        for rule in rules:
            _check_length(f"“{rule[:20]}…”", rule, MAX_RULE_LENGTH)
    if len(checked.examples) > MAX_EXAMPLES:
        raise TopicInvalid(
            _(
                "At most %(max_examples)s example papers; there are %(number)s.",
                max_examples=MAX_EXAMPLES,
                number=len(checked.examples),
            )
        )
    if not 1 <= checked.daily <= MAX_DAILY:
        raise TopicInvalid(_("From 1 to %(max_daily)s papers a day.", max_daily=MAX_DAILY))
    return replace(checked, name=checked.name or default_name(checked))


def _unique_texts(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(plain for text in texts if (plain := to_plain_text(text))))


def _check_length(what: str, text: str, max_length: int) -> None:
    if len(text) > max_length:
        raise TopicInvalid(
            _(
                "%(what)s is too long: %(number)s characters of at most %(max_length)s.",
                what=what,
                number=format_number(len(text)),
                max_length=format_number(max_length),
            )
        )


def default_name(draft: TopicDraft) -> str:
    """Name a topic that got no name, by its words or by what it has instead."""
    if draft.words:
        short = draft.words[: DEFAULT_NAME_LENGTH + 1]
        return (
            draft.words if len(short) <= DEFAULT_NAME_LENGTH else f"{short.rpartition(' ')[0] or short[:-1]}…"
        )
    if draft.examples:
        return f"Like {draft.examples[0]}"
    return f"By {draft.authors[0]}" if draft.authors else "Like a library"
