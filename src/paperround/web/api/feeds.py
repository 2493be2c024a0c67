"""/api/v1/feeds: the state of reading the feeds."""

from __future__ import annotations

from paperround.feeds import status
from paperround.web.api.schemas import FeedList, FeedOut
from paperround.web.dependencies import Config, Now, Read
from paperround.web.router import Router

router = Router(prefix="/api/v1/feeds", tags=["feeds"])


@router.get("", summary="The state of ingestion, feed by feed")
async def list_feeds(session: Read, settings: Config, now: Now) -> FeedList:
    states = [await status.load_feed_status(session, name, now=now) for name in settings.feeds]
    return FeedList(feeds=[FeedOut.of(state) for state in states])
