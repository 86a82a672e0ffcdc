"""The ledger of what goes to Meta, in PostgreSQL: the queue of each citizen, oldest first."""

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from deliverer.graph import Failed, Later, Sent, Unknown, Verdict
from services import clock
from services.contract import SendOutcome
from services.database import Connection, Pool

SENDING_SECONDS = 45
"""Longer than an attempt takes (15 s) and its result takes to be written (30 s): what is still
`sending` then belonged to a process that has ended, and nobody knows whether it went."""
UNKNOWN_SECONDS = 600
"""Then a person is told, and the citizen's next messages go on."""
UNCONFIRMED = "Meta heeft niet bevestigd of dit bericht is verstuurd"

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(SendOutcome).decode


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One message, claimed for an attempt."""

    id: UUID
    number: str
    conversation: str
    address_kind: str
    address: str
    content: dict[str, Any]
    attempt: int

    @property
    def opaque(self) -> str:
        """What Meta gives back with each status: ours, and no personal data."""
        return f"{self.id}.{self.attempt}"


class Ledger:
    """`process` is whoever claims: what it claimed, nobody else will send."""

    def __init__(self, pool: Pool, process: UUID) -> None:
        self._pool, self._process = pool, process

    async def claim(self, limit: int, held: Collection[UUID]) -> list[Line]:
        """The oldest message of each citizen that has none under way, marked as being sent.

        First those that this process claimed but does not hold: the answer to an earlier claim was
        lost, and they were certainly not sent.
        """
        async with self._pool.acquire() as connection:
            rows = await connection.fetch(_LOST_CLAIMS, self._process, list(held), limit)
            if not rows:
                rows = await connection.fetch(_CLAIM, limit, self._process)
        return [
            Line(**{**row, "content": msgspec.json.decode(row["content"])})
            for row in map(dict, rows)
        ]

    async def settle(self, line: Line, verdict: Verdict, at: datetime) -> None:
        """Write down what became of an attempt, and the outcome for the router in the same
        transaction. A line that a status has settled meanwhile stays as it is."""
        async with self._pool.acquire() as connection, connection.transaction():
            match verdict:
                case Sent(wamid):
                    if await _change(connection, line, "sent", wamid=wamid):
                        await _tell(connection, _outcome(line, "sent", at, wamid=wamid))
                case Failed(code, reason):
                    if await _change(connection, line, "failed", code=code, reason=reason):
                        said = _outcome(line, "failed", at, code=code, reason=reason)
                        await _tell(connection, said)
                case Later(seconds, code, reason):
                    later = (line.id, line.attempt, seconds, code, reason)
                    await connection.execute(_LATER, *later)
                case Unknown(reason):
                    await _change(connection, line, "unknown", reason=reason)

    async def sweep(self, at: datetime) -> int:
        """Age what nobody answered for; how many a person must look at now."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_LOST, SENDING_SECONDS)
            rows = await connection.fetch(_GIVE_UP, UNKNOWN_SECONDS, UNCONFIRMED)
            for row in rows:
                said = SendOutcome(
                    id=clock.new_id(),
                    message=row["id"],
                    number=row["number"],
                    conversation=row["conversation"],
                    at=at,
                    state="unknown",
                    reason=UNCONFIRMED,
                )
                await _tell(connection, said)
        return len(rows)

    async def outcomes(self, limit: int) -> list[SendOutcome]:
        """Those that the router has not been told of, oldest first."""
        rows = await self._pool.fetch(
            "select body from deliverer.outcome where published_at is null"
            " order by position limit $1",
            limit,
        )
        return [_decode(row["body"]) for row in rows]

    async def told(self, outcomes: list[SendOutcome]) -> None:
        await self._pool.execute(
            "update deliverer.outcome set published_at = now() where id = any($1::uuid[])",
            [outcome.id for outcome in outcomes],
        )


def _outcome(
    line: Line, state: str, at: datetime, *, wamid: str = "", code: int = 0, reason: str = ""
) -> SendOutcome:
    return SendOutcome(
        id=clock.new_id(),
        message=line.id,
        number=line.number,
        conversation=line.conversation,
        at=at,
        state="sent" if state == "sent" else "failed",
        wamid=wamid,
        code=code,
        reason=reason,
    )


async def _change(
    connection: Connection,
    line: Line,
    state: str,
    *,
    wamid: str = "",
    code: int = 0,
    reason: str = "",
) -> bool:
    done = (line.id, line.attempt, state, wamid, code, reason)
    return await connection.fetchval(_CHANGE, *done) is not None


async def _tell(connection: Connection, outcome: SendOutcome) -> None:
    await connection.execute(
        "insert into deliverer.outcome (id, number, body) values ($1, $2, $3)",
        outcome.id,
        outcome.number,
        _encode(outcome),
    )


_CLAIM = """
update deliverer.ledger l set state = 'sending', attempt = attempt + 1, claimed_at = now(),
    claimed_by = $2
from (
    select id from deliverer.ledger q
    where q.state = 'queued' and q.due_at <= now() and not exists (
        select from deliverer.ledger b
        where b.person = q.person and b.number = q.number and b.position < q.position
            and b.state in ('queued', 'sending', 'unknown'))
    order by q.position limit $1 for update skip locked
) as first
where l.id = first.id
returning l.id, l.number, l.conversation, l.address_kind, l.address, l.content, l.attempt
"""

_LOST_CLAIMS = """
select id, number, conversation, address_kind, address, content, attempt from deliverer.ledger
where claimed_by = $1 and state = 'sending' and id <> all($2::uuid[]) limit $3
"""

# The attempt is named: a statement that the server carries out late must not touch the next one.
_CHANGE = """
update deliverer.ledger set state = $3, wamid = $4, code = $5, reason = $6
where id = $1 and attempt = $2 and state in ('sending', 'unknown') returning id
"""

_LATER = """
update deliverer.ledger set state = 'queued', due_at = now() + make_interval(secs => $3),
    code = $4, reason = $5
where id = $1 and attempt = $2 and state = 'sending'
"""

_LOST = """
update deliverer.ledger set state = 'unknown', reason = 'the sending process ended'
where state = 'sending' and claimed_at < now() - make_interval(secs => $1)
"""

_GIVE_UP = """
update deliverer.ledger set state = 'unconfirmed', reason = $2
where state = 'unknown' and claimed_at < now() - make_interval(secs => $1)
returning id, number, conversation
"""
