"""Topics whose words are several interests: found, and split into one topic each."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from paperround.database import ReadSession, WriteSession
from paperround.i18n.messages import gettext as _
from paperround.topics.corpus import is_measured, load_current_version
from paperround.topics.drafts import TopicInvalid, default_name
from paperround.topics.model import interests
from paperround.topics.reader_topics import change_topic, create_topic, draft_of
from paperround.topics.tables import Topic


async def find_interests(session: ReadSession, text: str) -> Sequence[str]:
    """Find the interests of a topic's words where they are several. Empty where they read like one.

    While no version of the statistics is stored, nothing is known of them.
    """
    if not interests.is_list(text) or not await is_measured(session):
        return ()
    version = await load_current_version(session)
    return await asyncio.to_thread(interests.find_interests, version.statistics, text)


async def split_topic(session: WriteSession, topic: Topic, *, now: datetime) -> list[Topic]:
    """Split a topic into one for each interest that its words have now. Raises `TopicInvalid`.

    The topic itself keeps the first one, with its examples, ratings and authors, and its name if that was
    not taken from its words. The others get its rules.
    """
    parts = await find_interests(session, topic.words)
    if not parts:
        raise TopicInvalid(_("Its words read like one topic."))
    draft = draft_of(topic)
    is_named = draft.name != default_name(draft)
    first = replace(draft, words=parts[0], name=draft.name if is_named else "")
    await change_topic(session, topic, first, now=now)
    others = [replace(draft, name="", words=words, examples=(), authors=()) for words in parts[1:]]
    return [topic, *[await create_topic(session, topic.reader_id, other, now=now) for other in others]]
