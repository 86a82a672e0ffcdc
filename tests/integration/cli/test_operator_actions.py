"""Operators' actions: on record with their change, or not at all; on a real PostgreSQL."""

import asyncio
import getpass
import json
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import Result
from structlog.testing import capture_logs

from archiver.operator_actions import record_operator_actions
from cli.routing.rollback import BACKUP_SUFFIX
from cli.support.audit import LONGEST_NAME, SWALLOWED
from cli.support.recorded import NOT_RECORDED
from deploy.local.postgresql import Database
from services import clock, metrics
from services.config import loader
from services.contract import Record
from services.http.person_tokens import TokenProof
from services.http.rights import ROLES
from services.http.token_store import digest
from services.ids import created_at
from services.postgres.database import Pool, connection_pool
from services.tasks import background_task
from tests.support.cli.command_line import SETTINGS, postkamer
from tests.support.config_files import approved_rules
from tests.support.decrypted_record import KEY, rows_of, writer_of
from tests.support.installation import EXAMPLE
from tests.support.integration.parked_deliveries import ids, on
from tests.support.integration.rule_versions import Town
from tests.support.observer import until

SECONDS = 20.0
KNOWN = ("almelo",)
"""Municipalities in the configuration of the archiver."""
TOKEN = (
    *("token", "add", "desk", "--tenant", "almelo", "--role", ROLES[0]),
    *("--department", "burgerzaken"),
)

OURS = TokenProof(issuer="https://idp.almelo.example", key="thumbprint-of-its-key")


async def has_key(proof: TokenProof) -> bool:
    """Answer of an archiver whose provider has one key."""
    return proof == OURS


def run(url: str, *arguments: str, by: str = "sanne") -> Result:
    env = {"POSTKAMER_DATABASE_URL": url, "POSTKAMER_CONFIG": str(EXAMPLE)}
    return postkamer(*arguments, env=SETTINGS | env | {"POSTKAMER_OPERATOR": by})


async def rows(pool: Pool) -> list[dict[str, Any]]:
    found = await pool.fetch("select * from access.operation order by id")
    return [dict(row) | {"data": json.loads(row["data"])} for row in found]


def operations(url: str) -> list[tuple[str, str, str, dict[str, Any]]]:
    """Return the audit entries: the command, its subject, the municipality, and further data."""
    return [(row["what"], row["about"], row["tenant"], row["data"]) for row in on(url, rows)]


def test_token_is_on_record_with_its_rights_and_without_itself(table: str) -> None:
    made = run(table, *TOKEN, "--until", "2099-01-01T00:00:00Z")
    for _ in range(2):  # the second time nothing changes
        assert run(table, "token", "revoke", "desk").exit_code == 0
        assert run(table, *TOKEN).exit_code == 1
    rights = {"roles": ["send"], "departments": ["burgerzaken"], "people": False, "perSecond": 50}
    rights |= {
        "allDepartments": False,
        "confidential": False,
        "destinations": [],
        "test": False,
        "burst": 100,
        "expiresAt": "2099-01-01T00:00:00Z",
        "hash": digest(made.stdout.strip()).hex(),
    }
    assert operations(table) == [
        ("token add", "desk", "almelo", rights),
        ("token revoke", "desk", "almelo", {}),
    ]
    assert made.stdout.strip() not in str(on(table, rows))


def test_pause_and_resume_are_on_record(table: str) -> None:
    for arguments in (("pause", "crm", "--reason", "onderhoud"), ("resume", "crm")):
        assert run(table, "destination", *arguments).exit_code == 0
    assert operations(table) == [
        ("destination pause", "crm", "", {"reason": "onderhoud"}),
        ("destination resume", "crm", "", {}),
    ]


def test_changes_of_parked_deliveries_are_on_record_with_criteria_and_count(table: str) -> None:
    options = ("--destination", "crm", "--tenant", "almelo")
    for arguments in (
        ("replay", *options, "--per-second", "5"),
        ("replay", *options, "--cancel"),
        ("drop", *ids(1, 2), "--reason", "dubbel"),
    ):
        assert run(table, "parked", *arguments).exit_code == 0
    criteria = {"destination": "crm", "tenant": "almelo"}
    assert operations(table) == [
        ("parked replay", "crm", "almelo", criteria | {"perSecond": 5, "count": 3}),
        ("parked replay --cancel", "crm", "almelo", criteria | {"count": 3}),
        ("parked drop", "", "", {"events": ids(1, 2), "reason": "dubbel", "count": 2}),
    ]


def test_release_of_a_file_is_on_record_with_the_responsible_person(table: str) -> None:
    id = str(clock.new_id())
    sql = (
        "insert into archiver.media (id, tenant, number, conversation, department, announced,"
        " sealed, sent_at, state)"
        " values ($1, 'almelo', '1', '1-a', 'kcc', '{}', '', now(), 'quarantined')"
    )
    on(table, lambda pool: pool.execute(sql, id))
    assert run(table, "files", "release", id, "--by", "A. Arts").exit_code == 0
    data = {"department": "kcc", "conversation": "1-a"}
    assert operations(table) == [("files release", id, "almelo", data)]
    assert [row["by"] for row in on(table, rows)] == ["A. Arts"]


def test_rollback_is_on_record_once(rules: Town) -> None:
    assert rules("rollback", rules.first.version).exit_code == 0
    entry = (
        "rules rollback",
        rules.first.version,
        "",
        {"written": ["postkamer.toml"], "aside": []},
    )
    assert operations(rules.url) == [entry]
    assert rules("rollback", rules.first.version).stdout == "postkamer.toml is hetzelfde\n"
    assert operations(rules.url) == [entry]


def test_rollback_that_cannot_write_a_file_is_not_on_record(rules: Town) -> None:
    rules.path.with_name(f"postkamer.toml{BACKUP_SUFFIX}").mkdir()
    failed = rules("rollback", rules.first.version)
    assert (failed.exit_code, failed.stderr[:7]) == (1, "rules: ")
    assert operations(rules.url) == []
    assert loader.load(rules.path).version == rules.second.version


UNCHANGED = [
    ("token", "revoke", "nobody"),
    ("destination", "resume", "crm"),
    ("destination", "pause", "crm3", "--reason", "x"),
    ("parked", "replay", "--destination", "crm", "--dry-run"),
    ("parked", "replay", "--destination", "crm", "--cancel"),
    ("parked", "replay", "--all"),  # crm2 is not in the configuration
    ("parked", "drop", "--all", "--reason", "x", "--dry-run"),
    ("parked", "drop", "--conversation", "none", "--reason", "x"),
    ("files", "release", ids(1)[0], "--by", "A. Arts"),
    ("parked", "list"),
    ("token", "list"),
]


def test_commands_that_change_nothing_are_not_on_record(table: str) -> None:
    for arguments in UNCHANGED:
        run(table, *arguments)
        assert operations(table) == [], arguments


def test_change_that_cannot_go_on_record_is_not_made(rules: Town) -> None:
    on(rules.url, lambda pool: pool.execute("alter table access.operation add check (false)"))
    assert run(rules.url, *TOKEN).exit_code == 1
    assert run(rules.url, "token", "list").stdout == "there is no token\n"
    assert rules("rollback", rules.first.version).exit_code == 1
    assert loader.load(rules.path).version == rules.second.version
    assert rules.path.read_text() == approved_rules("")


def test_operator_is_named_by_the_environment_or_the_machine(table: str) -> None:
    for name, by in (("a", "Jan de Wit"), ("b", "")):
        assert run(table, "token", "add", name, *TOKEN[3:], by=by).exit_code == 0
    names = ["Jan de Wit", getpass.getuser()]
    fault = f"POSTKAMER_OPERATOR: expected a name of 1 to {LONGEST_NAME} characters\n"
    for by in ("x" * (LONGEST_NAME + 1), "a\nb"):
        refused = run(table, "token", "add", "c", *TOKEN[3:], by=by)
        assert (refused.exit_code, refused.stdout, refused.stderr) == (1, "", fault)
    assert [row["by"] for row in on(table, rows)] == names


async def insert(
    pool: Pool, count: int = 1, what: str = "token revoke", tenant: str = "almelo"
) -> None:
    await pool.execute(
        "insert into access.operation (id, tenant, by, what, about, data)"
        " select unnest($1::uuid[]), $3, 'sanne', $2, 'desk', '{\"count\":3,\"by\":\"x\"}'",
        [clock.new_id() for _ in range(count)],
        what,
        tenant,
    )


async def records(pool: Pool) -> list[Any]:
    found = [row for row in await rows_of(pool) if row["kind"] == "operation"]
    return sorted(found, key=lambda row: row["id"])


async def wait_for_rows(pool: Pool, count: int) -> None:
    async def waiting() -> int:
        return int(await pool.fetchval("select count(*) from access.operation"))

    await until(waiting, lambda found: found == count, SECONDS)


async def record_all(pool: Pool, add: Any = None, left: int = 0) -> list[Any]:
    """Record actions until so many rows are left, and return all records."""
    add = add or (await writer_of(pool)).add
    async with background_task(record_operator_actions(pool, KNOWN, add, has_key)):
        await wait_for_rows(pool, left)
    return await records(pool)


async def test_action_is_recorded_once(pool: Pool, empty: str) -> None:
    url = f"{empty}?role=postkamer_archiver"  # with its rights and no more
    async with (
        connection_pool(url, "test", 2) as own,
        background_task(record_operator_actions(own, KNOWN, (await writer_of(own)).add, has_key)),
    ):
        await wait_for_rows(pool, 0)
        await insert(pool)  # while it runs
        await wait_for_rows(pool, 0)
    await insert(pool)
    [row] = await rows(pool)
    _, record = await record_all(pool)
    assert [record[name] for name in ("id", "tenant")] == [row["id"], "almelo"]
    data = {"what": "token revoke", "about": "desk", "by": "sanne", "count": 3}
    data |= {"identified": "stated", "session": "postkamer"}
    kept = json.loads(record["data"])
    assert datetime.fromisoformat(kept.pop("statedAt")) == row["at"]
    assert kept == data
    assert (clock.now() - created_at(record["id"])).total_seconds() < SECONDS


async def test_action_of_an_unknown_municipality_makes_no_keys_of_it(pool: Pool) -> None:
    for tenant in ("almelo", "almeloo"):
        await insert(pool, tenant=tenant)
    known, unknown = await record_all(pool)
    assert (known["tenant"], unknown["tenant"]) == ("almelo", "")
    named = [json.loads(row["data"]).get("tenant") for row in (known, unknown)]
    assert named == [None, "almeloo"]
    owners = await pool.fetch("select distinct tenant from archiver.municipality_key order by 1")
    assert [row["tenant"] for row in owners] == ["", "almelo"]
    await insert(pool)  # whose record has keys, though no configuration has it any more
    async with background_task(
        record_operator_actions(pool, (), (await writer_of(pool)).add, has_key)
    ):
        await wait_for_rows(pool, 0)
    assert (await records(pool))[-1]["tenant"] == "almelo"


async def test_proof_by_a_key_that_is_none_of_the_archivers_providers_is_recorded_as_stated(
    pool: Pool,
) -> None:
    """A command verifies the token with a configuration that its caller names."""
    other_key = TokenProof(issuer=OURS.issuer, key="of-the-callers-own")
    for proof in (OURS, other_key, {"issuer": OURS.issuer}, None):
        await insert(pool)
        data = json.dumps({"proof": msgspec.to_builtins(proof)} if proof else {})
        await pool.execute(_PROVE, data)
    with capture_logs() as logs:
        recorded = [json.loads(each["data"]) for each in await record_all(pool)]
    assert [each["identified"] for each in recorded] == ["proven", "stated", "stated", "stated"]
    unproven = [each for each in logs if each["event"] == "operation.unproven"]
    assert len(unproven) == 3 and OURS.issuer not in str(unproven)
    assert recorded[1]["proof"] == msgspec.to_builtins(other_key)


async def test_row_that_is_dated_back_in_another_name_says_when_it_was_seen_and_who_connected(
    pool: Pool,
) -> None:
    before = clock.now()
    await insert(pool)
    await pool.execute(
        "update access.operation set at = now() - interval '90 days', session = session"
    )
    await pool.execute(_BY_HAND, clock.new_id())
    for record in await record_all(pool):
        data = json.loads(record["data"])
        assert record["at"] >= before > datetime.fromisoformat(data["statedAt"]) + timedelta(80)
        assert data["session"] == "postkamer"


_BY_HAND = """
insert into access.operation (id, at, by, what, session)
values ($1, now() - interval '90 days', 'de secretaris', 'token add', 'de secretaris')
"""


NOTHING, DELETES = "return null", "delete from access.operation where id = new.id; return null"
SWALLOWERS = {
    "returns nothing": ("trigger swallow before insert", "", NOTHING),
    "deletes the row": ("trigger swallow after insert", "", DELETES),
    "deletes it before the commit": (
        "constraint trigger swallow after insert",
        "deferrable initially deferred",
        DELETES,
    ),
    "names another": ("trigger swallow before insert", "", "new.by := 'x'; return new"),
    "names another deed": ("trigger swallow before insert", "", "new.what := 'x'; return new"),
    "takes the rights out": ("trigger swallow before insert", "", "new.data := '{}'; return new"),
}


@pytest.mark.parametrize("swallower", SWALLOWERS.values(), ids=list(SWALLOWERS))
def test_command_without_its_entry_does_and_shows_nothing(
    fresh: str, swallower: tuple[str, str, str]
) -> None:
    on(fresh, lambda pool: pool.execute(_SWALLOW.format(*swallower)))
    done = run(fresh, *TOKEN)
    assert (done.exit_code, done.stdout, done.stderr.strip()) == (1, "", SWALLOWED)
    assert on(fresh, lambda pool: pool.fetchval("select count(*) from access.token")) == 0


_SWALLOW = """
create function public.swallow() returns trigger language plpgsql as $$ begin {2}; end $$;
create {0} on access.operation {1} for each row execute function public.swallow()
"""


async def test_approval_that_the_record_calls_stated_is_no_proven_one(pool: Pool) -> None:
    for by in ("postkamer", "de burgemeester"):
        await insert(pool, what="rules approve")
        await pool.execute(_IDENTIFY, "proven", "{}", by)
        await pool.execute(
            "insert into router.approval (version, by, identified) values ('desk', $1, 'proven')",
            by,
        )
    await record_all(pool)
    rows = await pool.fetch(
        "select by, identified, confirmed_at is not null from router.approval order by by"
    )
    assert [tuple(row) for row in rows] == [
        ("de burgemeester", "stated", False),
        ("postkamer", "proven", True),
    ]


async def test_command_in_production_shows_nothing_before_its_entry_is_archived(
    fresh: str, tmp_path: Path, server: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    town = tmp_path / "postkamer.toml"
    town.write_text(f'environment = "production"\n{EXAMPLE.read_text()}')
    login = f"a.arts.{tmp_path.name}"
    server.execute(_PERSON.format(login), "postgres")
    url = server.url_for(login, "x", fresh.rpartition("/")[2])
    env = SETTINGS | {"POSTKAMER_DATABASE_URL": url, "POSTKAMER_CONFIG": str(town)}
    env |= {"POSTKAMER_ARCHIVE_KEY": KEY}
    try:
        with monkeypatch.context() as patch:
            patch.setattr("cli.support.recorded.RECORD_SECONDS", 0.2)
            done = await asyncio.to_thread(postkamer, *TOKEN, env=env)
        assert (done.exit_code, done.stdout, done.stderr.strip()) == (1, "", NOT_RECORDED)
        async with connection_pool(fresh, "test", 4) as pool:
            writer = await writer_of(pool)
            async with background_task(record_operator_actions(pool, KNOWN, writer.add, has_key)):
                shown = await asyncio.to_thread(postkamer, "token", "revoke", "desk", env=env)
            assert "desk is revoked since" in shown.stdout
    finally:
        server.execute(f'drop role "{login}"', "postgres")


_PERSON = """
create role "{}" login password 'x' in role postkamer, postkamer_person
"""


async def test_action_that_nothing_proves_is_reported_in_production(pool: Pool) -> None:
    def counted() -> float:
        return metrics.REGISTRY.get_sample_value("postkamer_operations_unproven_total") or 0.0

    writer, before = await writer_of(pool), counted()
    own = {"by": "postkamer"}
    for identified, data in (("stated", {}), ("proven", own), ("proven", {"proof": {"key": "k"}})):
        await insert(pool)
        await pool.execute(_IDENTIFY, identified, json.dumps(data), data.get("by", "sanne"))
    waiting = [row["id"] for row in await rows(pool)]
    recording = record_operator_actions(pool, KNOWN, writer.add, has_key, must_prove=True)
    with capture_logs() as logs:
        async with background_task(recording):
            await wait_for_rows(pool, 0)
    stated = [each["record"] for each in logs if each["event"] == "operation.stated"]
    assert (stated, counted() - before) == ([waiting[0], waiting[2]], 2)


_IDENTIFY = """
update access.operation set identified = $1, data = $2::jsonb, by = $3
where id = (select max(id::text)::uuid from access.operation)
"""
_PROVE = """
update access.operation set identified = 'proven', data = $1::jsonb
where id = (select max(id::text)::uuid from access.operation)
"""


async def test_archiver_that_dies_after_adding_records_an_action_once(pool: Pool) -> None:
    await insert(pool, 3)
    is_added, never = asyncio.Event(), asyncio.Event()

    async def add(batch: Sequence[Record]) -> None:
        await (await writer_of(pool)).add(batch)
        is_added.set()
        await never.wait()

    dying = asyncio.create_task(record_operator_actions(pool, KNOWN, add, has_key))
    async with asyncio.timeout(SECONDS):
        await is_added.wait()
    dying.cancel()
    with suppress(asyncio.CancelledError):
        await dying
    assert (len(await rows(pool)), len(await records(pool))) == (3, 3)
    assert len(await record_all(pool)) == 3


async def test_refused_action_stays_and_holds_up_no_other(pool: Pool) -> None:
    for what in ("token revoke", "x", "token revoke"):
        await insert(pool, what=what)
    id = next(row["id"] for row in await rows(pool) if row["what"] == "x")
    await pool.execute(f"alter table archiver.entry add check (id <> '{id}')")
    add = (await writer_of(pool)).add
    async with background_task(record_operator_actions(pool, KNOWN, add, has_key)):
        await until(lambda: rows(pool), lambda left: len(left) == 1, SECONDS)
        await insert(pool)  # while that one is suspended
        recorded = await until(lambda: records(pool), lambda added: len(added) == 3, SECONDS)
        await wait_for_rows(pool, 1)  # its row goes after it is on the record
    assert [json.loads(row["data"])["what"] for row in recorded] == ["token revoke"] * 3
    assert [row["what"] for row in await rows(pool)] == ["x"]
