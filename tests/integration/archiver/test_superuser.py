"""A superuser of the database without a key reads nothing, by no path through API or command line.

The person may do everything in the database, and knows the token of another department.
"""

import asyncio
import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.contract import Record
from services.postgres.database import Pool
from tests.support.archiver.api import ArchiveApi, archive_api
from tests.support.archiver.records import id_of, message, note, opening, record
from tests.support.cli.command_line import postkamer
from tests.support.decrypted_record import KEY, writer_of
from tests.support.installation import EXAMPLE

MARK, PHONE = "vertrouwelijk", "31612345678"
OWN, OTHER = id_of("own"), id_of("other")
MINE = message("van mij", "own", "balie", sequence=1)
THEIRS = message(
    f"{MARK} geheim", "other", "jeugd", phone=PHONE, sequence=1, raw=b'"%s"' % MARK.encode()
)
STATUS = record(
    "status", {"status": "read", "reason": MARK}, conversation=OTHER, message=THEIRS.message
)
RECORDS: list[Record] = [
    *(opening("own", "balie"), MINE),
    *(opening("other", "jeugd"), THEIRS, STATUS),
    note(MARK, "jeugd", conversation=OTHER),
]
FORGED_TABLE = """
alter table archiver.entry rename to real_entry;
create view archiver.entry as select {columns} from archiver.real_entry
    where conversation = '{other}';
create function public.swallow() returns trigger language plpgsql as 'begin return new; end';
create trigger swallow instead of insert on archiver.entry
    for each row execute function public.swallow();
"""
COLUMNS = (
    *("id", "position", "kind", "at", "tenant", "conversation", "department", "message"),
    *("receipt", "item", "sequence", "salt", "sealed", "leaf", "written_at"),
)


def table_with(**columns: str) -> str:
    """A view in the table's place, of which some columns are others."""
    listed = (f"{columns[name]} as {name}" if name in columns else name for name in COLUMNS)
    return FORGED_TABLE.format(columns=", ".join(listed), other=OTHER)


EQUAL_TO_ALL = """
create function public.equal(one text, other text) returns bool language plpgsql immutable as
    'begin return (one >= other and one <= other) or (other >= $$balie$$ and other <= $$balie$$);
    end';
update pg_operator set oprcode = 'public.equal'::regproc
where oprname = '=' and oprleft = 'text'::regtype and oprright = 'text'::regtype;
"""
"""A part of `balie` is asked for, and found wherever it is."""
MINE_TOO = f"case when conversation = '{OTHER}' then '{OWN}' else conversation end"
OF_MINE = f"case when message = '{THEIRS.message}' then '{MINE.message}'::uuid else message end"
KEYS = "insert into archiver.conversation_key (tenant, conversation, version, wrapped)"
ATTACKS = {
    "nothing": "select 1",
    "department": "update archiver.entry set department = 'balie'",
    "conversation": f"update archiver.entry set conversation = {MINE_TOO}",
    "message": f"update archiver.entry set message = {OF_MINE}",
    "sealed content": f"""
        update archiver.entry e set (salt, sealed) = (o.salt, o.sealed)
        from archiver.entry o where e.id = '{MINE.id}' and o.id = '{THEIRS.id}'""",
    "key": f"""
        update archiver.conversation_key k set wrapped = o.wrapped
        from archiver.conversation_key o
        where k.conversation = '{OWN}' and o.conversation = '{OTHER}'""",
    "view": table_with(department="'balie'::text"),
    "view of its own": table_with(
        department="'balie'::text", conversation=f"'{OWN}'::text", message=f"'{MINE.message}'::uuid"
    ),
    "operator": EQUAL_TO_ALL,
    "index": f"""
        insert into archiver.subject select tenant, hash, '{OWN}', entry from archiver.subject;
        update archiver.searchable set department = 'balie', conversation = '{OWN}'""",
    "search path": """
        create function public.lower(text) returns text language sql as 'select ''balie''';
        alter database {database} set search_path = public, pg_catalog""",
}


@pytest.fixture
async def pool(pool: Pool) -> Pool:
    await (await writer_of(pool)).add(RECORDS)
    return pool


async def everything(api: ArchiveApi) -> str:
    """All that the API says of both conversations, in any way."""
    paths = [
        *(f"conversations/{id}{more}" for id in (OWN, OTHER) for more in ("", "/messages")),
        *(f"messages/{each.message}" for each in (MINE, THEIRS)),
    ]
    answers = [await api.get(path) for path in paths]
    searches = [{}, {"words": "geheim"}, {"person": {"kind": "phone", "value": PHONE}}]
    answers += [await api.post(search) for search in searches]
    return str(answers)


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
async def test_token_of_another_department_opens_nothing_after_any_change(
    pool: Pool, attack: str
) -> None:
    database = await pool.fetchval("select current_database()")
    await pool.execute(attack.format(database=database) if "{database}" in attack else attack)
    async with archive_api(pool, departments=frozenset(["balie"])) as api:
        said = await everything(api)
    assert MARK not in said and PHONE not in said
    if attack == "select 1":
        assert "van mij" in said
        async with archive_api(pool, departments=frozenset(["jeugd"])) as api:
            assert MARK in await everything(api), "who may read it, reads it"


async def test_tables_hold_nothing_in_the_open(pool: Pool) -> None:
    tables = await pool.fetch(
        "select format('%I.%I', schemaname, tablename) as name from pg_tables"
        " where schemaname not in ('pg_catalog', 'information_schema')"
    )
    forms = "|".join(form for word in (MARK, PHONE) for form in (word, word.encode().hex()))
    counts = (
        f"select '{t['name']}' as name, count(*) filter (where t::text ~ $1) as open,"
        f" count(*) as rows from {t['name']} t"
        for t in tables
    )
    found = await pool.fetch(" union all ".join(counts), forms)
    assert [row["name"] for row in found if row["open"]] == []
    assert sum(row["rows"] for row in found) > len(RECORDS)


def commands(folder: Path) -> Iterator[tuple[str, ...]]:
    reason = ("--reason", "test")
    yield "archive", "search", "geheim", *reason
    yield "archive", "subject", "--phone", PHONE, "--out", f"{folder}/r.json", *reason
    yield "archive", "receipt", str(THEIRS.id), "--out", f"{folder}/receipt", *reason
    yield "archive", "prove", str(THEIRS.id), "--open", *reason
    period = ("--since", "2026-01-01", "--until", "2027-01-01")
    yield "archive", "exposure", "--token", "x", *period, *reason
    yield "archive", "aside", "open", str(THEIRS.id), "--out", f"{folder}/aside", *reason
    yield "files", "open", str(THEIRS.id), "--out", f"{folder}/file", "--by", "A. Arts"
    yield "trace", str(THEIRS.message), *reason
    yield "quarantine", "show", str(THEIRS.id), "--content", *reason
    yield "parked", "show", str(THEIRS.id), "--content"
    yield "route", "replay", "--since", "2026-11-01"


@pytest.mark.parametrize("key", ["", base64.b64encode(bytes(32)).decode()], ids=["none", "own"])
async def test_no_command_opens_anything_without_the_key(
    pool: Pool, empty: str, tmp_path: Path, key: str
) -> None:
    env = {"POSTKAMER_DATABASE_URL": empty, "POSTKAMER_OPERATOR": "A. Arts"}
    env |= {"POSTKAMER_CONFIG": str(EXAMPLE), "POSTKAMER_OBJECT_STORE": tmp_path.as_uri()}
    if key:
        env |= {"POSTKAMER_ARCHIVE_KEY": key, "POSTKAMER_WORKING_KEY": key}
    assert key != KEY
    for command in commands(tmp_path):
        done = await asyncio.to_thread(postkamer, *command, env=env)
        assert done.exit_code != 2, (command, done.output)
        assert MARK not in done.output, command
        assert not _files_with_mark(tmp_path), command


def _files_with_mark(folder: Path) -> list[str]:
    files = [each for each in folder.rglob("*") if each.is_file()]
    return [each.name for each in files if MARK.encode() in each.read_bytes()]
