"""Persons at the command line: proven by a token or by a login, or stated, or refused."""

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import Result

from cli.examples import EXAMPLES
from cli.support import person
from cli.support.recorded import NOT_RECORDED
from deploy.local.postgresql import Database
from services import clock
from services.postgres.database import Pool
from tests.support.cli.command_line import SETTINGS, postkamer
from tests.support.cli.command_matrix import COMMANDS
from tests.support.identity_provider import (
    ID,
    PERSON,
    Provider,
    all_but,
    identity_tables,
    running_provider,
)
from tests.support.installation import EXAMPLE
from tests.support.integration.parked_deliveries import on

LIVE = ("number", "trial", "106540352242922", "--reason", "eerste week", "--by")
REQUIRED = {"POSTKAMER_REQUIRE_PROVEN": "true"}

FORGED = """
create schema forged;
create view forged.pg_auth_members as
    select r.oid as member, to_regrole('postkamer_person')::oid as roleid
    from pg_catalog.pg_roles r where rolname = 'shared';
grant usage on schema forged to public;
grant select on all tables in schema forged to public;
alter role "shared" set search_path = forged, pg_catalog;
"""
"""Tables of a login of its own, before those of the catalogue."""


@pytest.fixture
def provider() -> Iterator[Provider]:
    with running_provider() as provider:
        yield provider


@pytest.fixture
def env(fresh: str, provider: Provider, tmp_path: Path) -> dict[str, str]:
    """Settings of a command in a town with an identity provider."""
    config = tmp_path / "postkamer.toml"
    config.write_text(EXAMPLE.read_text() + identity_tables(provider))
    given = {"POSTKAMER_DATABASE_URL": fresh, "POSTKAMER_CONFIG": str(config)}
    return SETTINGS | given | {"POSTKAMER_OPERATOR": "beheer"}


def with_token(provider: Provider, **claims: Any) -> dict[str, str]:
    claims = {"roles": ["every-role"]} | claims
    return {"POSTKAMER_PERSON_TOKEN": provider.token(**claims)}


def recorded(url: str) -> list[tuple[str, str, str]]:
    async def rows(pool: Pool) -> Any:
        return await pool.fetch("select what, by, identified from access.operation order by id")

    return [tuple(row) for row in on(url, rows)]


def revoked(env: dict[str, str]) -> Result:
    return postkamer("token", "revoke", "nobody", env=env)


def test_name_that_is_only_given_is_recorded_as_stated(env: dict[str, str], fresh: str) -> None:
    assert postkamer(*LIVE, "s.jansen", env=env).exit_code == 0
    assert recorded(fresh) == [("number trial", "s.jansen", "stated")]


def test_token_of_a_provider_proves_its_person(
    env: dict[str, str], fresh: str, provider: Provider, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text(provider.token(roles=["every-role"]))
    proven = env | REQUIRED | {"POSTKAMER_PERSON_TOKEN_FILE": str(file)}
    other = postkamer(*LIVE, "m.devries", env=proven)
    assert (other.exit_code, other.stderr.strip()) == (
        1,
        f"--by: you are {PERSON}, and act for nobody else",
    )
    assert recorded(fresh) == []
    assert postkamer(*LIVE, PERSON, env=proven).exit_code == 0
    assert recorded(fresh) == [("number trial", PERSON, "proven")]
    assert provider.asked == 2, "once for each command"

    async def proof(pool: Pool) -> Any:
        return await pool.fetchval("select data->'proof' from access.operation")

    key = provider.keys[-1].thumbprint()
    assert msgspec.json.decode(on(fresh, proof)) == {"issuer": provider.issuer, "key": key}


def test_proven_person_does_without_a_second_one_with_a_reason_on_the_record(
    env: dict[str, str], fresh: str, provider: Provider
) -> None:
    proven, why = env | with_token(provider), "verkeerd nummer in een tekst"

    async def rows(pool: Pool) -> Any:
        return await pool.fetch(
            "select a.by, a.alone, o.data->>'reason' as reason from router.approval a"
            " join access.operation o on o.about = a.version order by o.id"
        )

    for line in ((), ("--alone", why), ("--alone", why)):
        assert postkamer("rules", "approve", *line, env=proven).exit_code == 0
    assert [tuple(row) for row in on(fresh, rows)] == [(PERSON, True, None), (PERSON, True, why)]


def test_login_of_one_person_proves_them_and_that_of_the_owner_nobody(
    env: dict[str, str], fresh: str, server: Database
) -> None:
    login = "a.arts"
    server.execute(
        f'drop role if exists "{login}";'
        f"create role \"{login}\" login password 'x' in role postkamer, postkamer_person;"
        "create role \"shared\" login password 'x' in role postkamer",
        "postgres",
    )
    database = fresh.rpartition("/")[2]
    try:
        for name, exit_code in ((login, 0), ("shared", 1)):
            own = {"POSTKAMER_DATABASE_URL": server.url_for(name, "x", database)}
            done = postkamer(*LIVE, login, env=env | REQUIRED | own)
            assert done.exit_code == exit_code, done.output
        assert recorded(fresh) == [("number trial", login, "proven")]
        server.execute(FORGED, database)
        own["POSTKAMER_DATABASE_URL"] += "?search_path=forged,pg_catalog"
        refused = postkamer(*LIVE, "shared", env=env | REQUIRED | own)
        assert (refused.exit_code, refused.stderr.strip()) == (1, person.NO_PERSON)
    finally:
        server.execute("drop schema if exists forged cascade", database)
        server.execute(f'drop role "{login}", "shared"', "postgres")


def wrong_tokens(provider: Provider) -> dict[str, dict[str, str]]:
    """Refusal -> settings that lead to it."""
    now = int(clock.now().timestamp())
    return {
        person.NOT_VALID: with_token(provider, exp=now - 3600),
        f"{person.TOKEN}: {PERSON} has not the role 'operator'": with_token(provider, roles=[]),
        person.NO_CONFIG: with_token(provider) | {"POSTKAMER_CONFIG": ""},
    }


def test_each_command_of_a_person_is_refused_to_a_token_without_its_role(
    env: dict[str, str], fresh: str, provider: Provider, monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    gateway = {"POSTKAMER_GATEWAY_URL": "http://127.0.0.1:9"}
    wrong = {}
    for command, role in person.PERSONAL.items():
        token = with_token(provider, roles=[all_but(role)]) | gateway
        line = EXAMPLES[command].partition(" >")[0].replace("new/postkamer.toml", str(EXAMPLE))
        line = line.replace('--by "S. Jansen"', "")
        done = postkamer(*shlex.split(line), env=env | REQUIRED | token, stdin="+31600000011")
        said = f"{person.TOKEN}: {PERSON} has not the role {role!r}"
        if (done.exit_code, done.stdout, done.stderr.strip()) != (1, "", said):
            wrong[command] = done.output
    assert wrong == {}
    assert recorded(fresh) == []


@pytest.mark.parametrize("required", [{}, REQUIRED])
def test_wrong_token_is_refused_and_never_taken_for_a_stated_name(
    env: dict[str, str], fresh: str, provider: Provider, required: dict[str, str]
) -> None:
    for words, given in wrong_tokens(provider).items():
        done = revoked(env | required | given)
        assert (done.exit_code, done.stdout, done.stderr.strip()) == (1, "", words)
    provider.is_away = True
    assert person.NO_KEYS in revoked(env | required | with_token(provider)).stderr
    assert recorded(fresh) == []


def test_production_believes_no_name_that_is_only_stated(
    env: dict[str, str], fresh: str, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.support.recorded.RECORD_SECONDS", 0.1)  # no archiver runs
    config = Path(env["POSTKAMER_CONFIG"])
    config.write_text(f'environment = "production"\n{config.read_text()}')
    for lifted in ({}, {"POSTKAMER_REQUIRE_PROVEN": "false"}):
        done = revoked(env | lifted)
        assert (done.exit_code, done.stdout, done.stderr.strip()) == (1, "", person.NO_PERSON)
    scanned = {"POSTKAMER_SCANNER_URL": "tcp://127.0.0.1:9", "CRM_SECRET": "e"}
    said = postkamer("check", env=env | scanned | {"POSTKAMER_LANG": "en"}).output.splitlines()
    assert "commands: only of persons who are proven" in said
    assert recorded(fresh) == []
    approved = postkamer("rules", "approve", env=env | with_token(provider))
    assert approved.stderr.strip() == NOT_RECORDED
    assert recorded(fresh) == [("rules approve", PERSON, "proven")]


@pytest.mark.parametrize("config", ["", "broken", "of a test", "with a byte order mark"])
def test_production_is_so_whatever_configuration_the_caller_names(
    env: dict[str, str], fresh: str, tmp_path: Path, config: str
) -> None:
    own = tmp_path / "own.toml"
    town = EXAMPLE.read_text()
    own.write_text(f"{town}[[rules" if config == "broken" else town)
    if config == "with a byte order mark":
        own.write_text(f'environment = "production"\n{town}', "utf-8-sig")
    else:
        on(fresh, lambda pool: pool.execute("insert into access.installation values (true, true)"))
    given = {"POSTKAMER_CONFIG": str(own) if config else ""}
    done = revoked(env | given)
    assert (done.exit_code, done.stdout, done.stderr.strip()) == (1, "", person.NO_PERSON)
    assert recorded(fresh) == []


def test_option_that_is_recorded_needs_a_proof_where_its_command_alone_does_not(
    env: dict[str, str], fresh: str
) -> None:
    begun = postkamer("balance", "--begin", "--reason", "hersteld", env=env | REQUIRED)
    assert (begun.exit_code, begun.stdout, begun.stderr.strip()) == (1, "", person.NO_PERSON)
    assert recorded(fresh) == []


def test_token_of_one_municipality_is_refused_for_another(
    env: dict[str, str], fresh: str, provider: Provider
) -> None:
    config = Path(env["POSTKAMER_CONFIG"])
    neighbour = 'id = "hengelo"\nname = "Gemeente Hengelo"\n'
    config.write_text(f"{config.read_text()}[[tenants]]\n{neighbour}")
    new = ("token", "add", "desk", "--tenant", "hengelo", "--role", "send", "--all-departments")
    done = postkamer(*new, env=env | with_token(provider))
    assert done.stderr.strip() == f"{person.TOKEN}: it is of almelo, not of hengelo"
    assert recorded(fresh) == []


def test_token_for_the_gateway_is_a_persons_where_proof_is_required(
    env: dict[str, str], provider: Provider
) -> None:
    """The gateway would take an API token in its place, and record a stated name."""
    clear = ("notice", "clear", "--number", "106540352242922")
    away = {"POSTKAMER_GATEWAY_URL": "http://127.0.0.1:9"}
    for words, given in {
        person.NOT_VALID: {"POSTKAMER_PERSON_TOKEN": "pk_of_a_system"},
        f"{person.TOKEN}: {PERSON} has not the role 'kcc'": with_token(provider, roles=[]),
        person.NO_CONFIG: with_token(provider) | {"POSTKAMER_CONFIG": ""},
    }.items():
        done = postkamer(*clear, env=env | REQUIRED | away | given)
        assert (done.exit_code, done.stdout, done.stderr.strip()) == (1, "", words)
    done = postkamer(*clear, env=env | REQUIRED | away | with_token(provider))
    assert (done.exit_code, "http://127.0.0.1:9 does not answer" in done.stderr) == (1, True)


def test_check_says_if_names_may_be_stated_and_if_a_provider_gives_keys(
    env: dict[str, str], provider: Provider
) -> None:
    env = env | {"POSTKAMER_LANG": "en", "CRM_SECRET": "e"}
    said = postkamer("check", "--live", env=env).output.splitlines()
    assert "commands: also of persons who state a name, and are recorded so" in said
    assert f"checked: OpenID Connect {ID} answers" in said
    provider.is_away = True
    said = postkamer("check", "--live", env=env | REQUIRED).output.splitlines()
    assert "commands: only of persons who are proven" in said
    assert [line for line in said if f"identity provider {ID}: it gives no keys" in line]
    wrong = postkamer("check", env=env | {"POSTKAMER_REQUIRE_PROVEN": "perhaps"})
    assert wrong.exit_code == 1 and "fault: POSTKAMER_REQUIRE_PROVEN: " in wrong.output


def test_each_command_of_the_matrix_that_needs_a_person_says_nothing_without_a_proof(
    env: dict[str, str], fresh: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    gateway = {"POSTKAMER_GATEWAY_URL": "http://127.0.0.1:9", "POSTKAMER_API_TOKEN": "d"}
    wrong = {}
    for command, need in COMMANDS.items():
        if need.kind not in ("database", "token") or command == "migrate":
            continue
        line = EXAMPLES[command].partition(" >")[0].replace("new/postkamer.toml", str(EXAMPLE))
        done = postkamer(*shlex.split(line), env=env | REQUIRED | gateway, stdin="+31600000011")
        is_refused = done.stderr.startswith("nobody is proven") and done.stdout == ""
        if is_refused != need.is_personal:
            wrong[command] = done.output
    assert wrong == {}
    assert recorded(fresh) == []
