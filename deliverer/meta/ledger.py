"""The ledger of what goes to Meta, in PostgreSQL: the queue of each citizen, oldest first."""

from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import UUID

import msgspec

from deliverer.meta import ledger_sql, shared_pacing
from deliverer.meta.graph_api import Failed, HoldForReply, RetryLater, Sent, Unknown, Verdict
from deliverer.meta.ledger_entry import LedgerEntry
from deliverer.meta.send_outcomes import enqueue_outcome, send_outcome
from services.contract import SendOutcome
from services.postgres.database import Connection, Pool

SENDING_SECONDS = 45
"""Longer than an attempt takes (15 s) and its result takes to be written (30 s): what is still
`sending` then belonged to a process that has ended, and nobody knows whether it went."""
UNKNOWN_SECONDS = 600
"""Then a person is told, and the citizen's next messages go on."""
LOOKED_AT_SECONDS = 86400
"""For which what nobody knows of is counted, unless a status settles it: a person has looked."""
PACE_SECONDS = 0.025
"""Between two messages of a number that start again: half of the 80/s that Meta lets a number
send, so that new ones fit in between."""
EXPLAINED = 1000
"""Messages of which it is written down at once why they wait: those that go first. The next ones
when the number was tried in vain again."""
UNCONFIRMED = "Meta heeft niet bevestigd of dit bericht is verstuurd"

_decode = msgspec.msgpack.Decoder(SendOutcome).decode


class Ledger:
    """`process` is whoever claims: what it claimed, nobody else will send. `accounts` says under
    which name the files of a number are kept."""

    def __init__(self, pool: Pool, process: UUID, accounts: Mapping[str, str]) -> None:
        self._pool, self._process = pool, process
        self._accounts = msgspec.json.encode(accounts).decode()

    async def claim(
        self,
        limit: int,
        held: Collection[str],
        rooms: Mapping[str, int] | None = None,
        rates: Mapping[str, float] | None = None,
    ) -> list[LedgerEntry]:
        """The oldest message of each citizen that has none under way, marked as being sent; one
        with a file once that is at the provider. Of each number of `rooms` at most so many, and the
        numbers in turns; with those of other processes no more than its `rates` a second.

        First the attempts that this process claimed but does not hold: the answer to an earlier
        claim was lost, and they were certainly not sent.
        """
        async with self._pool.acquire() as connection:
            lost = (list(held), limit)
            rows = await connection.fetch(
                ledger_sql.LOST_CLAIMS, self._process, self._accounts, *lost
            )
            if not rows:
                numbers = await shared_pacing.shared_capacity(connection, rooms or {}, rates or {})
                of_each = list(numbers), list(numbers.values())
                rows = await connection.fetch(
                    ledger_sql.CLAIM, self._process, self._accounts, limit, *of_each
                )
            await shared_pacing.consume_shared(
                connection, [row["number"] for row in rows], rates or {}
            )
        return [
            LedgerEntry(**{**row, "content": msgspec.json.decode(row["content"])})
            for row in map(dict, rows)
        ]

    async def defer_for_quiet_hours(self, nights: Mapping[str, tuple[datetime, str]]) -> None:
        """What nobody asked for waits for the morning, by number, and why: it is not claimed."""
        if nights:
            until, why = zip(*nights.values(), strict=True)
            await self._pool.execute(ledger_sql.REST, list(nights), list(until), list(why))

    async def resume_stopped(self) -> None:
        """What waits because its number was stopped becomes due, oldest first, each number at its
        pace: what stopped it may have been mended."""
        await self._pool.execute(ledger_sql.START_AGAIN, PACE_SECONDS)

    async def release(self, held: Collection[str]) -> None:
        """Give back the attempts that this process claimed but does not hold: certainly not sent,
        and the next process need not wonder."""
        await self._pool.execute(ledger_sql.LET_GO, self._process, list(held))

    async def settle(self, line: LedgerEntry, verdict: Verdict, at: datetime) -> None:
        """Write down what became of an attempt, and the outcome for the router in the same
        transaction. A line that a status has settled meanwhile stays as it is."""
        async with self._pool.acquire() as connection, connection.transaction():
            match verdict:
                case RetryLater(seconds, code, reason, stop):
                    later = (line.id, line.attempt, seconds, code, reason, stop)
                    await connection.execute(ledger_sql.LATER, *later)
                case Unknown(reason):
                    await _change(connection, line, "unknown", reason=reason)
                case _:
                    if said := await _ended(connection, line, verdict, at):
                        await enqueue_outcome(connection, said)

    async def explain(self, number: str, code: int, reason: str) -> None:
        """Whoever asks after what only waits for its number is told why."""
        why = (number, code, reason)
        await self._pool.execute(ledger_sql.EXPLAIN, *why, EXPLAINED)

    async def sweep(self, at: datetime) -> int:
        """Age what nobody answered for; how many a person must look at now."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(ledger_sql.LOST, SENDING_SECONDS)
            rows = await connection.fetch(ledger_sql.GIVE_UP, UNKNOWN_SECONDS, UNCONFIRMED)
            for row in rows:
                await enqueue_outcome(
                    connection, send_outcome(dict(row), "unknown", at, reason=UNCONFIRMED)
                )
        return len(rows)

    async def unconfirmed(self) -> dict[str, int]:
        """Of each number, how many messages nobody knows of: in the ledger, so it is no matter
        which process gave them up, or whether that lived on to say so."""
        rows = await self._pool.fetch(ledger_sql.UNCONFIRMED, LOOKED_AT_SECONDS)
        return {row["number"]: row["count"] for row in rows}

    async def fail_without_media(
        self, file: tuple[UUID, str], verdict: RetryLater | Failed, at: datetime
    ) -> int:
        """What it means for the messages of this number with this file (media, number) that it
        could not be brought: they failed too, so many, or whoever asks is told why they wait."""
        why = (verdict.code, verdict.reason)
        async with self._pool.acquire() as connection, connection.transaction():
            if isinstance(verdict, RetryLater):
                await connection.execute(ledger_sql.WAITING, *file, *why)
                return 0
            rows = await connection.fetch(ledger_sql.WITHOUT, *file, *why)
            for row in rows:
                failed = send_outcome(
                    dict(row), "failed", at, code=verdict.code, reason=verdict.reason
                )
                await enqueue_outcome(connection, failed)
        return len(rows)

    async def outcomes(self, limit: int) -> list[SendOutcome]:
        """Those that the router has not been told of, oldest first."""
        rows = await self._pool.fetch(
            "select body from deliverer.outcome where published_at is null"
            " order by position limit $1",
            limit,
        )
        return [_decode(row["body"]) for row in rows]

    async def mark_published(self, outcomes: list[SendOutcome]) -> None:
        await self._pool.execute(
            "update deliverer.outcome set published_at = now() where id = any($1::uuid[])",
            [outcome.id for outcome in outcomes],
        )


async def _ended(
    connection: Connection, line: LedgerEntry, verdict: Sent | Failed | HoldForReply, at: datetime
) -> SendOutcome | None:
    """What the router is told of an attempt that has come to something; None where something else
    has settled it."""
    message = msgspec.structs.asdict(line)
    match verdict:
        case Sent(wamid, reason):
            changed = await _change(connection, line, "sent", wamid=wamid, reason=reason)
            said = send_outcome(message, "sent", at, wamid=wamid, reason=reason)
        case Failed(code, reason):
            changed = await _change(connection, line, "failed", code=code, reason=reason)
            said = send_outcome(message, "failed", at, code=code, reason=reason)
        case HoldForReply(code, reason):
            held = (line.id, line.attempt, line.window_opened_at, line.last_inbound_at, reason)
            changed = await connection.fetchval(ledger_sql.HOLD, *held) is not None
            said = send_outcome(message, "held", at, code=code, reason=reason)
    return said if changed else None


async def _change(
    connection: Connection,
    line: LedgerEntry,
    state: str,
    *,
    wamid: str = "",
    code: int = 0,
    reason: str = "",
) -> bool:
    done = (line.id, line.attempt, state, wamid, code, reason)
    return await connection.fetchval(ledger_sql.CHANGE, *done) is not None
