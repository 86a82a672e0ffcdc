"""Persons at the command line reach what is of the municipality and the departments of their
token."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from click.testing import Result

from archiver.log.inclusion_proof import NO_ENTRY
from archiver.quarantine import Quarantine
from archiver.receipt_assembly import NO_RECEIPT
from cli.archive.export import NOTHING
from cli.archive.files import NO_FILE, NOT_KEPT, NOT_QUARANTINED
from cli.archive.subject_access import NO_MESSAGE
from cli.deliveries.parked_store import ABSENT
from cli.support import person
from cli.tokens import BEYOND
from cli.trace.command import UNKNOWN
from cli.trials import NO_GUEST
from services import clock
from services.contract import Record
from services.postgres.database import Pool
from tests.support.archiver.records import id_of, message, record
from tests.support.cli.command_line import SETTINGS, TOML, postkamer
from tests.support.decrypted_record import KEY, keys_of, writer_of
from tests.support.identity_provider import PERSON, Provider, identity_tables, running_provider
from tests.support.installation import EXAMPLE
from tests.support.integration.parked_deliveries import ids, on

Run = Callable[..., Result]
WHY = ("--reason", "ernaar gevraagd")
EVERY = f"{person.TOKEN}: it is of almelo, not of every municipality"
UNIT, RECEIPT, OWN_RECEIPT, GUEST, FILE, FAR_FILE = (clock.new_id() for _ in range(6))
BY = ("--by", PERSON)
PERIOD = ("--since", "2026-11-01", "--until", "2027-01-01")
NO_ROLE, ALL, GREEN, NONE = (("person-for-all",), ("person-for-all", "x"), ("person",), ("x",))
"""Groups of tokens; all but the first have every role."""
TEXT = ("--text", "een correctie")
NEAR, FAR = "10000001", "20000001"
"""Numbers of this municipality and of the neighbour."""


def view(tenant: str, within: str) -> Record:
    seen = {"what": "messages", "count": 1, "from": 1, "to": 1}
    data = {"token": "crm", "employee": "m.devries"} | seen
    return record("view", data, conversation=id_of(within), tenant=tenant)


HERE = message("paspoort", "een", "groen", phone="31600000011", receipt=OWN_RECEIPT, item_index=0)
THERE = message(
    "trouwen", "twee", "kcc", phone="31600000012", tenant="borne", receipt=RECEIPT, item_index=0
)


def receipt(id: UUID) -> Record:
    fields = {"door": "g", "proof": "none", "signature": "", "holes": []}
    return record("receipt", fields, id=id, tenant="", conversation="", sequence=0, raw=b"{}")


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with running_provider() as provider:
        yield provider


@pytest.fixture
def run(table: str, provider: Provider, tmp_path: Path) -> Run:
    """The commands, in a database of two municipalities. `groups` are those of a token; `is_alone`
    is for a configuration of one."""
    alone = tmp_path / "alone.toml"
    alone.write_text(EXAMPLE.read_text() + identity_tables(provider))
    config = tmp_path / "postkamer.toml"
    config.write_text(TOML + identity_tables(provider).replace("burgerzaken", "groen"))
    given = {"POSTKAMER_DATABASE_URL": table, "POSTKAMER_CONFIG": str(config)}
    store = {"POSTKAMER_OBJECT_STORE": f"file://{tmp_path}", "POSTKAMER_OPERATOR": "beheer"}
    env = SETTINGS | given | store | {"POSTKAMER_ARCHIVE_KEY": KEY, "POSTKAMER_WORKING_KEY": KEY}

    async def fill(pool: Pool) -> None:
        records = receipt(RECEIPT), receipt(OWN_RECEIPT), HERE, THERE
        views = view("almelo", "een"), view("borne", "twee")
        await (await writer_of(pool)).add([*records, *views])
        await Quarantine(pool, await keys_of(pool)).add("unreadable", b"\xc1")
        sql = "insert into router.quarantine (id, reason, raw, refusal) values ($1, 'x', '', '')"
        await pool.execute(sql, UNIT)
        guest = "insert into deliverer.guest (id, number, kind, value) values ($1, $2, 'phone', '')"
        await pool.execute(guest, GUEST, FAR)
        await pool.execute(_FILE, FILE, "almelo", id_of("een"), "groen")
        await pool.execute(_FILE, FAR_FILE, "borne", id_of("twee"), "kcc")

    on(table, fill)

    def call(*arguments: object, groups: tuple[str, ...] = (), is_alone: bool = False) -> Result:
        roles = [*groups] if groups == NO_ROLE else ["every-role", *groups]
        token = {"POSTKAMER_PERSON_TOKEN": provider.token(roles=roles)} if groups else {}
        path = {"POSTKAMER_CONFIG": str(alone)} if is_alone else {}
        return postkamer(*arguments, env=env | token | path)

    return call


def rows(url: str, sql: str) -> list[tuple[Any, ...]]:
    async def fetch(pool: Pool) -> Any:
        return await pool.fetch(sql)

    return [tuple(row) for row in on(url, fetch)]


def test_token_of_one_municipality_neither_opens_nor_changes_what_is_anothers(
    run: Run, table: str, tmp_path: Path
) -> None:
    [(aside,)] = rows(table, "select id from archiver.quarantine")
    [theirs] = ids(2)
    out = ("--out", tmp_path / "out")
    assert run("archive", "checkpoint").exit_code == 0
    before = rows(table, STATE)
    for words, *line in (
        (ABSENT.format(theirs), "parked", "show", theirs),
        (ABSENT.format(theirs), "parked", "show", theirs, "--content"),
        ("it is of almelo, not of borne", "parked", "drop", "--tenant", "borne", *WHY),
        (EVERY, "quarantine", "show", UNIT),
        (EVERY, "quarantine", "again", "--all", "--dry-run"),
        (EVERY, "quarantine", "drop", UNIT, *WHY),
        (EVERY, "archive", "aside", "open", aside, *out, *WHY),
        (EVERY, "archive", "aside", "again", aside, *WHY),
        (EVERY, "archive", "aside", "drop", aside, *WHY),
        (EVERY, "archive", "rotate", "--master"),
        (EVERY, "archive", "reindex"),
        (EVERY, "balance", "--accept", "all", *WHY),
        (EVERY, "destination", "pause", "crm", *WHY),
        (NO_RECEIPT, "archive", "receipt", RECEIPT, *out, *WHY),
        (NO_ENTRY, "archive", "prove", THERE.message, "--open", *WHY),
        (NO_GUEST, "guests", "remove", GUEST, *WHY),
        (NO_FILE, "files", "open", FAR_FILE, *out, *BY),
        (NOT_QUARANTINED, "files", "release", FAR_FILE, *BY),
        (NO_MESSAGE.format(THERE.message), "archive", "annotate", THERE.message, *TEXT, *BY),
        (UNKNOWN, "trace", THERE.message, *WHY),
    ):
        done = run(*line, groups=ALL)
        assert (done.exit_code, done.stdout) == (1, ""), (line, done.output)
        assert words in done.stderr, line
    assert not (tmp_path / "out").exists()
    assert rows(table, STATE) == before
    assert run("guests", "remove", GUEST, *WHY).exit_code == 0
    operations = rows(table, "select what, tenant from access.operation order by id desc limit 1")
    assert operations == [("guests remove", "borne")]


def test_lists_are_limited_to_the_municipality_of_a_token(run: Run, table: str) -> None:
    def fill(pool: Pool) -> Any:
        return pool.execute(_LISTED)

    def tenants(*line: str, groups: tuple[str, ...] = ALL) -> set[str]:
        [listed] = read(run, *line, groups=groups)
        return {each["tenant"] for each in listed}

    def numbers(*more: str, groups: tuple[str, ...] = ALL) -> list[str]:
        [guests] = read(run, "guests", "list", *more, groups=groups)
        return [each["number"] for each in guests]

    on(table, fill)
    for each in (("parked",), ("files",), ("sends",), ("archive", "request")):
        assert tenants(*each, "list") == {"almelo"}, each
        assert tenants(*each, "list", groups=()) >= {"almelo", "borne"}, each
    assert (numbers(), numbers(groups=())) == ([NEAR], [NEAR, FAR])
    assert (numbers("--number", FAR), numbers("--number", NEAR)) == ([], [NEAR])
    refused = run("parked", "list", "--tenant", "borne", groups=ALL)
    assert (refused.exit_code, refused.stdout) == (1, "")


def read(run: Run, *line: object, groups: tuple[str, ...] = ALL) -> list[Any]:
    """The lines of a command that prints JSON."""
    done = run(*line, "--json", groups=groups)
    assert done.exit_code == 0, done.output
    return [msgspec.json.decode(each) for each in done.stdout.splitlines()]


def test_token_of_one_municipality_limits_what_is_listed_and_changed_to_it(
    run: Run, table: str
) -> None:
    lines = partial(read, run)
    views = ("archive", "views", "--employee", "m.devries")
    assert [each["tenant"] for each in lines(*views)] == ["almelo"]
    assert sorted(each["tenant"] for each in lines(*views, groups=())) == ["almelo", "borne"]
    exposure = ("archive", "exposure", "--token", "crm", *PERIOD, *WHY)
    assert [each["conversations"] for each in lines(*exposure)] == [1]
    assert [each["conversations"] for each in lines(*exposure, groups=())] == [2]
    [replayed] = lines("route", "replay", *PERIOD)
    [all_replayed] = lines("route", "replay", *PERIOD, groups=())
    assert (replayed["unread"], all_replayed["unread"]) == (1, 2)
    processing = ("archive", "processing", *PERIOD)
    tenants = "select distinct tenant from archiver.processing order by tenant"
    assert rows(table, tenants) == [("almelo",), ("borne",)]
    assert len(lines(*processing)) < len(lines(*processing, groups=()))
    dropped = lines("parked", "drop", "--all", *WHY)
    assert dropped == [{"count": 3, "dryRun": False}]
    kept = rows(table, "select tenant from deliverer.delivery where state = 'parked'")
    assert [tenant for (tenant,) in kept if tenant] == ["borne"] * 3
    assert run("parked", "replay", *ids(2), groups=ALL).exit_code == 0
    states = rows(table, "select distinct state from deliverer.delivery where tenant = 'borne'")
    assert ("replay",) not in states


def test_content_is_within_reach_of_a_token_for_its_department(run: Run, tmp_path: Path) -> None:
    [ours] = ids(1)
    assert run("archive", "checkpoint").exit_code == 0
    out = ("--out", tmp_path / "out")
    subject = ("archive", "subject", "--tenant", "almelo", "--phone", "+31600000011")
    whole = (  # of the department kcc, or of all
        (ABSENT.format(ours), "parked", "show", ours, "--content"),
        (person.NOT_ALL, *subject, "--out", tmp_path / "subject.json", *WHY),
        (person.NOT_ALL, "archive", "exposure", "--token", "crm", *PERIOD, *WHY),
        (person.NOT_ALL, "route", "replay", *PERIOD, "--examples", "1"),
    )
    green = (  # of the department groen
        (NO_ENTRY, "archive", "prove", HERE.message, "--open", *WHY),
        (NO_RECEIPT, "archive", "receipt", OWN_RECEIPT, *out, *WHY),
    )
    sip = ("--target", "depot", "--out", tmp_path / "sip")
    export = "archive", "export", "--tenant", "almelo", *sip, *WHY
    closed = NOTHING.format("none")
    for groups, refused, admitted in (
        (NONE, (*whole, *green, (person.NOT_ALL, *export)), ()),
        (GREEN, (*whole, (person.NOT_ALL, *export)), green),
        (ALL, ((closed, *export),), (*whole, *green)),
    ):
        for words, *line in refused:
            done = run(*line, groups=groups)
            assert (done.exit_code, done.stdout, done.stderr.strip()) == (1, "", words), line
        for _, *line in admitted:
            done = run(*line, groups=groups)
            assert done.exit_code == 0, (line, done.output)
        done = run("archive", "search", "--tenant", "almelo", "--json", *WHY, groups=groups)
        assert msgspec.json.decode(done.stdout)["total"] == (groups != NONE), done.output
        assert run("parked", "show", ours, groups=groups).exit_code == 0, "it has no content"
    for line in (("archive", "prove", HERE.message, "--open", *WHY), ("balance", "--begin", *WHY)):
        assert "has not the role" in run(*line, groups=NO_ROLE).stderr


def test_file_of_a_department_out_of_reach_is_as_if_it_were_not_there(
    run: Run, table: str, tmp_path: Path
) -> None:
    line = ("files", "open", FILE, "--out", tmp_path / "file", *BY)
    for groups, words in ((NONE, NO_FILE), (GREEN, NOT_KEPT), (ALL, NOT_KEPT)):
        done = run(*line, groups=groups)
        assert (done.exit_code, done.stdout, done.stderr.strip()) == (1, "", words)
    opened = rows(table, "select what from access.operation")
    assert opened == [("files open",)] * 2


def test_content_of_no_department_yet_is_within_reach_of_a_token_for_all(
    run: Run, table: str, tmp_path: Path
) -> None:
    [(aside,)] = rows(table, "select id from archiver.quarantine")
    for line in (
        ("quarantine", "show", UNIT, "--content", *WHY),
        ("archive", "aside", "open", aside, "--out", tmp_path / "out", *WHY),
    ):
        refused = run(*line, groups=GREEN, is_alone=True)
        said = (refused.exit_code, refused.stdout, refused.stderr.strip())
        assert said == (1, "", person.NOT_ALL)
        done = run(*line, groups=ALL, is_alone=True)
        assert done.exit_code == 0, done.output


STATE = """
select 'parked', event::text, state from deliverer.delivery union all
select 'unit', id::text, coalesce(again_at, dropped_at)::text from router.quarantine union all
select 'aside', id::text, '' from archiver.quarantine union all
select 'guest', id::text, '' from deliverer.guest union all
select 'file', id::text, state from archiver.media union all
select 'pause', destination, '' from deliverer.pause union all
select 'operation', id::text, what from access.operation where what <> 'trace' order by 1, 2
"""

_LISTED = f"""
insert into deliverer.guest (id, number, kind, value)
values (gen_random_uuid(), '{NEAR}', 'phone', '');
insert into archiver.request (id, tenant, kind, received_on, due_on, hashes, conversations)
select 'AVG-' || tenant, tenant, 'access', '2026-11-01', '2026-12-01', '{{}}', '{{}}'
from unnest(array['almelo', 'borne']) tenant;
insert into router.outgoing (id, tenant, number, conversation, department, status, changed_at)
select gen_random_uuid(), tenant, '1', '1-a', 'kcc', 'accepted', now()
from unnest(array['almelo', 'borne']) tenant;
insert into deliverer.ledger (id, number, conversation, place, person, address_kind, address,
    content, state, due_at, claimed_at, created_at)
select id, number, conversation, 1, gen_random_uuid(), 'phone', '', '{{}}', 'unconfirmed', now(),
    now(), now()
from router.outgoing;
"""
"""A guest of this municipality, and of both a request and a message in doubt."""
_FILE = """
insert into archiver.media (id, tenant, number, conversation, department, announced, sealed,
    sent_at, state) values ($1, $2, '', $3, $4, '{}', '', now(), 'quarantined')
"""
"""A file of which nothing is in the object store."""


MINE = ("token", "add", "mine", "--tenant", "almelo", "--role", "read")


@pytest.mark.parametrize(
    ("groups", "reach", "beyond"),
    [
        (GREEN, ("--department", "groen"), ""),
        (GREEN, ("--department", "kcc"), "kcc"),
        (GREEN, ("--all-departments",), "kcc"),
        (GREEN, ("--all-departments", "--confidential"), "all"),
        (NONE, ("--department", "groen"), "groen"),
        (ALL, ("--all-departments", "--confidential"), ""),
    ],
)
def test_nobody_gives_a_token_more_departments_than_they_have(
    run: Run, table: str, groups: tuple[str, ...], reach: tuple[str, ...], beyond: str
) -> None:
    done = run(*MINE, *reach, groups=groups)
    assert done.exit_code == (1 if beyond else 0), done.output
    if beyond:
        assert done.stderr.strip().startswith(BEYOND) and beyond in done.stderr
    assert rows(table, "select count(*) from access.token") == [(0 if beyond else 1,)]


def test_nobody_confirms_a_token_beyond_their_reach(run: Run, table: str) -> None:
    assert run(*MINE, "--all-departments").exit_code == 0
    by_hand = "update access.token set mac = null returning name"
    assert rows(table, by_hand) == [("mine",)]
    done = run("token", "confirm", "mine", groups=GREEN)
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.strip() == f"{BEYOND}: kcc"
    assert rows(table, "select name from access.token where mac is null") == [("mine",)]
    assert run("token", "confirm", "mine", groups=ALL).exit_code == 0


def test_token_of_another_municipality_is_as_one_that_is_not_there(run: Run) -> None:
    theirs = ("token", "add", "theirs", "--tenant", "borne", "--role", "read")
    assert run(*theirs, "--all-departments").exit_code == 0
    assert "theirs" in run("token", "list").stdout
    assert run("token", "list", groups=ALL).stdout == "there is no token\n"
    for name in ("theirs", "nobody"):
        for command in (
            ("token", "revoke", name),
            ("token", "confirm", name),
            ("token", "narrow", name, "--department", "kcc"),
        ):
            done = run(*command, groups=ALL)
            said = (done.exit_code, done.stdout, done.stderr.strip())
            assert said == (1, "", f"there is no token {name!r}")
