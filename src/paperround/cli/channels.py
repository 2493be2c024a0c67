"""`paperround channel`: digests to webhooks and chats, added by whoever has the shell."""

from __future__ import annotations

import re
from typing import Annotated, Final

import typer
from rich.table import Table
from sqlalchemy import select

from paperround import event_loop
from paperround.accounts.tables import Reader
from paperround.channels.address import ChannelAddress, parse_address
from paperround.channels.apprise_process import is_apprise_installed
from paperround.channels.encryption import ChannelSecrets, SecretBox
from paperround.channels.message import ChannelNotice
from paperround.channels.sender import open_channel_sender
from paperround.cli.console import console, fail, output
from paperround.cli.context import load_settings, open_database
from paperround.cli.status import format_time
from paperround.database import ReadSession, utc_now
from paperround.digests import channels
from paperround.digests.channels import ChannelDraft
from paperround.digests.subscriptions import SubscriptionPreferences
from paperround.digests.tables import Cadence, WhenEmpty
from paperround.mail.recipients import normalise_recipient
from paperround.security_events import SecurityEvent, record_security_event
from paperround.settings import Settings
from paperround.tokens import load_signer
from paperround.topics.model.bands import Band

channel_app = typer.Typer(help="Digests to webhooks and chats.", no_args_is_help=True)

TIME: Final = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
DEFAULT_TIME: Final = "07:00"
EXAMPLE: Final = "Example: paperround channel add slack://T0123/B0123/secret --trending --weekdays 08:30"


@channel_app.command(epilog=EXAMPLE)
def add(
    address: Annotated[str, typer.Argument(help="https://…, slack://…, discord://…, tgram://…; - reads it.")],
    name: Annotated[str, typer.Option(help="What it is called in lists.")] = "",
    trending: Annotated[bool, typer.Option("--trending", help="Send what is trending.")] = False,
    topics_of: Annotated[str, typer.Option(help="Send what fits this reader's topics; it is theirs.")] = "",
    daily: Annotated[str, typer.Option(help="Every day at this time.", metavar="HH:MM")] = "",
    weekdays: Annotated[str, typer.Option(help="Monday to Friday at this time.", metavar="HH:MM")] = "",
    weekly: Annotated[str, typer.Option(help="Once a week at this time.", metavar="HH:MM")] = "",
    weekday: Annotated[str, typer.Option(help="The day of a weekly one.")] = "monday",
    monthly: Annotated[
        str, typer.Option(help="On the first of each month, at this time.", metavar="HH:MM")
    ] = "",
    time_zone: Annotated[str, typer.Option(help="Of these times, such as Europe/Berlin.")] = "UTC",
    most: Annotated[int, typer.Option(min=1, max=30, help="Most papers of each part.")] = 10,
    threshold: Annotated[Band | None, typer.Option(help="The least fit of what comes for topics.")] = None,
    note: Annotated[bool, typer.Option("--note", help="Say so when nothing is new.")] = False,
) -> None:
    """Add a channel. A message is sent there first; if that fails, nothing is added."""
    times = {
        Cadence.daily: daily,
        Cadence.weekdays: weekdays,
        Cadence.weekly: weekly,
        Cadence.monthly: monthly,
    }
    given = {cadence: text for cadence, text in times.items() if text}
    if len(given) > 1:
        fail("Give one of --daily, --weekdays, --weekly and --monthly.")
    if not (trending or topics_of):
        fail("Say what to send: --trending, --topics-of ADDRESS, or both.")
    (cadence, text), *_ = given.items() or [(Cadence.daily, DEFAULT_TIME)]
    hour, minute = _parse_time(text)
    preferences = SubscriptionPreferences(
        cadence=cadence,
        weekday=_parse_weekday(weekday),
        hour=hour,
        minute=minute,
        time_zone=time_zone,
        trending=trending,
        topics=bool(topics_of),
        max_papers=most,
        when_empty=WhenEmpty.note if note else WhenEmpty.skip,
        min_band=threshold,
    )
    pasted = typer.get_text_stream("stdin").readline() if address == "-" else address
    parsed = parse_address(pasted, allows_apprise=is_apprise_installed())
    event_loop.run(_add, load_settings("channel"), parsed, name, preferences, topics_of)


async def _add(
    settings: Settings, address: ChannelAddress, name: str, preferences: SubscriptionPreferences, email: str
) -> None:
    async with open_database(settings, "paperround channel", schema_rule="upgrade") as database:
        box = SecretBox.from_signer(await load_signer(database, settings))
        async with database.read_session() as session:
            reader_id = await _find_reader(session, settings, email) if email else None
        draft = ChannelDraft.build(box, address)
        await _try(settings, draft.secrets)
        async with database.write_session() as session:
            channel = await channels.add_confirmed(
                session, draft, name, preferences, reader_id=reader_id, now=utc_now()
            )
    record_security_event(SecurityEvent.channel_added, subject=channel.id)
    console.print(f"Channel {channel.id} to {address.hint} is on.", markup=False)
    if draft.secrets.signing_secret:
        console.print("Its messages are signed with this secret, which is shown once:")
        output.print(draft.secrets.signing_secret, markup=False, soft_wrap=True)


async def _find_reader(session: ReadSession, settings: Settings, email: str) -> int:
    found = await session.scalar(
        select(Reader.id).where(Reader.email == normalise_recipient(email, settings))
    )
    if found is None:
        fail("Nobody has an account with this address.")
    return found


async def _try(settings: Settings, secrets: ChannelSecrets) -> None:
    """Send a message that says what is to come. Raises `ChannelError`."""
    now = utc_now()
    notice = ChannelNotice(
        id=f"test_{int(now.timestamp())}",
        site_name=settings.site_name,
        site_url=settings.address,
        title=settings.site_name,
        text="From now on papers come here.",
        url=settings.address,
    )
    async with open_channel_sender(settings.channel_networks) as sender:
        await sender.prepare(secrets, notice, now=now)()


@channel_app.command("list", epilog="Example: paperround channel list")
def list_channels() -> None:
    """The channels of the site, and how each stands. No address is shown."""
    event_loop.run(_list, load_settings("channel"))


async def _list(settings: Settings) -> None:
    async with (
        open_database(settings, "paperround channel") as database,
        database.read_session() as session,
    ):
        known = await channels.list_all(session)
    if not known:
        output.print("There is no channel.")
        return
    table = Table("number", "name", "kind", "to", "state", "next", "of", box=None)
    for one in known:
        due_at = one.subscription.next_due_at
        table.add_row(
            str(one.id),
            one.name,
            one.kind.value,
            one.hint,
            one.subscription.state.value,
            format_time(due_at) if due_at else "",
            "a reader" if one.subscription.reader_id else "the site",
        )
    output.print(table, soft_wrap=True)


@channel_app.command(epilog="Example: paperround channel remove 12")
def remove(number: Annotated[int, typer.Argument(help="The channel's number, as `list` shows it.")]) -> None:
    """Remove a channel. Nothing more is sent there."""
    event_loop.run(_remove, load_settings("channel"), number)


async def _remove(settings: Settings, channel_id: int) -> None:
    async with (
        open_database(settings, "paperround channel") as database,
        database.write_session() as session,
    ):
        await channels.remove_any(session, channel_id)
    record_security_event(SecurityEvent.channel_removed, subject=channel_id)
    console.print(f"Channel {channel_id} is gone.")


def _parse_time(text: str) -> tuple[int, int]:
    found = TIME.fullmatch(text.strip())
    if found is None:
        fail(f"{text[:20]!r} is no time of a day; write 08:30.")
    return int(found[1]), int(found[2])


def _parse_weekday(text: str) -> int:
    matching = [day for day in WEEKDAYS if len(text) >= 2 and day.startswith(text.strip().lower())]
    if len(matching) != 1:
        fail(f"{text[:20]!r} is no day of the week; write monday.")
    return WEEKDAYS.index(matching[0])
