"""Records of before there was a log go into it when the archiver starts, and lie open no more."""

import msgspec

from archiver import legacy_sealing
from archiver.encryption.key_store import NOWHERE
from archiver.encryption.sealing import unseal
from archiver.log.writer import Writer
from archiver.media.fetch_policy import Announced
from archiver.media.store import Book
from archiver.quarantine import ABOUT
from services import clock
from services.contract import Record
from services.postgres.database import Pool, connected
from tests.integration.logged import NUMBER, message
from tests.recorded import keys_of, rows_of, writer_of

ADD = """
insert into archiver.record (id, kind, at, tenant, conversation, message, receipt, sequence, data,
    raw)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9::jsonb, $10)
"""


async def _lay_open(pool: Pool, records: list[Record]) -> None:
    for r in records:
        given = (r.id, r.kind, r.at, r.tenant, r.conversation, r.message, r.receipt, r.sequence)
        await pool.execute(ADD, *given, r.data.decode(), r.raw)


async def test_they_are_moved_once_with_the_rights_of_the_service(pool: Pool, empty: str) -> None:
    records = [message(n) for n in range(legacy_sealing.AT_ONCE + 7)]
    await _lay_open(pool, records)
    async with connected(f"{empty}?role=postkamer_archiver", "test", 3) as own:
        keys = await keys_of(own)
        writer = Writer(own, keys)
        await writer.add(records[:5])  # it was killed when it had moved some
        await legacy_sealing.move(own, keys, writer)
        await legacy_sealing.move(own, keys, writer)
    assert await pool.fetchval("select count(*) from archiver.record") == 0
    rows = await rows_of(pool)
    assert len(rows) == len(records)
    kept = {row["id"]: row for row in rows}
    for record in records:
        row = kept[record.id]
        assert msgspec.json.decode(row["data"]) == msgspec.json.decode(record.data)
        same = ("kind", "at", "tenant", "conversation", "message", "sequence", "raw")
        assert [row[name] for name in same] == [getattr(record, name) for name in same]


async def test_only_what_is_in_the_log_is_taken_away(pool: Pool) -> None:
    one, other = message(1), message(2)
    await _lay_open(pool, [one, other])
    await (await writer_of(pool)).add([one])
    await pool.execute("select archiver.moved($1::uuid[])", [one.id, other.id])
    assert await pool.fetchval("select id from archiver.record") == other.id


async def test_one_that_cannot_be_sealed_goes_aside_and_stops_no_other(
    pool: Pool, empty: str
) -> None:
    good, bad = message(1), message(2, text=5)
    await _lay_open(pool, [good, bad])
    async with connected(f"{empty}?role=postkamer_archiver", "test", 3) as own:
        keys = await keys_of(own)
        await legacy_sealing.move(own, keys, Writer(own, keys))
    assert await pool.fetchval("select count(*) from archiver.record") == 0
    assert [row["id"] for row in await rows_of(pool)] == [good.id]
    [kept] = await pool.fetch("select reason, body, sealed from archiver.quarantine")
    assert (kept["reason"], kept["body"]) == ("its data is not what its kind says", b"")


async def test_what_lay_open_aside_and_of_files_is_sealed_as_it_was(pool: Pool, empty: str) -> None:
    bodies = {b"\x81no envelope", b"another of 31600000011"}
    for body in bodies:
        await pool.execute(
            "insert into archiver.quarantine (reason, body) values ('odd', $1)", body
        )
    file, other = clock.new_id(), clock.new_id()
    of = Announced("900", "image/jpeg", "x", "Jan de Boer.jpg")
    announced = {"id": "900", "mimeType": of.mime_type, "sha256": "x", "filename": of.filename}
    await pool.execute(
        "insert into archiver.media (id, tenant, number, conversation, department, announced,"
        " sent_at) values ($1, 'almelo', $2, 'of-before', 'balie', $3::jsonb, now())",
        file,
        NUMBER,
        msgspec.json.encode(announced).decode(),
    )
    await pool.execute(
        "insert into archiver.media (id, tenant, number, conversation, department, announced,"
        " sent_at) select $1, tenant, number, 'shut', department, announced, sent_at"
        " from archiver.media",
        other,
    )
    await (await keys_of(pool)).of_conversations([("almelo", "shut")])
    await pool.execute(
        "update archiver.conversation_key set wrapped = 'x' where conversation = 'shut'"
    )
    async with connected(f"{empty}?role=postkamer_archiver", "test", 3) as own:
        keys = await keys_of(own)
        for _ in range(2):
            await legacy_sealing.move(own, keys, Writer(own, keys))
        rows = await own.fetch("select reason, body, salt, sealed from archiver.quarantine")
        key = (await keys.of_conversations([NOWHERE]))[NOWHERE]
        assert {unseal(key, row["salt"], row["sealed"], ABOUT) for row in rows} == bodies
        assert {(row["reason"], row["body"]) for row in rows} == {("odd", b"")}
        what = "select announced::text from archiver.media where id = $1"
        left = await own.fetchval(what, file)
        assert msgspec.json.decode(await own.fetchval(what, other)) == announced
        assert msgspec.json.decode(left) == {"mimeType": "image/jpeg"}
        kept = await Book(own, keys).kept(file)
        assert kept and kept.announced == of
