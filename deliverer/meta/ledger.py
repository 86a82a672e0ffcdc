"""Ledger of messages to Meta, in PostgreSQL: a queue per citizen, oldest first."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from deliverer.meta import closed_window, ledger_sql, shared_pacing
from deliverer.meta.graph_api import Failed, HoldForReply, RetryLater, Sent, Unknown, Verdict
from deliverer.meta.ledger_entry import LedgerEntry
from deliverer.meta.media_upload_store import open_provider_id
from deliverer.meta.send_outcomes import enqueue_outcome, enqueue_test_statuses, send_outcome
from services import clock
from services.contract import AUTOMATED_AUTHOR, SendOutcome
from services.postgres.database import Connection, Pool
from services.postgres.shut_rows import open_rows, report_shut
from services.sealing.columns import ADDRESS, EMPLOYEE, UPLOAD, WAMID, bind, unseal_content
from services.sealing.key_ring import RING

SENDING_SECONDS = 45
"""Time after which a message that is still `sending` becomes `unknown`. Longer than an attempt
(15 s) and writing its result (30 s), so its process has ended, and it may have been sent."""
UNKNOWN_SECONDS = 600
"""Time after which an `unknown` message becomes `unconfirmed`: a person is notified, and the
citizen's next messages go on."""
UNCONFIRMED_SECONDS = 86400
"""Time for which an unconfirmed message is counted, unless a status settles it. By then a person
has seen it."""
PACE_SECONDS = 0.025
"""Interval between messages of a resumed number: half of the 80/s that Meta lets a number send, so
that new ones fit in between."""
EXPLAIN_LIMIT = 1000
"""Messages that get the reason of their wait in one statement, first ones first. The others follow
when the next try of the number fails."""
SHUT = "het bericht kon niet meer worden gelezen"
"""Reason of a message whose row does not open: its key was destroyed, or the row was altered."""
UNCONFIRMED = "Meta heeft niet bevestigd of dit bericht is verstuurd"


class Ledger:
    """`process` is the id of the claiming process: no other sends what it claimed. `accounts` maps
    a number to the account that has its files."""

    def __init__(self, pool: Pool, process: UUID, accounts: Mapping[str, str]) -> None:
        self._pool, self._process = pool, process
        self._accounts = accounts

    async def claim(
        self,
        limit: int,
        in_hand: Collection[str],
        rooms: Mapping[str, int] | None = None,
        rates: Mapping[str, float] | None = None,
        unknown_after: float | None = 0.0,
    ) -> list[LedgerEntry]:
        """Claim the oldest message of each citizen who has none in flight; a message with a file
        only once the provider has the file. `rooms` limits the messages per number; the numbers
        take turns. `rates` limits all processes together, per number and second. Messages of other
        numbers follow once they have waited for `unknown_after` seconds, and never if it is None.

        Attempts that this process claimed but does not have in hand come first: the answer to an
        earlier claim was lost, and they were certainly not sent.
        """
        rooms, rates = rooms or {}, rates or {}
        accounts = msgspec.json.encode(self._accounts).decode()
        async with self._pool.acquire() as connection:
            async with connection.transaction():
                if rates and not await shared_pacing.take_turn(connection):
                    return []
                parameters = (list(in_hand), limit)
                rows = await connection.fetch(
                    ledger_sql.LOST_CLAIMS, self._process, accounts, *parameters
                )
                if not rows:
                    capacity = await shared_pacing.shared_capacity(connection, rooms, rates)
                    capacities = list(capacity), list(capacity.values()), unknown_after
                    rows = await connection.fetch(
                        ledger_sql.CLAIM, self._process, accounts, limit, *capacities
                    )
                numbers = [row["number"] for row in rows]
                await shared_pacing.consume_shared(connection, numbers, rates)
            return await _open_entries(connection, [dict(row) for row in rows])

    async def defer_for_quiet_hours(self, nights: Mapping[str, tuple[datetime, str]]) -> None:
        """Defer business-initiated messages of these numbers to the end of the quiet hours, with
        the reason."""
        if nights:
            until, why = zip(*nights.values(), strict=True)
            await self._pool.execute(
                ledger_sql.DEFER_FOR_QUIET_HOURS, list(nights), list(until), list(why)
            )

    async def resume_stopped(self) -> None:
        """Make messages of stopped numbers due, oldest first and paced: the cause may be mended."""
        await self._pool.execute(ledger_sql.RESUME_STOPPED, PACE_SECONDS)

    async def release(self, in_hand: Collection[str]) -> None:
        """Return the attempts that this process claimed but does not have in hand to the queue.
        They were certainly not sent, so the next process may send them."""
        await self._pool.execute(ledger_sql.RELEASE, self._process, list(in_hand))

    async def settle(self, entry: LedgerEntry, verdict: Verdict, at: datetime) -> None:
        """Store the result of an attempt, and the outcome for the router in the same transaction.
        An entry that a status has settled meanwhile only learns how it was sent."""
        async with self._pool.acquire() as connection, connection.transaction():
            match verdict:
                case RetryLater(seconds, code, reason, stop):
                    parameters = (entry.id, entry.attempt, seconds, code, reason, stop)
                    await connection.execute(ledger_sql.RESCHEDULE, *parameters)
                case Unknown(reason):
                    await _set_state(connection, entry, "unknown", reason=reason)
                case _:
                    if outcome := await _apply_verdict(connection, entry, verdict, at):
                        await enqueue_outcome(connection, outcome)
                        if entry.is_test and outcome.state == "sent":
                            message = msgspec.structs.asdict(entry)
                            await enqueue_test_statuses(connection, message, at)

    async def explain(self, number: str, code: int, reason: str) -> None:
        """Store on messages that wait for a stopped number why they wait."""
        parameters = (number, code, reason)
        await self._pool.execute(ledger_sql.EXPLAIN, *parameters, EXPLAIN_LIMIT)

    async def report_direct_send(self, number: str, refusal: str) -> bool:
        """Store why Meta refuses Direct Send for a number, or '' if it takes it. Return True if
        that is new."""
        if refusal:
            parameters = (number, refusal, closed_window.DIRECT_SEND_PAUSE)
            return bool(await self._pool.fetchval(ledger_sql.REFUSE_DIRECT_SEND, *parameters))
        return bool(await self._pool.fetchval(ledger_sql.FORGET_REFUSED_DIRECT_SEND, number))

    async def sweep(self, at: datetime) -> int:
        """Age messages without a result; return the number that became unconfirmed, which a person
        must check."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(ledger_sql.MARK_UNKNOWN, SENDING_SECONDS)
            rows = await connection.fetch(ledger_sql.MARK_UNCONFIRMED, UNKNOWN_SECONDS, UNCONFIRMED)
            for row in rows:
                await enqueue_outcome(
                    connection, send_outcome(dict(row), "unknown", at, reason=UNCONFIRMED)
                )
        return len(rows)

    async def count_unconfirmed(self) -> dict[str, int]:
        """Count the unconfirmed messages per number. The ledger knows those of all processes, also
        of ones that have ended."""
        rows = await self._pool.fetch(ledger_sql.COUNT_UNCONFIRMED, UNCONFIRMED_SECONDS)
        return {row["number"]: row["count"] for row in rows}

    async def fail_without_media(
        self, file: tuple[UUID, str], verdict: RetryLater | Failed, at: datetime
    ) -> int:
        """Apply a failed upload of a file (media, number) to the messages that wait for it: fail
        them, or store why they wait. Return the number that failed."""
        reason = (verdict.code, verdict.reason)
        async with self._pool.acquire() as connection, connection.transaction():
            if isinstance(verdict, RetryLater):
                await connection.execute(ledger_sql.EXPLAIN_MEDIA, *file, *reason)
                return 0
            rows = await connection.fetch(ledger_sql.FAIL_WITHOUT_MEDIA, *file, *reason)
            for row in rows:
                outcome = send_outcome(
                    dict(row), "failed", at, code=verdict.code, reason=verdict.reason
                )
                await enqueue_outcome(connection, outcome)
        return len(rows)


async def _open_entries(
    connection: Connection, rows: Sequence[dict[str, Any]]
) -> list[LedgerEntry]:
    """Return the entries that open. One that does not has failed, or it would end every process
    that claims it."""
    entries, shut = await open_rows(rows, _read_entry)
    for row in shut:
        report_shut("deliverer.ledger", row["id"])
        async with connection.transaction():
            parameters = (row["id"], row["attempt"], "failed", "", 0, SHUT)
            await connection.fetchval(ledger_sql.SET_STATE, *parameters)
            outcome = send_outcome(row, "failed", clock.now(), reason=SHUT)
            await enqueue_outcome(connection, outcome)
    return entries


def _read_entry(row: Mapping[str, Any]) -> LedgerEntry:
    fields = dict(row)
    kind, author = fields.pop("author_kind"), fields.pop("author")
    del fields["person"], fields["account"]
    of_media = bind(*fields.pop("media_row") or ())
    return LedgerEntry(
        **fields
        | {
            # The name of an employee matters to nobody here.
            "automatic": kind == AUTOMATED_AUTHOR.kind
            and RING.unseal_text(author, EMPLOYEE, bind(row["id"])) == AUTOMATED_AUTHOR.id,
            "address": RING.unseal_text(row["address"], ADDRESS),
            "content": unseal_content(row),
            "about_wamid": RING.unseal_text(row["about_wamid"], WAMID, bind(row["about"])),
            "media_id": open_provider_id(row["media_id"], row["media"], row["account"]),
            "media_name": RING.unseal_text(row["media_name"], UPLOAD, of_media),
        }
    )


async def _apply_verdict(
    connection: Connection, entry: LedgerEntry, verdict: Sent | Failed | HoldForReply, at: datetime
) -> SendOutcome | None:
    """Store a final or held state; return the outcome for the router, or None if a status has
    settled the entry already and this says no more."""
    message = msgspec.structs.asdict(entry)
    match verdict:
        case Sent(wamid, reason):
            changed = await _set_state(connection, entry, "sent", wamid=wamid, reason=reason)
            outcome = send_outcome(message, "sent", at, wamid=wamid, reason=reason)
        case Failed(code, reason):
            changed = await _set_state(connection, entry, "failed", code=code, reason=reason)
            outcome = send_outcome(message, "failed", at, code=code, reason=reason)
        case HoldForReply(code, reason):
            held = (entry.id, entry.attempt, entry.window_opened_at, entry.last_inbound_at, reason)
            changed = await connection.fetchval(ledger_sql.HOLD, *held) is not None
            outcome = send_outcome(message, "held", at, code=code, reason=reason)
    return outcome if changed else None


async def _set_state(
    connection: Connection,
    entry: LedgerEntry,
    state: str,
    *,
    wamid: str = "",
    code: int = 0,
    reason: str = "",
) -> bool:
    sealed = RING.seal_text(wamid, WAMID, bind(entry.id))
    parameters = (entry.id, entry.attempt, state, sealed, code, reason)
    return await connection.fetchval(ledger_sql.SET_STATE, *parameters) is not None
