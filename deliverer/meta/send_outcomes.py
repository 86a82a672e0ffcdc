"""Outcomes of messages for the router: an outbox row in the transaction that stores the result."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

import msgspec

from services import clock
from services.contract import SendOutcome
from services.postgres.database import Connection

State = Literal["sent", "failed", "unknown", "held"]
_encode = msgspec.msgpack.Encoder().encode


def send_outcome(
    message: Mapping[str, Any], state: State, at: datetime, **details: Any
) -> SendOutcome:
    """`message` holds its id, number and conversation; `details` are wamid, code and reason."""
    return SendOutcome(
        id=clock.new_id(),
        message=message["id"],
        number=message["number"],
        conversation=message["conversation"],
        at=at,
        state=state,
        **details,
    )


async def enqueue_outcome(connection: Connection, outcome: SendOutcome) -> None:
    await connection.execute(
        "insert into deliverer.outcome (id, number, body) values ($1, $2, $3)",
        outcome.id,
        outcome.number,
        _encode(outcome),
    )
