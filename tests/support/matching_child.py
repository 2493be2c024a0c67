"""Matches a day, stuck with a block in hand, to be killed: `matching_child.py DATABASE_URL DAY`."""

from __future__ import annotations

import asyncio
import sys
from datetime import date

from paperround.database import Database
from paperround.topics.edition_matches import match_edition


class Stuck:
    name = "all-MiniLM-L6-v2"

    async def encode(self, texts):
        print("encoding", flush=True)
        await asyncio.sleep(60)


if __name__ == "__main__":
    asyncio.run(match_edition(Database(sys.argv[1]), date.fromisoformat(sys.argv[2]), Stuck()))
