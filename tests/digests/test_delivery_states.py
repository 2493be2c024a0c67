"""A delivery moves only as the table says, in the database as on paper."""

from __future__ import annotations

import ast
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert, select

import paperround
from paperround.database import Database
from paperround.digests import delivery_states
from paperround.digests.delivery_log import DeliveryOutcome
from paperround.digests.delivery_states import (
    INITIAL_STATE,
    OUTCOME_EVENTS,
    TRANSITIONS,
    DeliveryEvent,
    TransitionUnknown,
    build_delete,
    build_update,
    get_common_sources,
    get_target,
    next_state,
)
from paperround.digests.ledger import DUE_STATES
from paperround.digests.tables import Delivery, DeliveryState

from support.factories import utc
from support.subscriptions import subscribed

NOW = utc("2026-03-02 07:00")
PACKAGE = Path(paperround.__file__).parent
SENT, FAILED, UNCERTAIN = DeliveryState.sent, DeliveryState.failed, DeliveryState.uncertain


@given(st.lists(st.tuples(st.integers(0, 4), st.sampled_from(DeliveryEvent)), max_size=80))
def test_final_states_stay_and_the_accounts_add_up_whatever_happens(
    events: list[tuple[int, DeliveryEvent]],
) -> None:
    states: dict[int, DeliveryState | None] = dict.fromkeys(range(5), INITIAL_STATE)
    for number, event in events:
        before = states[number]
        if before is None or before not in TRANSITIONS[event].sources:
            if before is not None:
                with pytest.raises(TransitionUnknown):
                    next_state(before, event)
            continue
        states[number] = next_state(before, event)
        assert before is not SENT
        assert before is not FAILED or states[number] is None
        left = Counter(state for state in states.values() if state is not None)
        finished = left[SENT] + left[FAILED] + left[DeliveryState.deferred] + left[UNCERTAIN]
        assert left.total() == finished + sum(left[state] for state in DUE_STATES)


def test_what_is_in_doubt_is_sent_again_by_the_operator_or_when_it_was_surely_not_handed_over() -> None:
    leading_back = {
        event
        for event, step in TRANSITIONS.items()
        if UNCERTAIN in step.sources and step.target in (DeliveryState.queued, DeliveryState.deferred)
    }
    assert leading_back == {DeliveryEvent.resent, DeliveryEvent.not_handed_over, DeliveryEvent.deferred}


async def test_the_database_moves_each_state_by_each_event_as_the_table_says(database: Database) -> None:
    subscription_id = await subscribed(database, "ada", now="2026-03-01 12:00")
    for event, step in TRANSITIONS.items():
        async with database.write_session() as session:
            rows = [
                {
                    "subscription_id": subscription_id,
                    "period": NOW.date() + timedelta(days=day),
                    "since": NOW.date(),
                    "state": state,
                    "due_at": NOW,
                    "next_try_at": NOW,
                    "gives_up_at": NOW,
                }
                for day, state in enumerate(DeliveryState)
            ]
            await session.execute(insert(Delivery), rows)
            await session.execute(build_delete(event) if step.target is None else build_update(event))
            query = select(Delivery.state).order_by(Delivery.period)
            found = list(await session.scalars(query.execution_options(populate_existing=True)))
            expected = [
                next_state(state, event) if state in step.sources else state for state in DeliveryState
            ]
            assert found == [state for state in expected if state is not None], event
            await session.rollback()


def test_a_step_that_is_not_in_the_table_fails_loudly() -> None:
    with pytest.raises(TransitionUnknown):
        get_target(DeliveryEvent.dropped)
    with pytest.raises(TransitionUnknown):
        build_update(DeliveryEvent.dropped)
    with pytest.raises(TransitionUnknown):
        build_delete(DeliveryEvent.accepted)
    with pytest.raises(TransitionUnknown):
        get_common_sources([DeliveryEvent.claimed, DeliveryEvent.accepted])
    for event in set(DeliveryEvent) - OUTCOME_EVENTS:
        with pytest.raises(TransitionUnknown):
            DeliveryOutcome(1, event, NOW, NOW, None, "")


def _writes_state(node: ast.AST) -> bool:
    """Whether this is `state=DeliveryState.…`, `x.state = DeliveryState.…` or SQL with a literal state."""
    if isinstance(node, ast.keyword) and node.arg == "state":
        return "DeliveryState." in ast.unparse(node.value)
    if isinstance(node, ast.Assign):
        targets = [ast.unparse(target) for target in node.targets]
        return any(".state" in target for target in targets) and "DeliveryState." in ast.unparse(node.value)
    if isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values, strict=True)
        return any(
            isinstance(key, ast.Constant) and key.value == "state" and "DeliveryState." in ast.unparse(value)
            for key, value in pairs
        )
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and "UPDATE deliveries" in node.value:
        return "SET state = '" in node.value or "d.state = '" in node.value
    return False


def test_no_other_module_writes_the_state_of_a_delivery() -> None:
    own = Path(delivery_states.__file__)
    writers = [
        path.name
        for path in PACKAGE.rglob("*.py")
        if path != own and any(map(_writes_state, ast.walk(ast.parse(path.read_text(encoding="utf-8")))))
    ]
    assert writers == []
