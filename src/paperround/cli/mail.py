"""What the commands of mail do: preview a digest, send what is due, read what came back."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import date
from functools import partial
from pathlib import Path
from typing import Final

from rich.console import Console
from sqlalchemy import select

from paperround.database import Database, utc_now
from paperround.digests import bounces, calendar, delivery, ledger
from paperround.digests.bounces import LARGEST, Unreadable
from paperround.digests.items import Items
from paperround.digests.links import Links
from paperround.digests.renderer import Writer
from paperround.digests.selection import Order, Periods, contents_of
from paperround.digests.subscriptions import rhythm_of
from paperround.digests.tables import Cadence, Delivery, Progress, Subscription, WhenEmpty
from paperround.settings import Settings
from paperround.tokens import signer
from paperround.topics.edition_matches import match_edition

READ: Final = ".read"  # what a message that was read is called then, behind its name


@asynccontextmanager
async def _links(settings: Settings, url: str) -> AsyncIterator[tuple[Database, Links]]:
    database = Database(url, pool_size=4, application="paperround digest")
    try:
        yield database, Links.of(settings, await signer(database, settings))
    finally:
        await database.close()


async def preview(settings: Settings, url: str, address: str, folder: Path, out: Console) -> None:
    """Write the digest that `address` would get now as .eml and .html. Nothing is sent or noted."""
    now = utc_now()
    async with _links(settings, url) as (database, links):
        async with database.reading() as session:
            one = await session.scalar(select(Subscription).where(Subscription.email == address))
            if one is None:
                out.print(f"{address} has no subscription: this is what a new one would get.", markup=False)
                one = _new(address)
            order = _order(one, now.date())
            contents = (
                await contents_of(session, [order], Periods(lambda day: match_edition(database, day, None)))
            )[order.id]
            items = await Items().get(session, contents.papers)
        writer = Writer(links, settings.site_name)
        digest = delivery.digest_of(order, contents, items)
        _write(folder, writer.letter(digest, now=now).body, writer.page(digest).html)
    out.print(
        f"{folder / 'digest.eml'} and {folder / 'digest.html'} have {len(digest.papers)} papers.",
        markup=False,
    )


def _order(one: Subscription, day: date) -> Order:
    return Order(
        id=0,
        subscription_id=one.id,
        period=day,
        since=calendar.first_day(rhythm_of(one), day),
        attempts=0,
        papers=None,
        reasons=None,
        email=one.email,
        reader_id=one.reader_id,
        cadence=one.cadence,
        trending=one.trending,
        topics=one.topics,
        most=one.most,
        when_empty=one.when_empty,
    )


def _write(folder: Path, message: bytes, page: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "digest.eml").write_bytes(message)
    (folder / "digest.html").write_text(page, encoding="utf-8")


def _new(address: str) -> Subscription:
    return Subscription(
        id=0, email=address, cadence=Cadence.daily, weekday=0, hour=7, time_zone="UTC", trending=True,
        topics=False, most=10, when_empty=WhenEmpty.note,
    )  # fmt: skip


async def send_due(settings: Settings, url: str, out: Console) -> None:
    """Send every digest that is due, beside the workers if there are any."""
    database = Database(url, pool_size=8, application="paperround digest")
    try:
        async with delivery.opened(settings, database) as desk:
            tally = await delivery.send_due(desk)
    finally:
        await database.close()
    told = ", ".join(f"{number} {state.value}" for state, number in tally.items())
    out.print(f"Digests: {told or 'none is due'}.")


async def resend(settings: Settings, url: str, delivery_id: int | None, out: Console) -> None:
    """Queue uncertain deliveries again."""
    async with _links(settings, url) as (database, _), database.writing() as session:
        number = await ledger.resend(session, now=utc_now(), delivery_id=delivery_id)
    out.print(f"{number} uncertain {'digest is' if number == 1 else 'digests are'} queued again.")


async def uncertain(url: str, out: Console) -> None:
    """List what is in doubt."""
    database = Database(url, pool_size=1, application="paperround digest")
    async with database.reading() as session:
        query = select(Delivery).where(Delivery.state == Progress.uncertain).order_by(Delivery.due_at.desc())
        for one in await session.scalars(query.limit(1000)):
            out.print(
                f"{one.id}  due {one.due_at:%Y-%m-%d %H:%M} UTC  {one.words}", markup=False, soft_wrap=True
            )
    await database.close()


async def take_bounces(settings: Settings, url: str, folder: Path | None, out: Console) -> None:
    """Read one message from the input, or all of a folder; what was read is renamed there."""
    async with _links(settings, url) as (database, links):
        for name, body, done in _messages(folder):
            try:
                report = bounces.read(body, links)
            except Unreadable as error:
                out.print(f"{name}: left alone. {error}", markup=False, soft_wrap=True)
                done()
                continue
            async with database.writing() as session:
                known = await bounces.take(session, report, now=utc_now())
            done()
            kind = report.bounce.value if report.bounce else "unsubscribed"
            told = f"{kind} ({report.words})" if known else "its digest is no longer kept"
            out.print(f"{name}: {told}", markup=False, soft_wrap=True)


def _messages(folder: Path | None) -> Iterator[tuple[str, bytes, Callable[[], object]]]:
    if folder is None:
        yield "message", sys.stdin.buffer.read(LARGEST), lambda: None
        return
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.suffix != READ and not path.name.startswith("."):
            with path.open("rb") as file:
                body = file.read(LARGEST)
            yield path.name, body, partial(path.rename, path.with_name(path.name + READ))
