"""Uploads files to the provider before the messages that carry them. Uploads are separate from
sending, so that a large file delays only its own citizen."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from functools import partial
from typing import NamedTuple

import structlog

from deliverer.audit.recorder import RecordAttempt
from deliverer.meta.accounts import Account
from deliverer.meta.attempt import upload_attempt
from deliverer.meta.graph_api import STOPPED, Failed, RetryLater
from deliverer.meta.ledger import Ledger
from deliverer.meta.media_upload import (
    DAMAGED,
    GONE,
    MALWARE,
    UNSCANNABLE,
    Uploaded,
    UploadVerdict,
    judge_upload,
    multipart_form,
    retry_later,
)
from deliverer.meta.media_upload_store import MediaUploadStore, UploadedFile, UploadJob
from deliverer.transport.http_client import HttpClientProtocol
from deliverer.transport.response import Response
from deliverer.transport.task_limiter import POLL, TaskLimiter
from services import clock, metrics
from services.files import clamd, object_store
from services.files.clamd import Scanner
from services.files.object_store import ObjectNotFound, ObjectStore
from services.postgres.database import retry_while_unavailable
from services.postgres.lease import release_leases, renewed_lease
from services.postgres.lookout import Pause
from services.sealing.columns import file_salt
from services.sealing.key_ring import RING
from services.sealing.stream_sealing import open_stream
from services.sealing.wrapping import CannotDecrypt

FILES_AT_ONCE = 9
"""Uploads in flight; each takes a quarter of a MiB."""
PER_ACCOUNT = 3
"""Uploads in flight of one account: one that hangs leaves the others two thirds."""
FILE_SECONDS = 180.0
"""Time limit of one upload: 100 MiB at 4.7 Mbit/s, or nine of them at 42."""
SCAN_SECONDS = 60.0
"""Time limit of a virus scan; after it the upload is retried, as after a failure of Meta."""

log = structlog.get_logger()


class MediaSource(NamedTuple):
    """Store of the files, and the scanner that checks them before upload."""

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
        record_attempt: RecordAttempt,
    ) -> None:
        self._uploads, self._ledger = uploads, ledger
        self._files, self._poster, self._record_attempt = files, poster, record_attempt
        self._accounts = accounts
        self._tasks = TaskLimiter(FILES_AT_ONCE, "upload.failed")
        self._in_flight: Counter[str] = Counter()

    @property
    def _numbers(self) -> dict[str, str]:
        """Account -> our number: its token may be exchanged, and numbers may be added."""
        return {account.name: number for number, account in self._accounts.items()}

    async def prepare(self) -> None:
        """Make uploads due that stood still or were not scanned. This comes before any message is
        claimed: one would go with a file that nobody scanned."""
        resume = partial(self._uploads.resume_stopped, is_scanning=self._files.scanner is not None)
        await retry_while_unavailable(resume, "uploads")

    async def run(self, pause: Pause = POLL) -> None:
        """Upload files that messages wait for, while the service runs. At the end cancel the
        uploads and release their claims, so that the next process can redo them."""
        try:
            await self._tasks.process_claimed(self._claim, self._process, pause)
        finally:
            await self._tasks.cancel_all()
            await release_leases(self._uploads.release_claims(), "uploads")

    async def _claim(self) -> list[UploadJob]:
        """Claim files to upload: few enough that all of them may be of one account."""
        rooms = {name: PER_ACCOUNT - self._in_flight[name] for name in self._numbers}
        full = {name for name, room in rooms.items() if room <= 0}
        most = min((room for room in rooms.values() if room > 0), default=0)
        if (room := min(self._tasks.capacity, most)) <= 0:
            return []
        jobs = await retry_while_unavailable(partial(self._uploads.claim, room, full), "uploads")
        self._in_flight.update(job.account for job in jobs)
        return jobs

    async def _process(self, job: UploadJob) -> None:
        account = self._accounts[self._numbers[job.account]]
        try:
            file = await retry_while_unavailable(partial(self._uploads.file, job.media), "uploads")
            verdict: UploadVerdict = Failed(0, GONE)
            if file and file.tenant == account.tenant:
                async with renewed_lease(partial(self._uploads.renew, job), "uploads"):
                    verdict = await self._upload(job, account, file)
            self._log_verdict(account, verdict)
            await retry_while_unavailable(partial(self._settle, job, account, verdict), "uploads")
        finally:
            self._in_flight[job.account] -= 1

    async def _upload(self, job: UploadJob, account: Account, file: UploadedFile) -> UploadVerdict:
        try:
            if refusal := await self._scan(file):
                return Failed(0, refusal)
            pieces = await self._read(file)
        except ObjectNotFound:
            return Failed(0, GONE)
        except CannotDecrypt:
            return self._damaged(account)
        except (object_store.StoreUnavailable, clamd.ScannerUnavailable) as error:
            log.error("upload.not_read", what=type(error).__module__, reason=str(error))
            return self._record(job, account, None, retry_later(job.attempt, job.tried))
        before, after, content_type = multipart_form(file.mime_type, file.object)
        size = len(before) + file.size + len(after)
        headers = {"Content-Type": content_type, "Content-Length": str(size)}
        form = Form(before, pieces, after)
        answer = await self._poster.post(
            account.media_url, form.read(), {**account.headers, **headers}
        )
        if form.is_damaged:  # the provider got a part of it
            return self._damaged(account)
        return self._record(job, account, answer, judge_upload(answer, job.attempt, job.tried))

    def _damaged(self, account: Account) -> Failed:
        """Tell that the stored bytes were altered: no other attempt finds others."""
        metrics.media_damaged.inc()
        log.error("upload.damaged", number=account.number)
        return Failed(0, DAMAGED)

    def _record(
        self, job: UploadJob, account: Account, answer: Response | None, verdict: UploadVerdict
    ) -> UploadVerdict:
        """Record a failed attempt; return the verdict."""
        if isinstance(verdict, RetryLater):
            self._record_attempt(upload_attempt(account, job.media, job.attempt, answer, verdict))
        return verdict

    async def _read(self, file: UploadedFile) -> AsyncIterator[bytes]:
        """Return the plain bytes of a file."""
        pieces = await self._files.store.read(object_store.upload_key(file.object))
        return open_stream(RING.stream_key(file_salt(file.id, file.object)), pieces)

    async def _scan(self, file: UploadedFile) -> str:
        """Return why a file must not be sent, or ''."""
        if self._files.scanner is None:
            return ""
        pieces = await self._read(file)
        try:
            malware = (await self._files.scanner.scan(pieces)).malware
        except clamd.TooLarge:
            return UNSCANNABLE
        return MALWARE.format(malware) if malware else ""

    async def _settle(self, job: UploadJob, account: Account, verdict: UploadVerdict) -> None:
        if isinstance(verdict, Uploaded):
            scanned = self._files.scanner is not None
            await self._uploads.complete(job, verdict.id, scanned=scanned)
            return
        count = await self._ledger.fail_without_media(
            (job.media, account.number), verdict, clock.now()
        )
        metrics.sends.labels(number=account.number, outcome="failed").inc(count)
        if isinstance(verdict, RetryLater):
            await self._uploads.reschedule(job, verdict.seconds, verdict.stop)
        else:
            await self._uploads.fail(job)

    def _log_verdict(self, account: Account, verdict: UploadVerdict) -> None:
        if isinstance(verdict, Failed):
            log.error("upload.refused", number=account.number, code=verdict.code)
        elif isinstance(verdict, RetryLater):
            log_event = log.error if verdict.stop else log.warning
            fields = {"code": verdict.code, "reason": verdict.reason, "seconds": verdict.seconds}
            log_event("upload.put_off", number=account.number, **fields)
            if verdict.stop:
                metrics.sends.labels(number=account.number, outcome=STOPPED).inc()


class Form:
    """Form of a file, while it is sent."""

    def __init__(self, before: bytes, pieces: AsyncIterator[bytes], after: bytes) -> None:
        self._before, self._pieces, self._after = before, pieces, after
        self.is_damaged = False
        """True once stored bytes did not open. The HTTP client knows only of a request that broke
        off."""

    async def read(self) -> AsyncIterator[bytes]:
        yield self._before
        try:
            async for piece in self._pieces:
                yield piece
        except CannotDecrypt:
            self.is_damaged = True
            raise
        yield self._after
