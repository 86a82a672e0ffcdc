"""Manipulations of the record by a user with all rights, and how `archive verify` reports them.

Manipulations that leave the rest verifiable are combined, each at another place in the log. After
each of the others nothing else can be verified, so these are done one at a time.
"""

from collections.abc import Sequence

import msgspec

from archiver.audit.log_walk import TILE_ENTRIES, Finding
from archiver.log.entry import PlainColumns, entry_leaf_hash
from services.postgres.database import Connection


class Deed(msgspec.Struct, frozen=True):
    """A manipulation at `share` of the log; its SQL has that position as $1.

    `finding` is the finding to expect, at most `near` entries from there.
    """

    name: str
    share: float
    finding: str
    sql: str
    near: int = TILE_ENTRIES

    def place(self, size: int) -> int:
        return int(size * self.share)

    def is_found(self, size: int, findings: Sequence[Finding]) -> bool:
        place = self.place(size)
        return any(
            one.what == self.finding
            and (one.position is None or abs(one.position - place) <= self.near)
            for one in findings
        )


SIGNED = 25_000
"""Somewhat more than the entries between two checkpoints of the benchmark."""
_SET = "update archiver.entry set"
_NEXT = "where size = (select min(size) from archiver.checkpoint where size > $1)"
_NOTE = f"update archiver.checkpoint set note = note || 'x' {_NEXT}"
_UNSIGNED = f"delete from archiver.checkpoint {_NEXT}"
_KEY = """
delete from archiver.conversation_key k using archiver.entry e
where e.position = (select min(position) from archiver.entry
    where position >= $1 and conversation <> '')
and (k.tenant, k.conversation) = (e.tenant, e.conversation)
"""
_TWICE = """
insert into archiver.entry
select (jsonb_populate_record(e, jsonb_build_object('id', gen_random_uuid()))).*
from archiver.entry e where position = $1
"""
_SWAPPED = "position = 2 * $1::bigint + 1 - position where position between $1 and $1::bigint + 1"
_ACTION = """
delete from archiver.processing where span_id = (
    select substring(uuid_send(id) from 9) from archiver.entry
    where position >= $1 and kind = 'message' order by position limit 1)
"""
_TILE = "where level = 8 and index = $1::bigint >> 8"
_PEAKS = "peaks = sha256(peaks) || substr(peaks, 33) where $1::bigint = 0"
_ONE = "where position = $1"
_FITS = ""
"""The leaf hash is recomputed to fit, which takes more than SQL."""
COMBINED = (
    Deed("content", 0.05, "altered", f"{_SET} sealed = sealed || 'x'::bytea {_ONE}"),
    Deed("department", 0.10, "altered", f"{_SET} department = 'elsewhere' {_ONE}"),
    Deed("time", 0.15, "altered", f"{_SET} at = at - interval '1 day' {_ONE}"),
    Deed("order", 0.20, "altered", f"{_SET} sequence = sequence + 2 {_ONE}"),
    Deed("leaf", 0.25, "altered", f"{_SET} leaf = sha256(leaf) {_ONE}"),
    Deed("salt", 0.30, "salt", f"{_SET} salt = sha256(salt) {_ONE}"),
    Deed("salt gone", 0.35, "salt", f"{_SET} salt = null {_ONE}"),
    Deed("places changed", 0.40, "tile", f"{_SET} {_SWAPPED}"),
    Deed("fits its leaf", 0.45, "tile", _FITS),
    Deed("kept hash gone", 0.50, "node", f"delete from archiver.node {_TILE}"),
    Deed("checkpoint altered", 0.55, "checkpoint", _NOTE, SIGNED),
    Deed("processing log", 0.60, "processing", _ACTION),
    Deed(
        "time of writing",
        0.65,
        "written",
        f"{_SET} written_at = written_at - interval '1 day' {_ONE}",
    ),
    Deed("checkpoint gone", 0.70, "checkpoint", _UNSIGNED, SIGNED),
    Deed("key gone", 0.85, "key", _KEY, SIGNED),
    Deed("taken out", 0.95, "missing", f"delete from archiver.entry {_ONE}"),
)
SINGLE = (
    Deed(
        "kept hash altered", 0.30, "tile", f"update archiver.node set hash = sha256(hash) {_TILE}"
    ),
    Deed("put in", 0.50, "doubled", _TWICE),
    Deed("end cut off", 0.90, "short", "delete from archiver.entry where position >= $1"),
    Deed("log's hash", 0.0, "head", f"update archiver.head set {_PEAKS}"),
)
DEEDS = (*COMBINED, *SINGLE)


async def tamper(connection: Connection, deed: Deed, size: int) -> None:
    place = deed.place(size)
    if deed.sql != _FITS:
        await connection.execute(deed.sql, place)
        return
    row = await connection.fetchrow("select * from archiver.entry where position = $1", place)
    assert row is not None
    own = {name: row[name] for name in PlainColumns.__struct_fields__} | {"department": "elsewhere"}
    sql = f"{_SET} department = $2, leaf = $3 where position = $1"
    await connection.execute(
        sql, place, "elsewhere", entry_leaf_hash(PlainColumns(**own), row["sealed"])
    )
