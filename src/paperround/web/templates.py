"""The templates of pages, and what they may call."""

from __future__ import annotations

from collections.abc import MutableMapping
from datetime import UTC
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from paperround import schema
from paperround.i18n.templates import install_messages
from paperround.papers import doi
from paperround.text.links import list_public_links
from paperround.text.markup import render_html
from paperround.topics.band_names import name_band
from paperround.web.assets import fingerprint
from paperround.web.kept_blocks import KeepBlocks
from paperround.web.views import paper_cards, presenters
from paperround.web.views.article_writer import article_writer, entries_writer, entry_writer
from paperround.web.views.for_you import shorten_topic


class PageEnvironment(Environment):
    """An environment whose templates have its globals alone.

    Jinja's own gives each template a map of two; comparing them at each import took a tenth of a page's time.
    """

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        return self.globals if d is None else super().make_globals(d)


def load_templates() -> Environment:
    environment = PageEnvironment(
        loader=FileSystemLoader(schema.project_file("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    install_messages(environment)
    environment.add_extension(KeepBlocks)
    environment.globals.update(
        version=fingerprint(),
        say_listed=paper_cards.say_listed,
        explain_trending=paper_cards.explain_trending,
    )
    environment.filters.update(
        markup=render_html,
        ago=presenters.format_age,
        short_day=presenters.format_short_day,
        account_name=presenters.find_account_name,
        feed_name=presenters.name_feed,
        search_address=presenters.search_address,
        author_address=presenters.author_address,
        venue_address=presenters.venue_address,
        article=article_writer(environment),
        entry=(write_entry := entry_writer(environment)),
        entries=entries_writer(write_entry),
        short_topic=shorten_topic,
        band=name_band,
        brief=paper_cards.is_brief,
        doi_address=doi.doi_url,
        public_links=list_public_links,
        utc=lambda moment: f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC",
    )
    return environment
