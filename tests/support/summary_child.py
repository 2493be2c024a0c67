"""A process that has summaries written, to be killed: `summary_child.py DATABASE_URL TEXT_SERVER_URL`."""

from __future__ import annotations

import asyncio
import sys

from paperround.database import Database
from paperround.settings import Settings
from paperround.summaries.client import TextServerClient
from paperround.summaries.selection import Wanted
from paperround.summaries.writer import write_texts


async def main(database_url: str, server_url: str) -> None:
    settings = Settings(_env_file=None, summary_url=server_url, summary_model="small-one")
    async with Database(database_url) as database, TextServerClient(settings, database) as server:
        await write_texts(database, server, Wanted.from_settings(settings), daily_limit=1000)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
