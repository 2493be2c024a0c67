"""A process that hangs while it matches a day, to be killed: `matching_child.py DATABASE_URL DAY`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from datetime import date
from typing import NoReturn

from paperround.database import Database
from paperround.topics.edition_matches import match_edition


class StuckEncoder:
    name = "all-MiniLM-L6-v2"

    async def encode(self, texts: Sequence[str]) -> NoReturn:
        print("encoding", flush=True)
        while True:
            await asyncio.sleep(60)


async def main(url: str, day: date) -> None:
    async with Database(url) as database:
        await match_edition(database, day, StuckEncoder())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], date.fromisoformat(sys.argv[2])))
