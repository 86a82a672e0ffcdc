"""Conversations of a real record: opened, answered, closed, one in ten with a photograph."""

import itertools
import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import msgspec

from archiver.encryption.key_store import KeyStore
from archiver.log.checkpoint_signer import sign_checkpoint
from archiver.log.writer import Writer
from archiver.retention.dossier_follower import DossierFollower
from bench.record import SIGNER
from bench.rules import EXAMPLES
from bench.servers import EXAMPLE
from bench.workloads.archive_workload import record_batches, split_waves
from bench.workloads.texts import example_texts, write_texts
from router.model.hashes import Hashes
from router.ruleset.context import build_context
from services import clock
from services.config import loader
from services.contract import Record
from services.files.object_store import ObjectStore
from services.postgres.database import Pool
from tests.support.transfer.stored_files import fetch_files

PHOTO_EVERY, PHOTO_BYTES = 10, 150_000
"""A photograph in one of so many conversations, of a size that WhatsApp's phones send."""
CITIZENS_AT_ONCE = 32
RECORDS_PER_WRITE = 2_000
DAYS = 365
"""Days over which the conversations are spread, that ended a month ago."""


async def fill_record(pool: Pool, keys: KeyStore, objects: ObjectStore, conversations: int) -> None:
    """Write the record of so many conversations, with their files, dossiers and a checkpoint."""
    begin = clock.now() - timedelta(days=DAYS + 30)
    months = "select archiver.make_months_of($1, $2, 15)"
    for table in ("entry", "searchable"):
        await pool.execute(months, table, begin.date().replace(day=1))
    writer, made = Writer(pool, keys), make_records(conversations, begin)
    while batch := list(itertools.islice(made, RECORDS_PER_WRITE)):
        await writer.add(batch)
    photo = os.urandom(PHOTO_BYTES)
    await fetch_files(pool, keys, objects, lambda id: b"\xff\xd8\xff\xe0" + id.encode() + photo)
    config = loader.load(EXAMPLE).config
    await DossierFollower(pool, keys, lambda: config).catch_up()
    await sign_checkpoint(pool, SIGNER, objects)
    await pool.execute("vacuum analyze", timeout=600)


def make_records(conversations: int, begin: datetime) -> Iterator[Record]:
    config = loader.load(EXAMPLE)
    about = [word for rule in config.config.rules for word in rule.words]
    texts = write_texts(example_texts(EXAMPLES.read_text()), about, seed=1)
    context = build_context(config, Hashes(b"bench"))
    for wave in split_waves(0, conversations, CITIZENS_AT_ONCE):
        at = begin + timedelta(days=DAYS) * (wave.first / conversations)
        opened = list[Record]()
        for batch in record_batches(iter([(wave, at)]), texts, context):
            opened += [record for record in batch if record.kind == "conversation"]
            yield from batch
        for nth, record in enumerate(opened):
            yield from _photo(record, wave.first + nth)
            yield _closing(record)


def _photo(opened: Record, nth: int) -> Iterator[Record]:
    if nth % PHOTO_EVERY:
        return
    at, id = opened.at + timedelta(minutes=5), clock.new_id(opened.at)
    step = msgspec.json.decode(opened.data)
    data = {
        "direction": "in",
        "type": "image",
        "text": "",
        "receivedAt": at,
        "sentAt": clock.now(),
        "medium": {"id": f"photo{nth}", "mimeType": "image/jpeg", "sha256": "", "filename": ""},
    } | {name: step[name] for name in ("department", "decision")}
    yield _beside(opened, "message", at, data, message=id, id=id, sequence=3)


def _closing(opened: Record) -> Record:
    at = opened.at + timedelta(hours=1)
    data = msgspec.json.decode(opened.data) | {"event": "closed"}
    return _beside(opened, "conversation", at, data, id=clock.new_id(at), sequence=4)


def _beside(opened: Record, kind: str, at: datetime, data: Any, **fields: Any) -> Record:
    return Record(
        kind=kind,
        at=at,
        data=msgspec.json.encode(data),
        tenant=opened.tenant,
        conversation=opened.conversation,
        **fields,
    )
