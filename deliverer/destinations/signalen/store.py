"""Progress of reports, in PostgreSQL. What a request may do is stored before it, and what it did
after the answer, so that an attempt that resumes another knows where to look."""

import asyncio
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import msgspec

from deliverer.destinations.signalen.messages import DEFAULT
from deliverer.destinations.signalen.row_seals import REPORT, row_seal
from services.contract import Delivery
from services.postgres.database import Pool, retry_while_unavailable
from services.postgres.shut_rows import RowShut, opening, report_shut
from services.sealing.key_ring import Unsealable

MAX_CONNECTIONS = 4
"""Connections of one Signalen: a quarter of the shared pool, and as many as its window."""
MAX_MESSAGES = 200
"""Messages of one report; the next one begins another."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    event: UUID
    """Event that began it, and the mark by which it is found again."""
    conversation: str
    signal: int | None = None
    """Signalen's id, once it is known."""
    posted_at: datetime | None = None
    """Time of a post whose answer did not come."""
    posted: list[UUID] = []
    """Messages of that post."""
    unsettled: bool = False
    """True if that post was made a short while ago, and may still be carried out."""
    pin: str = DEFAULT
    """`DEFAULT` or `GIVEN`, which a place of the citizen moves, or `FIXED`."""
    tried: list[UUID] = []
    """Messages whose note or file may have been added: no answer came yet."""
    told: list[UUID] = []
    """Messages that it has."""
    files: list[UUID] = []
    """Messages whose file it has, or says where it is."""


class ReportStore:
    """Progress at one destination."""

    def __init__(self, pool: Pool, destination: str) -> None:
        self._pool, self._destination = pool, destination
        self._semaphore = asyncio.Semaphore(MAX_CONNECTIONS)

    async def find(
        self, event: Delivery, message: UUID | None, at: datetime, burst: timedelta
    ) -> Report | None:
        """Return the report that this event began or that has its message; else the conversation's
        newest if that goes on: within a burst. Raises RowShut."""
        found = (self._destination, event.conversation, event.id, message, at, burst)
        for row in await self._rows(_FIND, *found):
            return self._open(row)
        return None

    async def begin(self, event: Delivery, at: datetime) -> Report:
        """Store a report that is to be made, and return it."""
        key = {"event": event.id, "conversation": event.conversation, "signal": None}
        seal = self._seal(key)
        [row] = await self._rows(_BEGIN, self._destination, event.id, event.conversation, at, seal)
        return self._open(row)

    async def told_messages(self, report: Report) -> set[UUID]:
        """Return the messages that other reports of the conversation have."""
        place = self._destination, report.conversation, report.event
        return {id for row in await self._rows(_TOLD, *place) for id in row["told"]}

    async def former_signal(self, report: Report) -> int | None:
        """Return Signalen's id of the newest other report of the conversation. Raises RowShut."""
        place = self._destination, report.conversation, report.event
        for row in await self._rows(_FORMER, *place):
            return self._open(row).signal
        return None

    async def start_posting(self, report: Report, messages: Collection[UUID], pin: str) -> None:
        """Store that a post is made, with these messages and this pin. Its answer may be lost."""
        given = self._destination, report.event, list(messages), pin
        await self._rows(_START_POSTING, *given)

    async def end_posting(self, report: Report) -> None:
        """Store that a post certainly failed."""
        await self._rows(_END_POSTING, self._destination, report.event)

    async def set_created(
        self, report: Report, signal: int, messages: Collection[UUID], pin: str
    ) -> Report:
        """Store the report's id there, the messages that it has, and its pin."""
        told = list(messages)
        key = msgspec.structs.asdict(report) | {"signal": signal}
        given = self._destination, report.event, signal, told, self._seal(key), pin
        await self._rows(_SET_CREATED, *given)
        return msgspec.structs.replace(report, signal=signal, told=told, pin=pin)

    async def start_adding(self, report: Report, message: UUID) -> None:
        """Store that the note or the file of a message is being added."""
        await self._rows(_START_ADDING, self._destination, report.event, message)

    async def add_message(self, report: Report, message: UUID, at: datetime, pin: str) -> Report:
        """Store that the report has this message, written at `at`, and its pin."""
        await self._rows(_ADD_MESSAGE, self._destination, report.event, message, at, pin)
        return msgspec.structs.replace(report, told=[*report.told, message], pin=pin)

    async def add_file(self, report: Report, message: UUID) -> None:
        """Store that the report has the file of this message, or says where it is."""
        await self._rows(_ADD_FILE, self._destination, report.event, message)

    async def end(self, report: Report) -> None:
        """Let the next message begin another report: this one is gone there."""
        await self._rows(_END, self._destination, report.event)

    def _seal(self, row: Mapping[str, Any]) -> bytes:
        return row_seal({**row, "destination": self._destination})

    def _open(self, row: dict[str, Any]) -> Report:
        """Return a row that fits its hash. Raises RowShut."""
        seal, key = row.pop("seal"), row["event"]
        try:
            with opening(REPORT, key):
                if seal != self._seal(row):
                    raise Unsealable(f"a row of {REPORT} does not fit its hash")
        except RowShut:
            report_shut(REPORT, key)
            raise
        return Report(**row)

    async def _rows(self, statement: str, *parameters: object) -> list[dict[str, Any]]:
        """Run a statement; wait for as long as the database is unavailable."""
        return await retry_while_unavailable(
            partial(self._fetch, statement, *parameters), "reports"
        )

    async def _fetch(self, statement: str, *parameters: object) -> list[dict[str, Any]]:
        async with self._semaphore:
            return [dict(row) for row in await self._pool.fetch(statement, *parameters)]


# Two minutes are longer than our own limit of a request, and than those of Signalen's proxies.
_REPORT = """event, conversation, signal, posted_at, posted, tried, told, files, pin, seal,
    coalesce(posted_at > now() - interval '120 s', false) as unsettled"""
# A report that Signalen never got is that of its own event alone.
_FIND = f"""
select {_REPORT} from deliverer.report
where destination = $1 and conversation = $2
    and (event = $3 or $4::uuid = any(told)
        or signal is not null and not ended and cardinality(told) < {MAX_MESSAGES}
            and heard_at >= $5::timestamptz - $6::interval)
order by event = $3 or coalesce($4::uuid = any(told), false) desc, heard_at desc, event desc
limit 1
"""
_BEGIN = f"""
insert into deliverer.report (destination, event, conversation, heard_at, seal)
values ($1, $2, $3, $4, $5)
on conflict (destination, event) do update set event = excluded.event
returning {_REPORT}
"""
_TOLD = """
select told from deliverer.report where destination = $1 and conversation = $2 and event <> $3
"""
_FORMER = f"""
select {_REPORT} from deliverer.report
where destination = $1 and conversation = $2 and event <> $3 and signal is not null and not ended
order by heard_at desc, event desc
limit 1
"""
_START_POSTING = """
update deliverer.report set posted_at = now(), posted = $3, pin = $4
where destination = $1 and event = $2
"""
_END_POSTING = """
update deliverer.report set posted_at = null, posted = '{}' where destination = $1 and event = $2
"""
_SET_CREATED = """
update deliverer.report set signal = $3, told = $4, seal = $5, pin = $6
where destination = $1 and event = $2
"""
_START_ADDING = """
update deliverer.report set tried = array_append(tried, $3::uuid)
where destination = $1 and event = $2 and $3::uuid <> all(tried)
"""
_ADD_MESSAGE = """
update deliverer.report
set told = array_append(told, $3::uuid), tried = array_remove(tried, $3::uuid),
    heard_at = greatest(heard_at, $4), pin = $5
where destination = $1 and event = $2 and $3::uuid <> all(told)
"""
_ADD_FILE = """
update deliverer.report
set files = array_append(files, $3::uuid), tried = array_remove(tried, $3::uuid)
where destination = $1 and event = $2 and $3::uuid <> all(files)
"""
_END = "update deliverer.report set ended = true where destination = $1 and event = $2"
