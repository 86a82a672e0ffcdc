"""Rows of the tables beside the log that were added, removed or altered by hand are named."""

from collections.abc import AsyncIterator, Iterable
from datetime import date
from uuid import UUID

import msgspec
import pytest

from archiver.audit.log_walk import Finding
from archiver.audit.rows.rows_beside import WITHOUT_WORKING_KEY, Means, Unseen, verify_rows
from archiver.audit.service_role import read_as_service
from archiver.audit.subject_rows import find_extra_subjects
from archiver.index.record_fields import Identity
from archiver.quarantine import Quarantine, remove_entry
from archiver.subject_access.person_finder import SubjectMatch
from archiver.subject_access.requests.store import NewRequest, RequestStore
from services import clock
from services.postgres.database import Connection
from services.sealing.columns import QUARANTINE, bind
from services.sealing.key_ring import RING, KeyRing
from tests.support.archiver.commands import Archive
from tests.support.archiver.orders import KEY
from tests.support.archiver.records import record
from tests.support.archiver.signed_log import Log, conversation
from tests.support.archiver.undone import undone

FLIP = "set_byte({0}, 0, get_byte({0}, 0) # 1)"
ONE_ACTION = """
where span_id = (select substring(uuid_send(id) from 9) from archiver.entry where position = 400)
"""
OTHER_TIME = "start_time = start_time - interval '1 day', end_time = end_time - interval '1 day'"
NO_ROW = "the processing log has no row of this action"
NO_ACTION = "the processing log has a row of no action on the record"
TWICE = "the processing log has 2 rows of one action"
ALTERED = "the row of this action in the processing log is not what it was"
UNHASHED = "the keyed hash of this action's row is gone"
COPY_OF_ROW = f"insert into archiver.processing select * from archiver.processing {ONE_ACTION}"
BY_HAND = f"""
insert into archiver.processing
select (jsonb_populate_record(p, jsonb_build_object('span_id', '\\x0001020304050607'))).*
from archiver.processing p {ONE_ACTION}
"""
CHANGE = f"update archiver.processing set {{}} {ONE_ACTION}"
IN_THE_OPEN = {
    f"delete from archiver.processing {ONE_ACTION}": [NO_ROW],
    BY_HAND: [NO_ACTION],
    COPY_OF_ROW: [TWICE],
    CHANGE.format(OTHER_TIME): [NO_ACTION, NO_ROW],
    CHANGE.format("end_time = start_time + interval '1 second'"): [ALTERED],
    CHANGE.format("name = 'x'"): [ALTERED],
    CHANGE.format("tenant = 'hengelo'"): [NO_ACTION, NO_ROW],
}
WITH_THE_KEY = {
    CHANGE.format(f"{column} = {value}"): [ALTERED]
    for column, value in {
        "trace_id": FLIP.format("trace_id"),
        "parent_span_id": "span_id",
        "name": "'bericht verstuurd'",
        "status": "'Error'",
        "resource": "'postkamer 0'",
        "activity": "'urn:other'",
        "subject": "sha256(subject)",
        "subject_type": "'x'",
        "foreign_processor": "'urn:other'",
        "proof": FLIP.format("proof"),
    }.items()
} | {CHANGE.format("proof = ''"): [UNHASHED]}


async def verified(
    connection: Connection, log: Log, *, with_keys: bool = True, ring: KeyRing | None = None
) -> tuple[list[Finding], list[str]]:
    unseen = Unseen()
    await read_as_service(connection)
    rows = verify_rows(connection, log.keys if with_keys else None, unseen, Means(ring, [KEY]))
    return [one async for one in rows], unseen.sentences


async def beside(log: Log, *, with_keys: bool = True) -> tuple[list[Finding], list[str]]:
    async with log.pool.acquire() as connection, undone(connection):
        return await verified(connection, log, with_keys=with_keys)


def sentences_of(findings: list[Finding]) -> list[str]:
    return sorted(one.sentence.partition(" (")[0] for one in findings)


async def sentences(log: Log, *, with_keys: bool = True) -> list[str]:
    return sentences_of((await beside(log, with_keys=with_keys))[0])


async def named(
    log: Log, statements: Iterable[str], *, with_keys: bool = True
) -> dict[str, list[str]]:
    """The sentences after each statement alone."""
    found = {}
    async with log.pool.acquire() as connection:
        for sql in statements:
            async with undone(connection):
                await connection.execute(sql)
                findings, _ = await verified(connection, log, with_keys=with_keys)
            found[sql] = sentences_of(findings)
    return found


async def test_processing_log_that_does_not_fit_is_named_without_a_key(log: Log) -> None:
    assert await sentences(log, with_keys=False) == []
    assert await named(log, IN_THE_OPEN, with_keys=False) == IN_THE_OPEN


async def test_altered_row_of_the_processing_log_is_named(log: Log) -> None:
    assert await sentences(log) == []
    assert await named(log, WITH_THE_KEY) == WITH_THE_KEY


async def test_rows_of_before_there_were_hashes_follow_their_entries(log: Log) -> None:
    await log.pool.execute("update archiver.processing set proof = ''")
    findings, [unseen] = await beside(log)
    assert findings == [] and unseen.endswith("of before rows had a keyed hash: 700")
    await log.pool.execute(f"update archiver.processing set status = 'Error' {ONE_ACTION}")
    assert await sentences(log) == [ALTERED]


async def test_processing_log_outlives_what_was_destroyed(log: Log) -> None:
    await log.erase(3)
    assert await beside(log) == ([], [])
    await log.eraser.erase_municipality("almelo", "test")
    findings, unseen = await beside(log)
    assert findings == []
    assert unseen == ["rows of the processing log of municipalities that were destroyed: 700"]


async def test_months_that_were_dropped_are_no_finding(log: Log) -> None:
    old = clock.now().replace(year=clock.now().year - 2)
    older = old.replace(year=old.year - 1)
    for at in (older, old):
        await log.writer.add([record("delivery", {"state": "settled"}, at=at)])
    assert await sentences(log) == []
    await log.pool.execute("delete from archiver.processing where start_time = $1", older)
    findings, unseen = await beside(log)
    assert (findings, unseen) == (
        [], [f"the processing log before {old:%Y-%m}, which was dropped"],
    )  # fmt: skip
    await log.pool.execute("delete from archiver.processing where start_time = $1", old)
    await log.pool.execute(f"delete from archiver.processing {ONE_ACTION}")
    assert await sentences(log) == [NO_ROW]


@pytest.fixture
async def request_id(log: Log) -> str:
    """A request that is extended."""
    names = frozenset([Identity("phone", "31610000000")])
    match = SubjectMatch(
        asked=names, names=names, conversations=(conversation(0), conversation(1)),
        hashes=(b"0123456789abcdef",),
    )  # fmt: skip
    async with log.pool.acquire() as connection, connection.transaction():
        store, now = RequestStore(connection, log.keys), clock.now()
        asked = NewRequest(
            tenant="almelo", kind="erasure", received_on=date(2026, 11, 1), by="S. Jansen"
        )
        opened = await store.open(asked, match, now)
        await store.extend(opened, date(2027, 1, 1), "ingewikkeld", "S. Jansen", now)
    return opened.id


DECIDED = "decision = 'granted', decided_at = now()"
OF_REQUEST = {
    DECIDED: "decision, decided_at",
    "tenant = 'hengelo'": "tenant",
    "kind = 'access'": "kind",
    "received_on = '2026-01-01'": "received_on",
    "due_on = '2028-01-01'": "due_on",
    "extension = ''": "extension",
    "hashes = '{}'": "hashes",
    "conversations = conversations[2:]": "conversations",
}


async def test_forged_request_is_named(log: Log, request_id: str) -> None:
    assert await sentences(log) == []
    expected = {
        f"update archiver.request set {change}": [
            f"the request {request_id} is not what its steps say: {columns}"
        ]
        for change, columns in OF_REQUEST.items()
    }
    assert await named(log, expected) == expected


async def test_request_without_steps_or_row_is_named(log: Log, request_id: str) -> None:
    await log.pool.execute("update archiver.request set id = 'AVG-2026-9999'")
    assert await sentences(log) == [
        "nothing on the record opened the request AVG-2026-9999",
        f"the request {request_id} is on the record, and its row is gone",
    ]


async def test_request_of_a_citizen_who_was_destroyed_is_not_looked_at(
    log: Log, request_id: str
) -> None:
    await log.erase(0)
    assert await beside(log) == ([], [])
    await log.erase(1)
    assert await beside(log) == ([], ["requests whose steps were destroyed: 1"])


@pytest.fixture
async def aside(log: Log) -> AsyncIterator[UUID]:
    unsealed = record("message", {})
    yield await Quarantine(log.pool, log.keys).add("it cannot be sealed", b"\xc1", unsealed)


async def test_row_aside_can_neither_go_nor_change_unseen(log: Log, aside: UUID) -> None:
    assert await sentences(log) == []
    changed = [f"what is set aside under {aside} is not what it was"]
    changes = ("reason = 'x'", "sealed = sealed || 'x'", "salt = sealed", "record = null")
    expected = {
        "delete from archiver.quarantine": [
            f"what was set aside under {aside} is gone, and nobody archived it"
        ],
        **{f"update archiver.quarantine set {change}": changed for change in changes},
    }
    assert await named(log, expected) == expected


async def test_row_aside_goes_and_comes_again_on_the_record(log: Log, aside: UUID) -> None:
    for _ in range(2):
        assert await Quarantine(log.pool, log.keys).add("it cannot be sealed", b"\xc1") == aside
        async with log.pool.acquire() as connection, connection.transaction():
            await remove_entry(connection, log.keys, aside)
        assert await sentences(log) == []


async def test_row_aside_that_the_record_does_not_know_is_named(log: Log, aside: UUID) -> None:
    await log.pool.execute(
        "insert into archiver.quarantine select gen_random_uuid(), reason, salt, sealed"
        " from archiver.quarantine"
    )
    [sentence] = await sentences(log, with_keys=False)
    assert sentence.endswith("and the record knows nothing of it") and f"{aside}" not in sentence


async def test_refused_entry_does_not_keep_a_row_from_the_quarantine(log: Log) -> None:
    async with log.pool.acquire() as connection:
        await connection.execute(
            "create function pg_temp.refuse() returns trigger language plpgsql"
            " as $$ begin raise 'no'; end $$; create trigger refuse before insert on archiver.entry"
            " for each row when (new.kind = 'aside') execute function pg_temp.refuse()"
        )
        await Quarantine(log.pool, log.keys).add("it cannot be sealed", b"\xc1")
    [sentence] = await sentences(log)
    assert sentence.endswith("and the record knows nothing of it")


async def test_unit_that_went_from_the_routers_quarantine_is_named(log: Log) -> None:
    unit = record("quarantine", {"reason": "x"}, at=clock.now())
    await log.writer.add([unit])
    add = "insert into router.quarantine (id, reason, raw) values ($1, 'x', '')"
    await log.pool.execute(add, unit.id)
    assert await sentences(log) == []
    await log.pool.execute("delete from router.quarantine")
    [finding], _ = await beside(log, with_keys=False)
    assert (finding.entry, finding.position) == (str(unit.id), 700)


BY_COMMAND = "insert into access.operation (id, by, what, data) values ($1, 'x', $2, $3)"


async def test_unit_that_no_command_settled_is_named(log: Log) -> None:
    add = "insert into router.quarantine (id, reason, raw) values (gen_random_uuid(), 'x', '')"
    for _ in range(2):
        await log.pool.execute(add)
    await log.pool.execute("update router.quarantine set dropped_at = now()")
    told = "2 units of the router were dropped, of which commands did {}"
    assert await sentences(log) == [told.format(0)]
    await log.pool.execute(BY_COMMAND, clock.new_id(), "quarantine drop", '{"count": 1}')
    assert await sentences(log) == [told.format(1)]
    drop = record("operation", {"what": "quarantine drop", "count": 1}, tenant="", conversation="")
    await log.writer.add([drop])
    assert await sentences(log) == []


async def test_unit_of_the_router_that_was_overwritten_is_named(log: Log) -> None:
    """By whoever may write the tables: a value of another unit, no value, and any other bytes. The
    body that was set aside may have been empty."""
    ids = [clock.new_id() for _ in range(2)]
    add = "insert into router.quarantine (id, reason, raw, entry, refusal)"
    for id in ids:
        values = [RING.seal(text, QUARANTINE, bind(id)) for text in (b"", b"entry")]
        await log.pool.execute(f"{add} values ($1, 'x', $2, $3, '')", id, *values)
    changes = {
        "nothing": "select 1",
        "other": "update router.quarantine q set {0} = o.{0} from router.quarantine o"
        " where q.id = $1 and o.id <> q.id",
        "none": "update router.quarantine set {0} = '' where id = $1",
        "bytes": "update router.quarantine set {0} = {0} || 'x' where id = $1",
        "settled": "update router.quarantine set {0} = '', published_at = now() where id = $1",
    }
    named = [f"what the router set aside under {ids[0]} does not open"]
    by_nobody = "the router's row says that this was decided again, and nobody asked for it"
    others = {"nothing": [], "settled": [by_nobody]}
    for name, change in changes.items():
        for column in ("raw", "entry"):
            async with log.pool.acquire() as connection, undone(connection):
                arguments = () if name == "nothing" else (ids[0],)
                await connection.execute(change.format(column), *arguments)
                findings, unseen = await verified(connection, log, ring=RING)
            expected = others.get(name, named)
            assert (sentences_of(findings), unseen) == (expected, []), (name, column)
    assert (await beside(log))[1] == [WITHOUT_WORKING_KEY]


async def test_altered_reason_of_a_unit_of_the_router_is_named(log: Log) -> None:
    """Also why it cannot be decided again: whoever takes its entry away has to say that."""
    data = {"reason": "x", "refusal": ""}, {"reason": "x"}
    units = [record("quarantine", each, at=clock.now()) for each in data]
    await log.writer.add(units)
    add = "insert into router.quarantine (id, reason, raw, refusal) values ($1, 'x', '', '')"
    for unit in units:
        await log.pool.execute(add, unit.id)
    new, old = (f"why the router set {unit.id} aside is not what it was" for unit in units)
    expected = {
        "select 1": [],
        "update router.quarantine set reason = 'y'": sorted((new, old)),
        # An entry of before says nothing of it.
        "update router.quarantine set refusal = 'kept too little', entry = null": [new],
    }
    assert await named(log, expected) == expected


async def extra_persons(log: Log) -> tuple[list[Finding], int]:
    async with log.pool.acquire() as connection, connection.transaction(readonly=True):
        await read_as_service(connection)
        found = [one async for one in find_extra_subjects(connection, log.keys)]
    return [each for one in found for each in one.findings()], sum(one.unknown for one in found)


PERSON_OF_ANOTHER = """
insert into archiver.subject select a.tenant, a.hash, b.conversation, b.entry
from archiver.subject a, archiver.subject b
where a.conversation = $1 and b.conversation = $2 limit 1
"""


async def test_person_too_many_is_named(log: Log) -> None:
    assert await extra_persons(log) == ([], 0)
    await log.pool.execute(PERSON_OF_ANOTHER, conversation(3), conversation(9))
    [finding], _ = await extra_persons(log)
    assert finding.sentence == "somebody is found by an entry that is not about them"
    assert finding.position in range(45, 50)


async def test_person_of_an_entry_that_was_destroyed_alone_is_counted(log: Log) -> None:
    await log.eraser.erase_entry(log.records[400].id, "test")
    assert await extra_persons(log) == ([], 1)
    again = msgspec.structs.replace(log.records[400], id=clock.new_id(), message=clock.new_id())
    await log.writer.add([again])
    assert await extra_persons(log) == ([], 0)


EARLIER = "update archiver.entry set written_at = written_at {} interval '16 minutes' where "


async def test_altered_time_of_writing_is_named_between_checkpoints(log: Log) -> None:
    assert await log.findings() == []
    await log.pool.execute(EARLIER.format("-") + "position = 500")
    await log.pool.execute(EARLIER.format("+") + "position in (200, 600)")
    found = await log.findings()
    assert [(one.what, one.position) for one in found] == [
        ("written", 200), ("written", 500), ("written", 600),
    ]  # fmt: skip
    assert "the checkpoints say that it was written before" in found[0].sentence


async def test_command_names_rows_and_what_it_did_not_look_at(
    log: Log, archive: Archive, request_id: str
) -> None:
    await log.sign()
    key = log.signer.verifier
    said = (await archive("verify", "--public-key", key, POSTKAMER_ARCHIVE_KEY=None)).stdout
    assert "The tables beside the log: nothing is wrong." in said
    assert "Not looked at: without the master key: the requests" in said
    await log.pool.execute("update archiver.request set due_on = '2028-01-01'")
    report = await archive.json("verify", "--public-key", key, code=1)
    [finding] = report["rowFindings"]
    assert (finding["what"], request_id in finding["sentence"]) == ("request", True)
