"""The archive has everything that was published, once, unbroken and with the same words."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from pydantic import SecretStr

from archiver.audit import log
from archiver.audit.checkpoints import Trust, list_outside
from archiver.audit.log import VerifyOptions
from archiver.audit.log_walk import Finding
from archiver.audit.rows.rows_beside import Means, Unseen, verify_rows
from archiver.index.blind_index import person_hash
from archiver.index.record_fields import read_fields, subject_identities
from archiver.log import checkpoint_signer
from archiver.log.checkpoint_signer import sign_checkpoint
from archiver.quarantine import ASIDE
from archiver.signing.signer import Signer
from services.config.settings import derive_key
from services.contract import Record
from services.files.object_store import ObjectStore
from services.postgres.database import Pool
from tests.support.archiver.orders import KEY as ORDER_KEY
from tests.support.decrypted_record import KEY, keys_of, rows_of

LOG = "postkamer"
"""Name under which archivers sign where the configuration gives none."""
SAME = ("kind", "at", "tenant", "conversation", "message", "receipt", "item", "sequence", "raw")
FIELDS = {"item": "item_index"}
"""Column -> field of the record, where they differ."""


async def check(pool: Pool, published: Sequence[Record], before: int, store: Path) -> None:
    await whole(pool, published, before)
    assert await findings(pool, store) == []
    assert await pool.fetchval("select count(*) from archiver.quarantine") == 0
    await files(pool, published)
    await check_subjects(pool, published)


async def whole(pool: Pool, published: Sequence[Record], before: int) -> None:
    """Each once, and nothing else but what tells of the quarantine."""
    wanted = {record.id: record for record in published}
    assert len(wanted) == len(published)
    ids = [row["id"] for row in await pool.fetch("select id from archiver.entry")]
    counts = Counter(ids)
    assert [id for id in wanted if counts[id] != 1] == []
    rows = await rows_of(pool)
    asides = sum(row["kind"] == ASIDE for row in rows)
    assert len(ids) == before + len(wanted) + asides
    assert [row["position"] for row in rows] == list(range(len(ids)))
    changed = [row["id"] for row in rows if row["id"] in wanted and not _says(row, wanted)]
    assert changed == []


def _says(row: dict[str, Any], wanted: dict[Any, Record]) -> bool:
    record = wanted[row["id"]]
    same = all(row[name] == getattr(record, FIELDS.get(name, name)) for name in SAME)
    department = read_fields(record).department or ""
    data = msgspec.json.decode(row["data"]) == msgspec.json.decode(record.data)
    return same and data and row["contact"] == record.contact and row["department"] == department


async def findings(pool: Pool, store: Path) -> list[Finding]:
    """Findings after all was signed: of the log, of its copies outside the database, and of the
    tables beside it."""
    signer = Signer(LOG, derive_key([SecretStr(KEY)], checkpoint_signer.PURPOSE))
    outside = ObjectStore(store.as_uri())
    await sign_checkpoint(pool, signer, outside)
    asked = VerifyOptions(trust=Trust(LOG, signer.public_key), outside=await list_outside(outside))
    async with (
        pool.acquire() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        found = log.verify_log(connection, asked, lambda seen, of: None)
        beside = verify_rows(connection, await keys_of(pool), Unseen(), Means(None, [ORDER_KEY]))
        return [one async for one in found] + [one async for one in beside]


async def files(pool: Pool, published: Sequence[Record]) -> None:
    """One row for each that came with a message."""
    wanted = {r.message for r in published if r.kind == "message" and read_fields(r).medium}
    rows = await pool.fetch(
        "select id, state from archiver.media where id = any($1::uuid[])", wanted
    )
    assert {row["id"] for row in rows} == wanted
    assert {row["state"] for row in rows} <= {"waiting"}


async def check_subjects(pool: Pool, published: Sequence[Record]) -> None:
    """Each conversation has everybody's names once."""
    keys = await keys_of(pool)
    hashing = {
        tenant: (await keys.index_keys(tenant)).newest for tenant in {r.tenant for r in published}
    }
    wanted = {
        (r.tenant, person_hash(hashing[r.tenant], one.kind, one.value), r.conversation)
        for r in published
        for one in subject_identities(read_fields(r))
    }
    sql = "select tenant, hash, conversation from archiver.subject where conversation = any($1)"
    rows = await pool.fetch(sql, {record.conversation for record in published})
    assert len(rows) == len(wanted)
    assert {tuple(row) for row in rows} == wanted
