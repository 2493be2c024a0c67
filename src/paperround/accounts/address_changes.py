"""Mail about a change of a reader's address: both addresses are told, and the earlier one can undo it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select, update

from paperround.accounts.tables import AddressNotice, NoticeKind, Reader
from paperround.database import ReadSession, WriteSession
from paperround.errors import PaperroundError
from paperround.i18n.formats import format_time
from paperround.i18n.languages import choose_stored
from paperround.i18n.messages import gettext as _
from paperround.i18n.messages import mark_message
from paperround.mail.transactional import TemplatedMessage
from paperround.tokens import generate_token, hash_token

UNDO_PERIOD: Final = timedelta(days=7)
MIN_RETRY_DELAY: Final = timedelta(minutes=1)


class UndoNotPossible(PaperroundError):
    """The link was used, is too old, or never existed."""

    title = mark_message("This can’t be undone any more")
    status = 410

    def __init__(self) -> None:
        days = UNDO_PERIOD.days
        super().__init__(
            _("The change of the address was undone, or is more than %(days)s days old.", days=days)
        )


class AddressChangedLately(PaperroundError):
    """The earlier address may still undo a change, so its account must not be deleted."""

    title = mark_message("The address was changed recently")
    status = 409
    advice = mark_message(
        "Wait until then, or undo the change first by the link in the mail to the earlier address."
    )

    def __init__(self, settled_at: datetime) -> None:
        super().__init__(
            _(
                "The earlier address of this account can undo the change until %(time)s UTC. "
                "Until then the account can’t be deleted.",
                time=format_time(settled_at),
            )
        )


async def announce_change(
    session: WriteSession, reader_id: int, *, old: str, new: str, is_undo: bool = False, now: datetime
) -> None:
    """Have both addresses told. Unless the change undoes another one, the old address can undo it."""
    to_old = NoticeKind.undone if is_undo else NoticeKind.changed
    session.add_all(
        AddressNotice(reader_id=reader_id, kind=kind, email=email, other_email=other, made_at=now, due_at=now)
        for kind, email, other in ((to_old, old, new), (NoticeKind.confirmed, new, old))
    )
    await session.flush()


async def find_undoable(session: ReadSession, token: str, *, now: datetime) -> AddressNotice:
    """Find the notice whose link can undo its change. Raises `UndoNotPossible`."""
    notice = await session.scalar(
        select(AddressNotice).where(
            AddressNotice.token_hash == hash_token(token),
            AddressNotice.ended_at.is_(None),
            AddressNotice.made_at > now - UNDO_PERIOD,
        )
    )
    if notice is None:
        raise UndoNotPossible
    return notice


async def end_undo_links(session: WriteSession, reader_id: int, *, now: datetime) -> None:
    """End the links that could undo a reader's changes, also those that have not been mailed."""
    open_links = (
        AddressNotice.reader_id == reader_id,
        AddressNotice.kind == NoticeKind.changed,
        AddressNotice.ended_at.is_(None),
    )
    await session.execute(update(AddressNotice).where(*open_links).values(ended_at=now, due_at=None))


async def require_settled(session: ReadSession, reader_id: int, *, now: datetime) -> None:
    """Raise `AddressChangedLately` while an earlier address can undo a change."""
    latest = await session.scalar(
        select(AddressNotice.made_at)
        .where(
            AddressNotice.reader_id == reader_id,
            AddressNotice.kind == NoticeKind.changed,
            AddressNotice.ended_at.is_(None),
            AddressNotice.made_at > now - UNDO_PERIOD,
        )
        .order_by(AddressNotice.made_at.desc())
        .limit(1)
    )
    if latest is not None:
        raise AddressChangedLately(latest + UNDO_PERIOD)


@dataclass(frozen=True)
class AddressNoticeMail:
    """The source of these messages, for the transactional mailer."""

    site_url: str
    name: str = "address notices"

    async def list_waiting_ids(self, session: ReadSession, *, now: datetime, limit: int) -> Sequence[int]:
        query = select(AddressNotice.id).where(AddressNotice.due_at <= now)
        return (await session.scalars(query.order_by(AddressNotice.due_at).limit(limit))).all()

    async def lock_row(self, session: WriteSession, row_id: int, *, now: datetime) -> AddressNotice | None:
        query = select(AddressNotice).where(AddressNotice.id == row_id, AddressNotice.due_at <= now)
        return await session.scalar(query.with_for_update(skip_locked=True))

    async def prepare_messages(
        self,
        session: WriteSession,
        row: AddressNotice,
    ) -> Sequence[TemplatedMessage]:
        row.due_at = None
        link = f"{self.site_url}/settings"
        if row.kind is NoticeKind.changed:
            token = generate_token()
            row.token_hash = hash_token(token)
            link = f"{self.site_url}/address/undo/{token}"
        variables = {"link": link, "email": row.email, "other": row.other_email, "days": UNDO_PERIOD.days}
        language = choose_stored(
            await session.scalar(select(Reader.interface_language).where(Reader.id == row.reader_id))
        )
        return [TemplatedMessage(f"address_{row.kind}", row.email, variables, language)]

    def postpone(self, row: AddressNotice, *, now: datetime) -> None:
        """Wait as long again as it has waited. It is deleted when its change can't be undone any more."""
        row.due_at = now + max(MIN_RETRY_DELAY, now - row.made_at)
