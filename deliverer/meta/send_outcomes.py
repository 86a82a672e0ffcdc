"""Outbox of outcomes for the router: a row is written in the transaction that stores the result."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec

from services import clock
from services.contract import ReportedStatus, SendOutcome
from services.postgres.database import Connection, Pool
from services.postgres.outbox import Outbox
from services.postgres.shut_rows import ShutRows
from services.sealing.columns import OUTCOME, bind
from services.sealing.key_ring import RING

State = Literal["sent", "failed", "unknown", "held"]
TEST_STATUSES: tuple[tuple[ReportedStatus, float], ...] = (
    ("sent", 0.5), ("delivered", 1.0), ("read", 2.0)
)  # fmt: skip
"""Statuses of a message of a test token, and the seconds after which each comes: about as Meta's
come to a telephone that is on and looked at."""
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(SendOutcome).decode


def send_outcome(
    message: Mapping[str, Any], state: State, at: datetime, **details: Any
) -> SendOutcome:
    """`message` holds its id, number, conversation and trace; `details` are wamid, code and
    reason."""
    return SendOutcome(
        id=clock.new_id(),
        message=message["id"],
        number=message["number"],
        conversation=message["conversation"],
        at=at,
        state=state,
        traceparent=message["traceparent"],
        **details,
    )


async def enqueue_outcome(
    connection: Connection, outcome: SendOutcome, seconds: float = 0.0
) -> None:
    """Enqueue an outcome; it is published after so many seconds."""
    sealed = RING.seal(_encode(outcome), OUTCOME, bind(outcome.id, outcome.number))
    await connection.execute(_ENQUEUE, outcome.id, outcome.number, sealed, seconds)


async def enqueue_test_statuses(
    connection: Connection, message: Mapping[str, Any], at: datetime
) -> None:
    """Enqueue the statuses that Meta would send about a message of a test token."""
    for status, seconds in TEST_STATUSES:
        later = at + timedelta(seconds=seconds)
        outcome = send_outcome(message, "sent", later, reported=status)
        await enqueue_outcome(connection, outcome, seconds)


def outcome_outbox(pool: Pool) -> Outbox[SendOutcome]:
    shut = ShutRows("deliverer.outcome")

    async def fetch(limit: int, suspended: Sequence[str]) -> list[SendOutcome]:
        rows = await pool.fetch(_UNPUBLISHED, limit, suspended, shut.passed_over())
        return await shut.open_others(rows, _read_row)

    async def mark(outcomes: Sequence[SendOutcome]) -> None:
        await pool.execute(_MARK_PUBLISHED, [outcome.id for outcome in outcomes])

    return Outbox("relay", fetch, mark, poll_seconds=0.2, waits=_WAITS)


def _read_row(row: Any) -> SendOutcome:
    return _decode(RING.unseal(row["body"], OUTCOME, bind(row["id"], row["number"])))


_ENQUEUE = """
insert into deliverer.outcome (id, number, body, due_at)
values ($1, $2, $3, now() + make_interval(secs => $4))
"""
_UNPUBLISHED = """
select id, number, body from deliverer.outcome
where published_at is null and number <> all($2::text[])
    and due_at <= now() and id <> all($3::uuid[])
order by position limit $1
"""
_WAITS = """
select true from deliverer.outcome where published_at is null order by position limit 1
"""
_MARK_PUBLISHED = "update deliverer.outcome set published_at = now() where id = any($1::uuid[])"
