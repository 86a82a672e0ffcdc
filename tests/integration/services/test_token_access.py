"""Tokens and rate limits on a real PostgreSQL: who is admitted, and what the headers promise."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import aiohttp
import asyncpg
import pytest
from aiohttp import web
from structlog.testing import capture_logs

from cli.tokens import TokenRequest, add_token, confirm_token, revoke_token
from deploy.local.postgresql import Database
from services import clock, metrics
from services.config import loader
from services.http.application import api_app
from services.http.bearer_auth import require_any_token, require_token
from services.http.rate_limit import limit, remaining
from services.http.rights import Rights, Role
from services.http.server import serve
from services.http.token_store import REFRESH_SECONDS, TokenStore, run_token_store
from services.postgres.database import Pool, connection_pool
from tests.support.installation import EXAMPLE
from tests.support.observer import until
from tests.support.tokens import bearer, key
from tests.support.tokens import rights as rights_given

TOWN = loader.load(EXAMPLE).config
SEVERAL = 40
"""Requests at once: more than the pools have connections."""


@asynccontextmanager
async def guarded(store: TokenStore, role: Role = "read") -> AsyncIterator[str]:
    """The URL of a page behind a guard, which says whose token it was."""

    async def page(_: web.Request, rights: Rights) -> web.Response:
        return web.Response(text=f"{rights.name} of {rights.tenant}")

    routes = [web.get("/", require_token(page, store, role))]
    async with serve(api_app(routes), "127.0.0.1", 0) as port:
        yield f"http://127.0.0.1:{port}/"


async def asked(url: str, token: str | None) -> tuple[int, str, Any]:
    """Status, text and headers of an answer."""
    async with (
        aiohttp.ClientSession() as session,
        session.get(url, headers=bearer(token) if token else {}) as answer,
    ):
        return answer.status, await answer.text(), answer.headers


async def test_token_is_admitted_until_it_is_revoked(pool: Pool) -> None:
    loop, seconds = asyncio.get_running_loop(), 10 * REFRESH_SECONDS
    async with run_token_store(pool, ()) as store, guarded(store) as url:
        token = await add_token(pool, TokenRequest(name="desk", tenant="almelo", roles=["read"]))
        admitted = await until(lambda: asked(url, token), lambda it: it[0] == 200, seconds)
        assert admitted[1] == "desk of almelo"
        await revoke_token(pool, "desk")
        revoked_at = loop.time()
        await until(lambda: asked(url, token), lambda it: it[0] == 401, seconds)
        assert loop.time() - revoked_at < 2 * REFRESH_SECONDS
        answers = {await words(url, given) for given in (token, None, "pk_unknown")}
        assert len(answers) == 1


async def words(url: str, token: str | None) -> tuple[int, str, str]:
    status, text, headers = await asked(url, token)
    return status, text, headers["WWW-Authenticate"]


async def test_expiry_of_a_token_is_read_from_the_table(pool: Pool) -> None:
    store = TokenStore(pool, ())
    for name, seconds, found in (("new", 3600, True), ("old", -1, False)):
        ends = clock.now() + timedelta(seconds=seconds)
        request = TokenRequest(name=name, tenant="almelo", roles=["read"], expires_at=ends)
        token = await add_token(pool, request)
        await store.refresh()
        assert (store.find(token, clock.now()) is not None) is found


FORGERIES = [
    "update access.token set roles = '{read,send}'",
    "update access.token set departments = '{burgerzaken,werk}'",
    "update access.token set all_departments = true",
    "update access.token set tenant = 'hengelo'",
    "update access.token set destinations = '{crm}'",
    "update access.token set expires_at = null",
    "update access.token set test = false",
    "update access.token set hash = sha256('pk_by_hand')",
    "update access.token set mac = null",
    "alter table access.token alter roles drop not null; update access.token set roles = null",
    "update access.token set departments = array[null]",
    "insert into access.token (name, hash, tenant, roles, departments, people, per_second, burst,"
    " mac) select 'own', sha256('pk_by_hand'), tenant, roles, departments, people, per_second,"
    " burst, mac from access.token",
    "update access.token set expires_at = '20000-01-01'",
]


@pytest.mark.parametrize("statement", FORGERIES)
async def test_token_that_was_made_or_changed_by_hand_is_refused_and_told(
    pool: Pool, statement: str
) -> None:
    request = TokenRequest(
        name="desk",
        tenant="almelo",
        roles=["read"],
        departments=["burgerzaken"],
        test=True,
        expires_at=clock.now() + timedelta(days=1),
    )
    token, store = await add_token(pool, request), TokenStore(pool, ())
    await store.refresh()
    assert store.find(token, clock.now()) and refused() == 0
    await pool.execute(statement)
    with capture_logs() as logs:
        await store.refresh()
        await store.refresh()
    assert [each["event"] for each in logs] == ["tokens.refused"], "once"
    assert store.find("pk_by_hand", clock.now()) is None
    is_changed = "update" in statement
    assert (store.find(token, clock.now()) is None) is is_changed
    assert refused() == 1


def refused() -> float | None:
    return metrics.REGISTRY.get_sample_value("postkamer_tokens_refused")


async def test_token_of_before_counts_once_it_is_confirmed(pool: Pool) -> None:
    token = await add_token(pool, TokenRequest(name="desk", tenant="almelo", roles=["read"]))
    await pool.execute("update access.token set mac = null")
    store = TokenStore(pool, ())
    await store.refresh()
    assert store.find(token, clock.now()) is None
    async with pool.acquire() as connection:
        _, operation = await confirm_token(connection, "desk", TOWN)
        assert operation and (operation.what, operation.about) == ("token confirm", "desk")
        assert operation.data["roles"] == ["read"]
        assert (await confirm_token(connection, "desk", TOWN))[1] is None
    await store.refresh()
    assert store.find(token, clock.now())


async def test_missing_role_is_403_and_counts_for_the_rate(pool: Pool) -> None:
    store = TokenStore(pool, [key("t", burst=2, per_second=1, roles=frozenset(["send"]))])
    async with guarded(store, "read") as url:
        answers = [await asked(url, "t") for _ in range(3)]
    assert [status for status, _, _ in answers] == [403, 403, 429]
    assert [rate_headers(headers)["r"] for _, _, headers in answers] == [1, 0, 0]


async def test_guard_for_any_token_needs_no_role_and_one_without_roles_admits_nobody(
    pool: Pool,
) -> None:
    async def page(*_: Any) -> web.Response:
        return web.Response()

    store = TokenStore(pool, [key("t", roles=frozenset())])
    guards = {"/any": require_any_token(page, store), "/none": require_token(page, store)}
    app = api_app([web.get(path, guard) for path, guard in guards.items()])
    async with serve(app, "127.0.0.1", 0) as port:
        url = f"http://127.0.0.1:{port}"
        tokens = ("t", "unknown", None)
        answers = [await asked(url + path, token) for path in guards for token in tokens]
    # An unknown one may be of the table, which was never read.
    assert [status for status, _, _ in answers] == [200, 503, 401, 403, 503, 401]
    assert "RateLimit" in answers[0][2]


def rate_headers(headers: Any) -> dict[str, int]:
    """q, w, r and t, in the form of the draft."""
    policy = re.fullmatch(r'"default";q=(\d+);w=(\d+)', headers["RateLimit-Policy"])
    state = re.fullmatch(r'"default";r=(\d+);t=(\d+)', headers["RateLimit"])
    assert policy and state
    return dict(zip("qwrt", map(int, (*policy.groups(), *state.groups())), strict=True))


async def test_two_guards_together_grant_one_burst(pool: Pool) -> None:
    rights = key("t", burst=10, per_second=1)
    stores = TokenStore(pool, [rights]), TokenStore(pool, [rights])
    async with guarded(stores[0]) as one, guarded(stores[1]) as other:
        started = asyncio.get_running_loop().time()
        answers = await asyncio.gather(*(asked((one, other)[n % 2], "t") for n in range(SEVERAL)))
        seconds = asyncio.get_running_loop().time() - started
    assert {status for status, _, _ in answers} == {200, 429}
    granted = [headers for status, _, headers in answers if status == 200]
    refused = [headers for status, _, headers in answers if status != 200]
    assert 10 <= len(granted) <= 10 + seconds + 1
    rates = [rate_headers(headers) for headers in granted]
    assert {(rate["q"], rate["w"]) for rate in rates} == {(10, 10)}
    assert len({rate["r"] for rate in rates}) >= 10  # each of 9 to 0, no two the same
    assert all(
        rate_headers(h)["r"] == 0 and int(h["Retry-After"]) == rate_headers(h)["t"] for h in refused
    )


async def test_token_of_the_table_is_503_without_the_database(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = await add_token(pool, TokenRequest(name="desk", tenant="almelo", roles=["read"]))
    store = TokenStore(pool, [key("e")])
    async with guarded(store) as url:
        before = await asked(url, token)
        await store.refresh()
        assert (before[0], (await asked(url, token))[0]) == (503, 200)
        monkeypatch.setattr("services.http.token_store.TRUST_SECONDS", 0.0)
        assert (await asked(url, token))[0] == 503
        assert (await asked(url, "e"))[0] == 200
        await pool.close()
        status, _, headers = await asked(url, "e")
        assert status == 503
        assert int(headers["Retry-After"]) > 0


async def test_retry_after_of_a_refusal_is_long_enough(pool: Pool) -> None:
    async with guarded(TokenStore(pool, [key("t", burst=1, per_second=1)])) as url:
        assert (await asked(url, "t"))[0] == 200
        status, _, headers = await asked(url, "t")
        assert (status, headers["Retry-After"]) == (429, "1")
        await asyncio.sleep(int(headers["Retry-After"]))
        assert (await asked(url, "t"))[0] == 200


async def test_database_counts_as_the_arithmetic_does(pool: Pool) -> None:
    rights = rights_given(burst=5, per_second=100)
    arrival = 0
    for _ in range(30):
        state = await TokenStore(pool, ()).consume_rate(rights)
        row = await pool.fetchrow("select arrival, asked from access.budget")
        assert row
        due = max(arrival, row["asked"])
        assert state.granted == (due - row["asked"] <= limit(rights).max_ahead)
        assert row["arrival"] == due + limit(rights).interval * state.granted
        assert 0 <= remaining(state, limit(rights)) < 5
        arrival = row["arrival"]


async def test_clock_set_back_does_not_shut_a_token_out(pool: Pool) -> None:
    rights = rights_given(burst=1, per_second=1)
    await TokenStore(pool, ()).consume_rate(rights)
    assert not (await TokenStore(pool, ()).consume_rate(rights)).granted
    await pool.execute("update access.budget set arrival = arrival + 3600000000")
    assert (await TokenStore(pool, ()).consume_rate(rights)).granted


async def test_requests_after_a_refusal_cost_the_database_nothing(pool: Pool) -> None:
    store, rights = TokenStore(pool, ()), rights_given(burst=1, per_second=1)
    await store.consume_rate(rights)
    await store.consume_rate(rights)
    before = await pool.fetchval("select asked from access.budget")
    state = await store.consume_rate(rights)
    assert not state.granted
    assert remaining(state, limit(rights)) == 0
    assert await pool.fetchval("select asked from access.budget") == before


async def test_counting_requests_writes_no_logged_row(pool: Pool) -> None:
    store, rights = TokenStore(pool, ()), rights_given()
    await store.consume_rate(rights)
    before = await pool.fetchval("select pg_current_wal_insert_lsn()")
    for _ in range(20):
        await store.consume_rate(rights)
    written = "select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), $1::pg_lsn)"
    # A commit's own record, which is not waited for; a logged row would be some hundred bytes more.
    assert await pool.fetchval(written, before) < 20 * 60


FORBIDDEN = [
    "insert into access.token (name) values ('x')",
    "update access.token set revoked_at = null",
    "delete from access.token",
    "delete from access.budget",
    "truncate access.budget",
    "create table access.own (n int)",
]


@pytest.mark.parametrize(
    ("role", "forbidden"),
    [
        ("gateway", FORBIDDEN),
        ("archiver", FORBIDDEN),
        ("router", FORBIDDEN),
        ("deliverer", ["select * from access.token"]),
    ],
)
async def test_services_with_an_api_read_tokens_and_write_budgets_and_no_more(
    migrated: str, server: Database, role: str, forbidden: list[str]
) -> None:
    server.execute(f"alter role postkamer_{role} login password 'x'", "postgres")
    url = server.url_for(f"postkamer_{role}", "x", "migrated")
    async with connection_pool(url, "test", 1) as pool:
        for statement in forbidden:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await pool.execute(statement)
        if forbidden is FORBIDDEN:
            store = TokenStore(pool, ())
            await store.refresh()
            assert (await store.consume_rate(rights_given(name=role))).granted
