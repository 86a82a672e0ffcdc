"""Files to the provider, before the messages that they go along with; apart from these, so that a
large file holds up no citizen but its own."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from functools import partial
from typing import NamedTuple

import structlog

from deliverer.audit.recorder import RecordAttempt
from deliverer.meta.accounts import Account
from deliverer.meta.attempt import upload_attempt
from deliverer.meta.graph_api import STOPPED, Failed, RetryLater
from deliverer.meta.ledger import Ledger
from deliverer.meta.media_upload import (
    GONE,
    MALWARE,
    UNSCANNABLE,
    Fate,
    Uploaded,
    judge_upload,
    multipart_form,
    retry_later,
)
from deliverer.meta.media_upload_store import File, Job, MediaUploadStore
from deliverer.transport.http_client import HttpClientProtocol
from deliverer.transport.response import Response
from deliverer.transport.task_limiter import TaskLimiter
from services import clock, metrics
from services.files import clamd, object_store
from services.files.clamd import Scanner
from services.files.object_store import ObjectNotFound, ObjectStore
from services.postgres.database import ANSWER_SECONDS, DATABASE_ERRORS, retry_while_unavailable
from services.tasks import with_timeout

FILES_AT_ONCE = 9
"""Under way; each holds a quarter of a MiB."""
OF_AN_ACCOUNT = 3
"""The same of one account: one that hangs leaves the others two thirds."""
FILE_SECONDS = 180.0
"""For one file in all: 100 MiB at 4.7 Mbit/s, and nine of them at 42."""
SCAN_SECONDS = 60.0
"""For the scanner to look at one; what takes it longer is tried again, as what Meta takes none of.
"""
LOOK_SECONDS = 0.2
"""Between two looks for files that had none: what a citizen waits for it at most."""

log = structlog.get_logger()


class MediaSource(NamedTuple):
    """Where files are, and who looks at them before they go."""

    store: ObjectStore
    scanner: Scanner | None = None


class MediaUploader:
    def __init__(
        self,
        uploads: MediaUploadStore,
        ledger: Ledger,
        files: MediaSource,
        poster: HttpClientProtocol,
        accounts: Mapping[str, Account],
        note: RecordAttempt,
    ) -> None:
        self._uploads, self._ledger = uploads, ledger
        self._files, self._poster, self._attempted = files, poster, note
        self._accounts = {account.name: account for account in accounts.values()}
        self._flights = TaskLimiter(FILES_AT_ONCE, "upload.failed")
        self._flying: Counter[str] = Counter()

    async def run(self) -> None:
        """Bring what is waited for, for as long as the service runs; at its end let it go, for
        the next process to do again."""
        try:
            again = partial(self._uploads.start_again, scanning=self._files.scanner is not None)
            await retry_while_unavailable(again, "uploads")
            while True:
                jobs = await self._claim()
                for job in jobs:
                    self._flying[job.account] += 1
                    self._flights.start(self._carry(job))
                if not jobs:
                    await self._flights.wait_for_slot(LOOK_SECONDS)
        finally:
            await self._flights.cancel_all()
            with suppress(*DATABASE_ERRORS):  # then it is free in minutes
                await with_timeout(ANSWER_SECONDS, self._uploads.let_go())

    async def _claim(self) -> list[Job]:
        """What may be brought by now: so many that all of them may be of one account."""
        rooms = {name: OF_AN_ACCOUNT - self._flying[name] for name in self._accounts}
        full = {name for name, room in rooms.items() if room <= 0}
        most = min((room for room in rooms.values() if room > 0), default=0)
        if (room := min(self._flights.capacity, most)) <= 0:
            return []
        return await retry_while_unavailable(partial(self._uploads.claim, room, full), "uploads")

    async def _carry(self, job: Job) -> None:
        account = self._accounts[job.account]
        try:
            file = await retry_while_unavailable(partial(self._uploads.file, job.media), "uploads")
            mine = file is not None and file.tenant == account.tenant
            fate = await self._upload(job, account, file) if file and mine else Failed(0, GONE)
            self._note(account, fate)
            await retry_while_unavailable(partial(self._settle, job, account, fate), "uploads")
        finally:
            self._flying[job.account] -= 1

    async def _upload(self, job: Job, account: Account, file: File) -> Fate:
        try:
            if found := await self._scan(file):
                return Failed(0, found)
            pieces = await self._files.store.read(object_store.upload(file.object))
        except ObjectNotFound:
            return Failed(0, GONE)
        except (object_store.StoreUnavailable, clamd.ScannerUnavailable) as error:
            log.error("upload.not_read", what=type(error).__module__, reason=str(error))
            return self._told(job, account, None, retry_later(job.attempt, job.tried))
        before, after, content_type = multipart_form(file.mime_type, file.object)
        size = len(before) + file.size + len(after)
        headers = {"Content-Type": content_type, "Content-Length": str(size)}
        body = _whole(before, pieces, after)
        answer = await self._poster.post(account.media_url, body, {**account.headers, **headers})
        return self._told(job, account, answer, judge_upload(answer, job.attempt, job.tried))

    def _told(self, job: Job, account: Account, answer: Response | None, fate: Fate) -> Fate:
        """What came of it: where that is nothing yet, the record is told."""
        if isinstance(fate, RetryLater):
            self._attempted(upload_attempt(account, job.media, job.attempt, answer, fate))
        return fate

    async def _scan(self, file: File) -> str:
        """Why a file may go to nobody; '' where it may."""
        if self._files.scanner is None:
            return ""
        pieces = await self._files.store.read(object_store.upload(file.object))
        try:
            found = (await self._files.scanner.look(pieces)).found
        except clamd.TooLarge:
            return UNSCANNABLE
        return MALWARE.format(found) if found else ""

    async def _settle(self, job: Job, account: Account, fate: Fate) -> None:
        if isinstance(fate, Uploaded):
            scanned = self._files.scanner is not None
            await self._uploads.complete(job, fate.id, scanned=scanned)
            return
        failed = await self._ledger.fail_without_media(
            (job.media, account.number), fate, clock.now()
        )
        metrics.sends.labels(number=account.number, outcome="failed").inc(failed)
        if isinstance(fate, RetryLater):
            await self._uploads.reschedule(job, fate.seconds, fate.stop)
        else:
            await self._uploads.fail(job)

    def _note(self, account: Account, fate: Fate) -> None:
        if isinstance(fate, Failed):
            log.error("upload.refused", number=account.number, code=fate.code)
        elif isinstance(fate, RetryLater):
            say = log.error if fate.stop else log.warning
            why = {"code": fate.code, "reason": fate.reason, "seconds": fate.seconds}
            say("upload.put_off", number=account.number, **why)
            if fate.stop:
                metrics.sends.labels(number=account.number, outcome=STOPPED).inc()


async def _whole(before: bytes, pieces: AsyncIterator[bytes], after: bytes) -> AsyncIterator[bytes]:
    yield before
    async for piece in pieces:
        yield piece
    yield after
