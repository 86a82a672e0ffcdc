"""Whose a token is: exactly, and no longer than it can be known."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.config.model import Configuration
from services.config.organisation import Tenant
from services.config.settings import SettingsError, TokenSettings, load
from services.http.token_store import (
    MAX_TOKENS,
    TRUST_SECONDS,
    TokenStore,
    TokensUnavailable,
    digest,
    environment_tokens,
)
from services.postgres.database import Pool
from tests.support import virtual_clock
from tests.support.tokens import key

NOW = datetime(2026, 11, 25, 10, tzinfo=UTC)


def environment(tokens: str) -> TokenSettings:
    return load(TokenSettings, {"POSTKAMER_API_TOKENS": tokens})


def towns(*names: str) -> Configuration:
    return Configuration.model_construct(tenants=tuple(Tenant(id=n, name=n) for n in names))


def test_environment_token_belongs_to_the_only_municipality() -> None:
    first, second = environment_tokens(environment("crm:a,crm:b"), towns("almelo"))
    assert {first.hash, second.hash} == {digest("a"), digest("b")}
    assert (first.rights.name, first.rights.tenant) == ("crm", "almelo")
    assert (first.rights.roles, first.rights.departments) == (
        {"send", "read", "kcc", "care"},
        frozenset(),
    )


def test_environment_token_names_its_municipality_when_there_are_two() -> None:
    keys = environment_tokens(
        environment("crm@almelo:a,zaak@hengelo:b"), towns("almelo", "hengelo")
    )
    assert [(k.rights.name, k.rights.tenant) for k in keys] == [
        ("crm", "almelo"),
        ("zaak", "hengelo"),
    ]


@pytest.mark.parametrize(
    ("tokens", "fault"),
    [
        ("crm:hunter2", "crm needs its municipality, as in crm@almelo:token"),
        ("crm@:hunter2", "crm needs its municipality, as in crm@almelo:token"),
        ("crm@borne:hunter2", "crm: there is no municipality 'borne'"),
        ("@almelo:hunter2", "a token has no name"),
        ("crm@almelo:hunter2,crm@hengelo:hunter3", "crm stands for two municipalities"),
    ],
)
def test_environment_token_without_one_municipality_is_a_hidden_fault(
    tokens: str, fault: str
) -> None:
    with pytest.raises(SettingsError) as raised:
        environment_tokens(environment(tokens), towns("almelo", "hengelo"))
    assert raised.value.faults == [f"POSTKAMER_API_TOKENS: {fault}"]


def row(name: str, token: str, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "hash": digest(token),
        "tenant": "almelo",
        "roles": ["read"],
        "departments": [],
        "people": False,
        "per_second": 1,
        "burst": 1,
        "expires_at": None,
    } | more


class Table:
    """Stands where the pool does: rows, or an error."""

    def __init__(self, *rows: dict[str, Any]) -> None:
        self.rows: list[dict[str, Any]] | Exception = list(rows)

    async def fetch(self, *_: Any) -> list[dict[str, Any]]:
        if isinstance(self.rows, Exception):
            raise self.rows
        return self.rows


def ring(table: Table, *tokens: str) -> TokenStore:
    return TokenStore(cast(Pool, table), [key(token) for token in tokens])


def test_token_table_expires_when_unread_but_environment_tokens_stay() -> None:
    async def play() -> None:
        table = Table(row("desk", "t"))
        keyring = ring(table, "e")
        with pytest.raises(TokensUnavailable):
            keyring.find("t", NOW)
        await keyring.refresh()
        assert keyring.find("t", NOW)
        table.rows = OSError()
        with pytest.raises(OSError):
            await keyring.refresh()
        await asyncio.sleep(TRUST_SECONDS)
        assert keyring.find("t", NOW)
        await asyncio.sleep(0.001)
        for token in ("t", "unknown"):
            with pytest.raises(TokensUnavailable):
                keyring.find(token, NOW)
        assert keyring.find("e", NOW)

    virtual_clock.run(play())


def test_a_table_that_answers_again_is_trusted_again() -> None:
    async def play() -> None:
        table = Table(row("desk", "t"))
        table.rows, rows = OSError(), table.rows
        keyring = ring(table)
        task = asyncio.create_task(keyring.refresh_forever())
        await asyncio.sleep(60)
        with pytest.raises(TokensUnavailable):
            keyring.find("t", NOW)
        table.rows = rows
        await asyncio.sleep(3)
        assert keyring.find("t", NOW)
        task.cancel()
        await asyncio.wait([task])

    virtual_clock.run(play())


def test_a_token_ends_at_its_moment_and_not_at_the_next_look() -> None:
    async def play() -> None:
        keyring = ring(Table(row("desk", "t", expires_at=NOW)))
        await keyring.refresh()
        assert keyring.find("t", NOW - timedelta(microseconds=1))
        assert keyring.find("t", NOW) is None

    virtual_clock.run(play())


def test_a_name_of_the_environment_is_nobody_else_s() -> None:
    async def play() -> None:
        keyring = ring(Table(row("crm", "t", tenant="hengelo")), "e")
        await keyring.refresh()
        assert keyring.find("t", NOW) is None
        found = keyring.find("e", NOW)
        assert found
        assert found.tenant == "almelo"

    virtual_clock.run(play())


def test_token_store_is_bounded() -> None:
    async def play() -> None:
        keyring = ring(Table(*(row(f"n{n}", f"t{n}") for n in range(MAX_TOKENS + 1))))
        await keyring.refresh()
        assert keyring.find(f"t{MAX_TOKENS - 1}", NOW)
        assert keyring.find(f"t{MAX_TOKENS}", NOW) is None

    virtual_clock.run(play())


def test_a_role_of_a_newer_version_opens_nothing() -> None:
    async def play() -> None:
        keyring = ring(Table(row("desk", "t", roles=["read", "mayor"])))
        await keyring.refresh()
        found = keyring.find("t", NOW)
        assert found
        assert found.roles == {"read"}

    virtual_clock.run(play())


@given(st.text(), st.sets(st.text(min_size=1), max_size=4))
def test_token_store_finds_only_exact_tokens(given_token: str, tokens: set[str]) -> None:
    async def play() -> None:
        keyring = ring(Table(*(row(f"n{n}", t) for n, t in enumerate(sorted(tokens)))))
        await keyring.refresh()
        assert (keyring.find(given_token, NOW) is not None) == (given_token in tokens)

    virtual_clock.run(play())
