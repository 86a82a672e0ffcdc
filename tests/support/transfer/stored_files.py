"""Files of messages, fetched, scanned and recorded without a provider and a scanner."""

import hashlib
from collections.abc import AsyncIterator, Callable

import msgspec

from archiver.encryption.key_store import KeyStore
from archiver.log.writer import Writer
from archiver.media.fetch_policy import FetchedFile, MediaResult
from archiver.media.store import MediaStore
from router.handlers.media import record as media_record
from services import clock
from services.contract import Record
from services.files import object_store
from services.files.object_store import ObjectStore
from services.postgres.database import Pool
from services.postgres.outbox import LIMIT
from services.sealing.stream_sealing import SealingStream


async def fetch_files(
    pool: Pool, keys: KeyStore, objects: ObjectStore, content_of: Callable[[str], bytes]
) -> None:
    """Fetch all files that wait, and record that they are there. `content_of` returns the content
    of a file by its id at Meta."""
    store = MediaStore(pool, keys)
    while file := await store.claim_to_fetch(clock.now(), clock.new_id(), []):
        content = content_of(file.announced.id)
        assert file.stream_key and await store.start_fetch(file)
        sealing = SealingStream(file.stream_key, _pieces(content))
        await objects.put(object_store.media_key(file.object), sealing.pieces())
        assert await store.set_object(file, sealing.sha256())
        name = object_store.sealed_key(sealing.sha256())
        await objects.make_permanent(object_store.media_key(file.object), name)
        digest, kind = hashlib.sha256(content).hexdigest(), file.announced.mime_type
        fetched = FetchedFile(len(content), digest, kind, content[:16], object=sealing.sha256())
        await store.record_fetch(file, fetched, clock.now())
        scanned = await store.claim_to_scan(clock.now(), include_unscanned=False)
        assert scanned
        assert await store.finish(scanned, MediaResult("available", "", True), clock.now())
    await _record(store, Writer(pool, keys))


async def _record(store: MediaStore, writer: Writer) -> None:
    """Record the outcomes, as the router does."""
    while outcomes := await store.outbox.fetch_unpublished(LIMIT, []):
        for outcome in outcomes:
            # A router's record needs neither the unit nor the decision.
            kind, data = media_record(None, outcome, None)  # type: ignore[arg-type]
            record = Record(
                id=outcome.id,
                kind=kind,
                at=outcome.at,
                data=msgspec.json.encode(data),
                tenant=outcome.tenant,
                conversation=outcome.conversation,
                message=outcome.message,
            )
            await writer.add([record])
        await store.outbox.mark_published(outcomes)


async def _pieces(content: bytes) -> AsyncIterator[bytes]:
    yield content
