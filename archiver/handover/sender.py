"""Hand transcripts over when they are due, one at a time, until each target has its own.

Before anything leaves, the row says so; and before anything is made, the target is asked if it has
it. So a kill at any moment makes no second copy, and leaves none that no row names.
"""

import asyncio
import hashlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from functools import partial

import msgspec
import structlog

from archiver.handover.document import identify, title_of
from archiver.handover.failure import HandoverFailed, is_over, retry_seconds
from archiver.handover.maker import HandedConversation, read_conversation
from archiver.handover.store import HandoverStore, PendingHandover
from archiver.handover.targets import find_target
from archiver.handover.zgw_client import ZgwSession
from archiver.transcript.routes import ServedArchive
from services import clock, metrics
from services.calendar.opening_hours import day_of
from services.config.handover import Handover
from services.config.handover_secrets import HandoverSecrets
from services.contract import Record
from services.files.object_store import (
    PIECE_BYTES,
    ObjectNotFound,
    ObjectStore,
    StoreUnavailable,
    transcript_key,
)
from services.ids import uuid7
from services.postgres.database import retry_while_unavailable

POLL_SECONDS = 5.0
"""Pause when nothing is due. One at a time: a transcript takes 150 MB with its files, and its PDF
half a GiB in a process of its own."""
PAUSE = timedelta(minutes=5)
"""Longest time for which a target that failed gets nothing else: one that is away would hold up the
others for the time of each request."""
NO_TARGET = "the configuration has no such target any more"
NO_SECRET = "the archiver read no secret of the target when it started: start it again"
NO_CONTENT = "nothing of the conversation is within reach of the target"
STORE_AWAY = "the object store of the target does not answer"
NO_STORE = "the object store of the target cannot be opened ({})"
STRANGE = "an unexpected error: see the log of the archiver"
OVER = "tried for 7 days: {}"
AddRecords = Callable[[Sequence[Record]], Awaitable[object]]
"""Adds the records that are new."""

log = structlog.get_logger()


class HandoverSender:
    def __init__(
        self,
        archive: ServedArchive,
        add: AddRecords,
        session: ZgwSession,
        secrets: HandoverSecrets,
    ) -> None:
        self._archive, self._add = archive, add
        self._session, self._secrets = session, secrets
        self._store = HandoverStore(archive.pool)
        self._stores: dict[str, ObjectStore] = {}
        self._paused: dict[str, datetime] = {}
        """Target -> time until which none of its rows is claimed, since one could not go there."""

    async def run(self) -> None:
        """Hand over for as long as the service runs."""
        while True:
            if not await self.hand_over_next():
                await asyncio.sleep(POLL_SECONDS)

    async def hand_over_next(self) -> bool:
        """Hand over what is due longest. Return False if nothing is due."""
        now = clock.now()
        self._paused = {lane: until for lane, until in self._paused.items() if until > now}
        claim = partial(self._store.claim, list(self._paused))
        row = await retry_while_unavailable(claim, "handover")
        if row is None:
            return False
        await self._process(row)
        return True

    async def _process(self, row: PendingHandover) -> None:
        try:
            await self._hand_over(row)
        except HandoverFailed as failure:
            await self._fail(row, failure)
        except Exception as error:
            log.error("handover.failed", conversation=row.conversation, exc_info=error)
            await self._fail(row, HandoverFailed(STRANGE))

    async def _hand_over(self, row: PendingHandover) -> None:
        target = find_target(self._archive.config(), row.tenant, row.target)
        if target is None:
            raise HandoverFailed(NO_TARGET, is_final=True)
        conversation = await read_conversation(self._archive, row, target)
        if conversation is None:
            await retry_while_unavailable(partial(self._store.forget, row), "handover")
            raise HandoverFailed(NO_CONTENT, is_final=True)
        if target.to == "objects":
            await self._put_object(row, target, conversation)
        else:
            await self._put_document(row, target, conversation)
        await retry_while_unavailable(partial(self._store.finish, row), "handover")
        metrics.handovers.labels(target=row.target, outcome="done").inc()

    async def _put_object(
        self, row: PendingHandover, target: Handover, conversation: HandedConversation
    ) -> None:
        """Put the transcript under a name that is made of its content. What an attempt before
        this one put there stays: it is the transcript of that moment."""
        store = self._open_store(target.store)
        key = transcript_key(row.conversation, row.sha256, target.format) if row.sha256 else ""
        try:
            if not (key and await store.exists(key)):
                content = await conversation.make(target.format)
                if not await self._store.note_content(row, content.sha256):
                    return
                key = transcript_key(row.conversation, content.sha256, target.format)
                await store.put(key, _pieces(content.body))
        except (StoreUnavailable, ObjectNotFound):  # ObjectNotFound: the bucket does not exist
            raise HandoverFailed(STORE_AWAY) from None
        await self._note(row, key)

    async def _put_document(
        self, row: PendingHandover, target: Handover, conversation: HandedConversation
    ) -> None:
        client = self._session.client_for(target, self._secret(row), clock.now)
        identification = identify(*row.key)
        document = row.document or await client.find_document(identification)
        if not document:
            content = await conversation.make(target.format)
            if not await self._store.note_content(row, content.sha256):
                return
            document = await client.create_document(identification, content)
        if document != row.document:
            await self._note(row, document)
        if target.zaken_url and conversation.zaak:
            title = title_of(day_of(row.closed_at))
            await client.link(document, await client.find_zaak(conversation.zaak), title)

    async def _note(self, row: PendingHandover, document: str) -> None:
        """Put it on the record, and then in the row: a repeat makes the same record."""
        await self._add([handover_record(row, clock.now())])
        note = partial(self._store.note_document, row, document)
        await retry_while_unavailable(note, "handover")

    def _open_store(self, url: str) -> ObjectStore:
        if url not in self._stores:
            try:
                self._stores[url] = ObjectStore(url)
            except (OSError, ValueError) as error:
                raise HandoverFailed(NO_STORE.format(type(error).__name__)) from None
        return self._stores[url]

    def _secret(self, row: PendingHandover) -> str:
        secret = self._secrets.get((row.tenant, row.target))
        if secret is None:  # the target is newer than this process
            raise HandoverFailed(NO_SECRET)
        return secret

    async def _fail(self, row: PendingHandover, failure: HandoverFailed) -> None:
        now = clock.now()
        outcome, reason = "later", failure.reason
        if failure.is_final or is_over(row.due_since, now):
            outcome = "parked"
            reason = reason if failure.is_final else OVER.format(reason)
            work = partial(self._store.park, row, reason)
        else:
            seconds = retry_seconds(row.attempts, random.random())
            self._paused[row.lane] = now + min(PAUSE, timedelta(seconds=seconds))
            work = partial(self._store.put_off, row, seconds, reason)
        log.warning("handover.put_off", destination=row.target, kind=outcome, reason=reason)
        metrics.handovers.labels(target=row.target, outcome=outcome).inc()
        await retry_while_unavailable(work, "handover")


def handover_record(row: PendingHandover, at: datetime) -> Record:
    """Return the record of what was handed over: a delivery to the target. Its id follows from the
    closing, so that a repeat makes one record."""
    name = " ".join(map(str, ("handover", *row.key)))
    digest = hashlib.blake2b(name.encode(), digest_size=10).digest()
    id = uuid7(row.closed_at, digest)
    data = {
        "destination": row.target,
        "event": id,
        "state": "settled",
        "attempts": row.attempts,
        "status": None,
        "reason": "afschrift bij het sluiten",
        "what": "transcript",
    }
    return Record(
        id=id,
        kind="delivery",
        at=at,
        data=msgspec.json.encode(data),
        tenant=row.tenant,
        conversation=row.conversation,
    )


async def _pieces(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), PIECE_BYTES):
        yield body[start : start + PIECE_BYTES]
