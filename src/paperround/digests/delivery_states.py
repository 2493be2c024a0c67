"""The life of a delivery: which event may happen in which state, and the state that it leads to.

Every statement that writes or deletes a delivery because of its state is built from this table, so that a
step that is not in the table changes no row.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from sqlalchemy import Delete, Update, delete, update

from paperround.digests.tables import Delivery, DeliveryState
from paperround.errors import PaperroundError


class DeliveryEvent(enum.StrEnum):
    """Something that happens to a delivery."""

    claimed = "claimed"  # by a sender, for itself alone
    started = "started"  # its message is about to be handed over
    accepted = "accepted"  # the server took the message
    deferred = "deferred"  # the server said "not now"
    refused = "refused"  # the server said "no"
    answer_lost = "answer lost"  # after the whole message, before the server's answer
    not_handed_over = "not handed over"  # the server could not be reached
    returned = "returned"  # its sender gives it back without having started it
    sender_died_before_start = "sender died before start"
    sender_died_after_start = "sender died after start"  # or nobody knows whether it had started
    expired = "expired"  # nobody could send it in time
    resent = "resent"  # the operator queues it again
    dropped = "dropped"  # deleted: not wanted any more, or nothing is in it
    deleted_when_old = "deleted when old"


class Transition(NamedTuple):
    """The states in which an event may happen, and the one that it leads to; None means that the row goes."""

    sources: frozenset[DeliveryState]
    target: DeliveryState | None


class TransitionUnknown(PaperroundError):
    """The program asked for a step that the table of delivery states does not have."""

    title = "Not a step of a delivery"


INITIAL_STATE: Final = DeliveryState.queued
_WAITING: Final = frozenset({DeliveryState.queued, DeliveryState.deferred})
_SENDING: Final = frozenset({DeliveryState.sending})
# An outcome counts also where others thought its sender dead and put the delivery in doubt meanwhile.
_IN_HAND: Final = frozenset({DeliveryState.sending, DeliveryState.uncertain})

TRANSITIONS: Final[Mapping[DeliveryEvent, Transition]] = {
    DeliveryEvent.claimed: Transition(_WAITING, DeliveryState.sending),
    DeliveryEvent.started: Transition(_SENDING, DeliveryState.sending),
    DeliveryEvent.accepted: Transition(_IN_HAND, DeliveryState.sent),
    DeliveryEvent.deferred: Transition(_IN_HAND, DeliveryState.deferred),
    DeliveryEvent.refused: Transition(_IN_HAND, DeliveryState.failed),
    DeliveryEvent.answer_lost: Transition(_IN_HAND, DeliveryState.uncertain),
    DeliveryEvent.not_handed_over: Transition(_IN_HAND, DeliveryState.queued),
    DeliveryEvent.returned: Transition(_SENDING, DeliveryState.queued),
    DeliveryEvent.sender_died_before_start: Transition(_SENDING, DeliveryState.queued),
    DeliveryEvent.sender_died_after_start: Transition(_SENDING, DeliveryState.uncertain),
    DeliveryEvent.expired: Transition(_WAITING, DeliveryState.failed),
    DeliveryEvent.resent: Transition(frozenset({DeliveryState.uncertain}), DeliveryState.queued),
    DeliveryEvent.dropped: Transition(_WAITING, None),
    DeliveryEvent.deleted_when_old: Transition(
        frozenset({DeliveryState.failed, DeliveryState.uncertain}), None
    ),
}
OUTCOME_EVENTS: Final = frozenset(
    {
        DeliveryEvent.accepted,
        DeliveryEvent.deferred,
        DeliveryEvent.refused,
        DeliveryEvent.answer_lost,
        DeliveryEvent.not_handed_over,
    }
)


def get_sources(event: DeliveryEvent) -> frozenset[DeliveryState]:
    """Return the states in which an event may happen."""
    return TRANSITIONS[event].sources


def get_common_sources(events: Iterable[DeliveryEvent]) -> frozenset[DeliveryState]:
    """Return the states in which each of these may happen. Raises `TransitionUnknown` if they differ."""
    sources = {get_sources(event) for event in events}
    if len(sources) != 1:
        raise TransitionUnknown("These events may not all happen in the same states.")
    return sources.pop()


def get_target(event: DeliveryEvent) -> DeliveryState:
    """Return the state that an event leads to. Raises `TransitionUnknown` for one that deletes the row."""
    target = TRANSITIONS[event].target
    if target is None:
        raise TransitionUnknown(f"“{event.value}” leads to no state.")
    return target


def next_state(state: DeliveryState, event: DeliveryEvent) -> DeliveryState | None:
    """Return the state after an event, None if it deletes the row. Raises `TransitionUnknown`."""
    if state not in get_sources(event):
        raise TransitionUnknown(f"“{event.value}” may not happen to a delivery that is {state.value}.")
    return TRANSITIONS[event].target


def build_update(event: DeliveryEvent) -> Update:
    """Build the UPDATE that applies an event where it may happen; the caller adds which rows and values."""
    return (
        update(Delivery).where(Delivery.state.in_(sorted(get_sources(event)))).values(state=get_target(event))
    )


def build_delete(event: DeliveryEvent) -> Delete:
    """Build the DELETE that applies an event where it may happen. Raises `TransitionUnknown` for another."""
    if TRANSITIONS[event].target is not None:
        raise TransitionUnknown(f"“{event.value}” does not delete a delivery.")
    return delete(Delivery).where(Delivery.state.in_(sorted(get_sources(event))))
