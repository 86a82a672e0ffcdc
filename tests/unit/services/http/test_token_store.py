"""Tokens of the environment and of the table, which is trusted for a limited time."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.config.model import Configuration
from services.config.organisation import Department, Tenant
from services.config.settings import SettingsError, TokenSettings, load
from services.http.grants import reached_departments
from services.http.token_mac import compute_mac
from services.http.token_store import (
    MAX_TOKENS,
    TRUST_SECONDS,
    TokenStore,
    TokensUnavailable,
    digest,
    environment_tokens,
)
from services.postgres.database import Pool
from services.sealing.key_ring import RING
from services.tasks import background_task
from tests.support.tokens import key
from tests.support.virtual_clock import on_virtual_clock

NOW = datetime(2026, 11, 25, 10, tzinfo=UTC)


def environment(tokens: str) -> TokenSettings:
    return load(TokenSettings, {"POSTKAMER_API_TOKENS": tokens})


ORDINARY = frozenset(["burgerzaken", "belastingen"])


def towns(*names: str) -> Configuration:
    departments = tuple(
        Department.model_construct(tenant=town, id=id, confidential=id == "zorg")
        for town in names
        for id in (*sorted(ORDINARY), "zorg")
    )
    tenants = tuple(Tenant(id=n, name=n) for n in names)
    return Configuration.model_construct(tenants=tenants, departments=departments)


TWO = towns("almelo", "hengelo")


def test_environment_token_belongs_to_the_only_municipality() -> None:
    first, second = environment_tokens(environment("crm:a,crm:b"), towns("almelo"))
    assert {first.hash, second.hash} == {digest("a"), digest("b")}
    assert (first.grant.name, first.grant.tenant) == ("crm", "almelo")
    assert first.grant.roles == {"send", "read", "kcc", "care"}
    assert first.grant.reach.is_unlimited


def test_environment_token_names_its_municipality_when_there_are_two() -> None:
    given = environment("crm@almelo:a,zaak@hengelo:b")
    names = [(k.grant.name, k.grant.tenant) for k in environment_tokens(given, TWO)]
    assert names == [("crm", "almelo"), ("zaak", "hengelo")]


def test_environment_token_names_its_departments() -> None:
    labels = "a:1,b/burgerzaken:2,c/*:3,d@almelo/*+zorg:4,e/**:5"
    keys = environment_tokens(environment(labels), towns("almelo"))
    reached = {k.grant.name: reached_departments(k.grant.reach, ORDINARY) for k in keys}
    named = frozenset(["burgerzaken"])
    assert reached == {"a": None, "b": named, "c": ORDINARY, "d": ORDINARY | {"zorg"}, "e": None}
    assert [k.grant.name for k in keys if k.grant.reach.is_unlimited] == ["a"]


def test_test_token_of_the_environment_has_no_role_that_reaches_every_citizen() -> None:
    given = {"POSTKAMER_API_TOKENS": "crm:a", "POSTKAMER_TEST_TOKENS": "trial:b"}
    real, test = environment_tokens(load(TokenSettings, given), towns("almelo"))
    assert (real.grant.test, test.grant.test) == (False, True)
    assert test.grant.roles == real.grant.roles - {"kcc"}
    given["POSTKAMER_TEST_TOKENS"] = "crm:hunter2"
    with pytest.raises(SettingsError) as raised:
        environment_tokens(load(TokenSettings, given), towns("almelo"))
    fault = "POSTKAMER_TEST_TOKENS: crm is no test token in POSTKAMER_API_TOKENS"
    assert raised.value.faults == [fault]


@pytest.mark.parametrize(
    ("tokens", "fault"),
    [
        ("crm:hunter2", "crm needs its municipality, as in crm@almelo:token"),
        ("crm@:hunter2", "crm needs its municipality, as in crm@almelo:token"),
        ("crm@borne:hunter2", "crm: there is no municipality 'borne'"),
        ("@almelo:hunter2", "a token has no name"),
        ("crm@almelo:hunter2,crm@hengelo:hunter3", "crm stands for two municipalities"),
        ("crm@almelo/afval+*:hunter2", "crm: almelo has no department 'afval'"),
        ("crm@almelo/:hunter2", "crm: almelo has no department ''"),
    ],
)
def test_environment_token_without_one_municipality_is_a_hidden_fault(
    tokens: str, fault: str
) -> None:
    with pytest.raises(SettingsError) as raised:
        environment_tokens(environment(tokens), TWO)
    assert raised.value.faults == [f"POSTKAMER_API_TOKENS: {fault}"]


DEFAULTS = {"tenant": "almelo", "roles": ["read"], "departments": [], "people": False}
DEFAULTS |= {"all_departments": True, "destinations": [], "confidential": True, "test": False}
DEFAULTS |= {"per_second": 1, "burst": 1, "expires_at": None, "is_refused": False}


def row(name: str, token: str, **fields: Any) -> dict[str, Any]:
    made = DEFAULTS | {"name": name, "hash": digest(token)} | fields
    return made | {"mac": compute_mac(made, RING)}


class Table:
    """Stand-in for the pool: rows, or an error."""

    def __init__(self, *rows: dict[str, Any]) -> None:
        self.rows: list[dict[str, Any]] | Exception = list(rows)

    async def fetch(self, _: str, limit: int) -> list[dict[str, Any]]:
        if isinstance(self.rows, Exception):
            raise self.rows
        return self.rows[:limit]

    async def fetchrow(self, _: str) -> None:
        """No archiver told of refused tokens."""


def store(table: Table, *tokens: str) -> TokenStore:
    """A store of this table, and of these tokens of the environment."""
    return TokenStore(cast(Pool, table), [key(token) for token in tokens])


async def refreshed(*rows: dict[str, Any], environment: tuple[str, ...] = ()) -> TokenStore:
    tokens = store(Table(*rows), *environment)
    await tokens.refresh()
    return tokens


@on_virtual_clock
async def test_token_table_expires_when_unread_but_environment_tokens_stay() -> None:
    table = Table(row("desk", "t"))
    tokens = store(table, "e")
    with pytest.raises(TokensUnavailable):
        tokens.find("t", NOW)
    await tokens.refresh()
    assert tokens.find("t", NOW)
    table.rows = OSError()
    with pytest.raises(OSError):
        await tokens.refresh()
    await asyncio.sleep(TRUST_SECONDS)
    assert tokens.find("t", NOW)
    await asyncio.sleep(0.001)
    for token in ("t", "unknown"):
        with pytest.raises(TokensUnavailable):
            tokens.find(token, NOW)
    assert tokens.find("e", NOW)


@on_virtual_clock
async def test_token_table_that_answers_again_is_trusted_again() -> None:
    table = Table(row("desk", "t"))
    table.rows, rows = OSError(), table.rows
    tokens = store(table)
    async with background_task(tokens.refresh_forever()):
        await asyncio.sleep(60)
        with pytest.raises(TokensUnavailable):
            tokens.find("t", NOW)
        table.rows = rows
        await asyncio.sleep(3)
        assert tokens.find("t", NOW)


@on_virtual_clock
async def test_valid_tokens_of_a_municipality_are_listed_if_the_table_is_known() -> None:
    hour = timedelta(hours=1)
    rows = row("desk", "t", expires_at=NOW + hour), row("next-door", "n", tenant="hengelo")
    tokens = store(Table(*rows, row("ended", "x", expires_at=NOW)), "e")
    with pytest.raises(TokensUnavailable):
        tokens.list_tokens("almelo", NOW)
    await tokens.refresh()
    assert [each.grant.name for each in tokens.list_tokens("almelo", NOW)] == ["crm", "desk"]
    assert [each.grant.name for each in tokens.list_tokens("almelo", NOW + hour)] == ["crm"]


@on_virtual_clock
async def test_token_expires_at_its_moment_and_not_at_the_next_refresh() -> None:
    tokens = await refreshed(row("desk", "t", expires_at=NOW))
    assert tokens.find("t", NOW - timedelta(microseconds=1))
    assert tokens.find("t", NOW) is None


@on_virtual_clock
async def test_name_of_an_environment_token_cannot_be_used_in_the_table() -> None:
    tokens = await refreshed(row("crm", "t", tenant="hengelo"), environment=("e",))
    assert tokens.find("t", NOW) is None
    found = tokens.find("e", NOW)
    assert found and found.tenant == "almelo"


@on_virtual_clock
async def test_token_store_is_bounded() -> None:
    tokens = await refreshed(*(row(f"n{n}", f"t{n}") for n in range(MAX_TOKENS + 1)))
    assert tokens.find(f"t{MAX_TOKENS - 1}", NOW)
    assert tokens.find(f"t{MAX_TOKENS}", NOW) is None


@on_virtual_clock
async def test_token_for_all_departments_follows_what_is_confidential_now() -> None:
    tokens = await refreshed(row("desk", "t", confidential=False, departments=["zorg"]))
    found = tokens.find("t", NOW)
    assert found and found.departments == {"zorg"}  # no configuration names any other
    tokens.reload(towns("almelo"))
    found = tokens.find("t", NOW)
    assert found and found.departments == {"zorg", *ORDINARY}


@on_virtual_clock
async def test_unknown_role_of_a_token_is_ignored() -> None:
    found = (await refreshed(row("desk", "t", roles=["read", "mayor"]))).find("t", NOW)
    assert found and found.roles == {"read"}


@given(st.text(), st.sets(st.text(min_size=1), max_size=4))
@on_virtual_clock
async def test_token_store_finds_only_exact_tokens(given_token: str, known: set[str]) -> None:
    tokens = await refreshed(*(row(f"n{n}", t) for n, t in enumerate(sorted(known))))
    assert (tokens.find(given_token, NOW) is not None) == (given_token in known)
