"""Access log: every view is on the record before the first byte of an answer leaves.

Views that arrive together share a transaction, because the log has one writer at a time and a large
batch of the intake makes every other writer wait for the same row.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Sequence, Set
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import structlog
from aiohttp import web

from archiver.api.openings import Openings, entries_of, opening_key
from archiver.api.viewer import (
    EMPLOYEE_MISSING,
    EMPLOYEE_NEEDED,
    EMPLOYEE_REQUIRED,
    REASON,
    REASON_MISSING,
    REASON_REQUIRED,
    Fault,
    Row,
    ShownRange,
    Viewer,
    find_faults,
    read_viewer,
    shown_ranges,
    view_records,
)
from archiver.log.writer import CannotSeal, Writer
from services import clock, metrics
from services.amqp.batcher import Batcher, BatchLimits, BatchQueueFull, BatchTimeout, run_batcher
from services.contract import Record
from services.http.bearer_auth import Handler
from services.http.problems import problem_response, service_unavailable
from services.http.rights import Rights
from services.postgres.database import ANSWER_SECONDS

VIEWER = web.RequestKey("viewer", Viewer)
LIMITS = BatchLimits(items=256, min_interval=0.0, max_queued=1024, queue_timeout=ANSWER_SECONDS)
"""Answers in one transaction, and answers that may wait. The next ones gather while one transaction
is written, so no minimum interval is needed: each waits for the head of the log."""
RECORD_BYTES = 512
"""Approximate size of one view."""
NOT_RECORDED = "nothing is shown that cannot be written down as seen: try again"
INVALID_HEADERS = "the headers are not what they should be"

log = structlog.get_logger()


def _refuse(faults: Sequence[Fault]) -> web.Response:
    members: dict[str, Any] = {"errors": [msgspec.structs.asdict(each) for each in faults]}
    if any(each.detail in (EMPLOYEE_NEEDED, EMPLOYEE_REQUIRED) for each in faults):
        members["code"] = EMPLOYEE_MISSING
    elif any(each.detail == REASON_REQUIRED for each in faults):
        members["code"] = REASON_MISSING
    return problem_response(400, "Bad Request", INVALID_HEADERS, **members)


Needed = Callable[[Rights], Collection[str]]


class Unrecorded(Exception):
    """The view could not be recorded. The caller may try again."""


class ReasonMissing(Exception):
    """A department of the content asks why it is read, and the viewer gave no reason."""


AskingDepartments = Callable[[str], Set[str]]
"""Returns the departments of a municipality that ask why their content is read."""


class _Answer:
    """Views of one answer; `is_refused` is set if these views alone could not be sealed."""

    __slots__ = ("is_refused", "records")

    def __init__(self, records: list[Record]) -> None:
        self.records, self.is_refused = records, False


class AccessLog:
    task: "asyncio.Task[None]"

    def __init__(self, batcher: Batcher[_Answer], asking: AskingDepartments) -> None:
        self._batcher, self._asking = batcher, asking
        self._openings = Openings()

    def identified(self, handler: Handler, needed: Needed = lambda rights: ()) -> Handler:
        """Wrap a handler so that it runs only for a caller with valid viewer headers. The handler
        calls `record_shown`, `record_ranges` or `record_count` before it answers. `needed` returns
        the headers that a caller with some rights must give."""

        async def handle(request: web.Request, rights: Rights) -> web.StreamResponse:
            if header_faults := find_faults(request.headers, rights, needed(rights)):
                return _refuse(header_faults)
            request[VIEWER] = read_viewer(request.headers, rights)
            try:
                return await handler(request, rights)
            except Unrecorded:
                return service_unavailable(NOT_RECORDED)
            except ReasonMissing:
                return _refuse([Fault(REASON, REASON_REQUIRED)])

        return handle

    def require_reason(self, request: web.Request, departments: Set[str] | None) -> None:
        """Raise ReasonMissing if one of these departments, or for None of all that the viewer
        reaches, asks for a reason and none is given."""
        viewer = request[VIEWER]
        if viewer.reason:
            return
        asking = filter(viewer.rights.handles, self._asking(viewer.rights.tenant))
        if any(departments is None or each in departments for each in asking):
            raise ReasonMissing

    async def record_shown(
        self,
        request: web.Request,
        kind: str,
        rows: Iterable[Row],
        *,
        beside: Sequence[Row] = (),
        listed: bool = False,
    ) -> None:
        """Return once the record holds a view of these rows and of the content `beside` them; raise
        Unrecorded if it cannot, and ReasonMissing if a department of theirs asks for a reason.
        `listed` names each message, for rows that do not follow one another. What is on the record
        already for this opening is no new view."""
        rows, viewer = list(rows), request[VIEWER]
        self.require_reason(request, {row["department"] for row in rows})
        if not viewer.opening:
            await self._record_rows(request, kind, rows, listed=listed)
            return
        key, now = opening_key(viewer, kind), asyncio.get_running_loop().time()
        shown = self._openings.shown(key, now)
        entries = [(row, entries_of(row, beside)) for row in rows]
        news = [row for row, ids in entries if not ids <= shown]
        # Others lie between the first and the last of these, which were viewed before.
        listed = listed or len(news) < len(rows)
        await self._record_rows(request, kind, news, listed=listed)
        self._openings.note(key, (id for _, ids in entries for id in ids), now)

    async def _record_rows(
        self, request: web.Request, kind: str, rows: Iterable[Row], *, listed: bool
    ) -> None:
        if ranges := list(shown_ranges(rows, listed=listed)):
            await self.record_ranges(request, kind, ranges)

    async def record_count(self, request: web.Request, kind: str, count: int) -> None:
        """Record a search that showed no rows, because the number of hits is information too."""
        nothing = ShownRange(conversation="", department="", count=count, first=0, last=0)
        await self.record_ranges(request, kind, [nothing])

    async def record_ranges(
        self, request: web.Request, kind: str, ranges: Sequence[ShownRange]
    ) -> None:
        """Return once the record holds a view of each range; raise Unrecorded if it cannot."""
        now = clock.now()
        ids = [clock.new_id(now) for _ in ranges]
        answer = _Answer(view_records(request[VIEWER], kind, ranges, ids, now))
        try:
            await self._batcher.put(answer, RECORD_BYTES * len(ranges))
        except (BatchQueueFull, BatchTimeout) as error:
            log.warning("view.unrecorded", reason=type(error).__name__)
            raise Unrecorded from error
        if answer.is_refused:
            raise Unrecorded


@asynccontextmanager
async def access_log(writer: Writer, asking: AskingDepartments) -> AsyncIterator[AccessLog]:
    """Run the batcher that writes views. Stop serving requests before leaving this context."""

    async def write(answers: list[_Answer]) -> None:
        try:
            await writer.add([record for answer in answers for record in answer.records])
        except CannotSeal:
            for answer in answers:
                await _write_alone(writer, answer)
        count = sum(len(answer.records) for answer in answers if not answer.is_refused)
        metrics.archive_records.labels(kind="view").inc(count)

    async with run_batcher(write, LIMITS) as batcher:
        views = AccessLog(batcher, asking)
        views.task = batcher.task
        yield views


async def _write_alone(writer: Writer, answer: _Answer) -> None:
    try:
        await writer.add(answer.records)
    except CannotSeal as error:
        log.error("view.unsealable", reason=str(error))
        answer.is_refused = True
