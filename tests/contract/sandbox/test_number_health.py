"""The hourly checks against the sandbox's Meta: all is well, and each thing that can go wrong."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from cli.check.number_health import check_numbers, describe_findings
from cli.check.servers import ServerCheck
from deliverer.meta.accounts import Account
from deliverer.meta.health.finding import CHECKS, Finding, Findings
from deliverer.meta.health.number_checks import Outside, look_at_number
from deliverer.meta.health.webhook_fields import FIELDS
from deliverer.transport.http_client import http_client
from services import clock
from services.egress.shown_certificate import ShownCertificate
from tests.support.deliverer.configuration import configuration
from tests.support.sandbox_world import NUMBER, TOKEN, World

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
SECRETS = ("an older one", "sandbox-app-secret")
DOOR = "https://127.0.0.1/webhooks/whatsapp"
ENDLESS = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n{"
FINE = dict.fromkeys(CHECKS, "fine")
LONG = 10.0
"""Seconds for what comes at once."""
MOST_PIECES = 32
"""Pieces of an endless answer, 64 KiB each: many times its bound, and no load for the machine where
nothing holds the bound. Then the rest does not come, and the look ends by time."""


class Look:
    """Looks at the sandbox's number, as the deliverer does."""

    def __init__(self, sandbox: World, outside: Outside) -> None:
        self.sandbox, self.outside = sandbox, outside
        self.doors: list[tuple[str, int]] = []
        self.account = Account(
            name="", number=NUMBER, tenant="", messages_url="", media_url="", per_second=80,
            headers=TOKEN, graph_url=f"{sandbox.url}/graph/v26.0", meta_id=NUMBER,
            app_secrets=SECRETS,
        )  # fmt: skip

    async def states(self, **changed: Any) -> dict[str, str]:
        """Return state by check, of an account with these changes."""
        findings = await self.findings(**changed)
        return {check: each.state if each else "" for check, each in findings.items()}

    async def findings(self, **changed: Any) -> Findings:
        account = msgspec.structs.replace(self.account, **changed)
        return await look_at_number(account, self.outside, clock.now())

    async def change(self, of: str = f"numbers/{NUMBER}", **health: Any) -> None:
        status, body = await self.sandbox.ask("POST", f"/phone/{of}/_health", json=health)
        assert status == 200, body


@pytest.fixture
async def look(sandbox: World) -> AsyncIterator[Look]:
    async def fetch(host: str, port: int) -> ShownCertificate:
        made.doors.append((host, port))
        now = clock.now()
        return ShownCertificate("", now - timedelta(days=30), now + timedelta(days=60))

    async with http_client(4, 5.0, answer_bytes=64 * 1024) as client:
        made = Look(sandbox, Outside(client, fetch, DOOR))
        yield made


async def test_number_at_meta_is_fine_and_so_is_its_door(look: Look) -> None:
    assert await look.states() == FINE
    assert look.doors == [("127.0.0.1", 443)]


@pytest.mark.parametrize(
    ("changed", "check", "state", "part"),
    [
        ({"subscribed": False}, "subscription", "wrong", "No app receives"),
        ({"fields": ["account_update"]}, "fields", "wrong", "the field messages"),
        ({"fields": ["messages"]}, "fields", "warning", "user_preferences"),
        ({"quality": "RED"}, "quality", "wrong", "RED"),
        ({"name": "DECLINED"}, "name", "wrong", "declined"),
        ({"connection": "BANNED"}, "connection", "wrong", "BANNED"),
        ({"limit": "TIER_MOON"}, "limit", "unknown", "TIER_MOON"),
        ({"errors": [141006]}, "payment", "wrong", "(code 141006)"),
        ({"errors": [141010]}, "payment", "warning", "(code 141010)"),
        ({"errors": [138024]}, "payment", "fine", "pass"),
    ],
)
async def test_fault_of_a_number_is_found_by_its_own_check_alone(
    look: Look, changed: dict[str, Any], check: str, state: str, part: str
) -> None:
    await look.change(**changed)
    findings = await look.findings()
    states = {name: each.state if each else "" for name, each in findings.items()}
    assert states == FINE | {check: state}
    finding = findings[check]  # type: ignore[index]
    assert finding and part in finding.detail


@pytest.mark.parametrize(
    ("changed", "state", "part"),
    [
        ({"days": -1}, "wrong", "expired on"),
        ({"days": 20}, "warning", "expires on"),
        ({"days": 40}, "fine", "valid until"),
        ({"scopes": ["whatsapp_business_management"]}, "wrong", "nothing can be sent"),
        ({"scopes": ["whatsapp_business_messaging"]}, "warning", "notices"),
    ],
)
async def test_fault_of_the_token_is_found(
    look: Look, changed: dict[str, Any], state: str, part: str
) -> None:
    await look.change("token", **changed)
    token = (await look.findings())["token"]
    assert token and token.state == state and part in token.detail
    assert (token.until is None) == ("days" not in changed)


async def test_revoked_token_is_wrong_and_hides_the_rest(look: Look) -> None:
    await look.change("token", revoked=True)
    states = await look.states()
    hidden = dict.fromkeys(CHECKS, "unknown")
    assert states == hidden | {"token": "wrong", "version": "fine", "certificate": "fine"}
    assert (await look.sandbox.send())[0] == 401


async def test_look_without_answers_finds_nothing_about_meta(look: Look) -> None:
    states = await look.states(graph_url="http://127.0.0.1:9/graph/v26.0")
    nothing = dict.fromkeys(CHECKS, "")
    assert states == nothing | {"version": "fine", "certificate": "fine"}


@pytest.mark.parametrize(
    ("head", "seconds", "state"),
    [(b"", 0.3, ""), (ENDLESS, LONG, "unknown")],
    ids=["silent", "endless"],
)
async def test_look_is_bounded_in_time_and_in_bytes(
    look: Look, head: bytes, seconds: float, state: str
) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer), suppress(OSError):
            writer.write(head)
            for _ in range(MOST_PIECES if head else 0):
                writer.write(b" " * 65_536)
                await writer.drain()
            await reader.read()

    async with (
        http_client(4, seconds, answer_bytes=64 * 1024) as client,
        await asyncio.start_server(answer, "127.0.0.1", 0) as server,
    ):
        look.outside = look.outside._replace(client=client)
        port = server.sockets[0].getsockname()[1]
        async with asyncio.timeout(2 * LONG):
            states = await look.states(graph_url=f"http://127.0.0.1:{port}/graph/v26.0")
    asked = dict.fromkeys(CHECKS, state)
    assert states == asked | {"version": "fine", "certificate": "fine"}


async def test_fields_are_unknown_without_the_secret_of_the_app(look: Look) -> None:
    for secrets in ((), ("one", "of", "more", "than", "four")):
        assert await look.states(app_secrets=secrets) == FINE | {"fields": "unknown"}


async def test_secret_that_was_changed_at_meta_is_wrong_if_no_other_app_gets_the_messages(
    look: Look,
) -> None:
    assert await look.states(app_secrets=("old", "older")) == FINE | {"fields": "wrong"}
    await look.change(subscribed=False)
    states = await look.states(app_secrets=("old",))
    assert states == FINE | {"subscription": "wrong", "fields": "unknown"}


async def test_door_is_the_address_that_meta_names_if_the_operator_gave_none(look: Look) -> None:
    look.outside = look.outside._replace(webhook_url="")
    assert (await look.states())["certificate"] == "unknown"  # the sandbox's has no TLS
    await look.change(callback="https://meta.example:8443/webhooks/whatsapp")
    assert (await look.states())["certificate"] == "fine"
    assert look.doors == [("meta.example", 8443)]


async def test_messages_that_meta_sends_to_another_host_are_as_good_as_none(look: Look) -> None:
    await look.change(callback="https://earlier-supplier.example/webhook")
    assert await look.states() == FINE | {"subscription": "wrong"}
    await look.change(callback="https://earlier-supplier.example/webhook", subscribed=False)
    subscription = (await look.findings())["subscription"]
    assert subscription and subscription.detail.startswith("No app receives")


@pytest.mark.parametrize("version", ["v23.0", "v26.0"])
async def test_limit_is_asked_by_the_name_that_the_version_knows(look: Look, version: str) -> None:
    states = await look.states(graph_url=f"{look.sandbox.url}/graph/{version}")
    assert states["limit"] == "fine"


async def test_bsp_offers_the_state_of_the_account_and_accepts_the_key(look: Look) -> None:
    move = {"provider": "360dialog", "key": "k"}
    await look.sandbox.ask("POST", f"/phone/numbers/{NUMBER}/_provider", json=move)
    bsp: dict[str, Any] = {
        "provider": "360dialog",
        "graph_url": f"{look.sandbox.url}/d360",
        "headers": {"D360-API-KEY": "k"},
    }
    rest = dict.fromkeys(CHECKS, "not_offered")
    offered = dict.fromkeys(("payment", "token", "certificate"), "fine")
    assert await look.states(**bsp) == rest | offered
    await look.change(errors=[141014])
    assert (await look.states(**bsp))["payment"] == "wrong"
    other: dict[str, Any] = bsp | {"headers": {"D360-API-KEY": "another"}}
    assert (await look.states(**other))["token"] == "wrong"


async def test_app_of_the_sandbox_receives_every_field_that_we_need(look: Look) -> None:
    _, body = await look.sandbox.ask(
        "GET", "/graph/v26.0/634000000000002/subscriptions",
        headers={"Authorization": "Bearer 634000000000002|sandbox-app-secret"},
    )  # fmt: skip
    assert FIELDS.keys() <= {each["name"] for each in body["data"][0]["fields"]}


async def test_live_check_of_the_command_line_makes_the_same_checks(look: Look) -> None:
    config = configuration(numbers=[{"id": NUMBER, "tenant": "almelo", "fallback": "balie"}])
    env = {
        "POSTKAMER_META_ACCESS_TOKEN": "sandbox-access-token",
        "POSTKAMER_META_GRAPH_URL": f"{look.sandbox.url}/graph/v26.0",
        "POSTKAMER_META_APP_SECRETS": "sandbox-app-secret",
    }
    await look.change(subscribed=False)
    found = await asyncio.to_thread(check_numbers, config, env)
    [fault], [warning] = found.faults, found.warnings
    assert fault.startswith(f"number {NUMBER}: subscription: No app receives")
    assert warning.startswith(f"number {NUMBER}: certificate: The address of the webhook has no")
    for incomplete in ({}, {**env, "POSTKAMER_META_ACCESS_TOKEN": ""}):
        assert check_numbers(config, incomplete) == ServerCheck()
    fine = dict.fromkeys(CHECKS, Finding("fine", "x")) | {"token": Finding("not_offered", "x")}
    assert describe_findings({NUMBER: fine}).checked == [f"number {NUMBER}"]
    assert describe_findings({NUMBER: {"token": None}}).warnings


async def test_state_that_meta_does_not_give_is_refused(look: Look) -> None:
    for path, status in ((f"numbers/{NUMBER}", 400), ("numbers/9", 404), ("token", 400)):
        answered, _ = await look.sandbox.ask("POST", f"/phone/{path}/_health", json={"odd": 1})
        assert answered == status
