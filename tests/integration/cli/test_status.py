"""`postkamer status` of services with an operations port."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from click.testing import Result

from services.config.rules_status import RefusedChange, RulesStatus
from services.http.application import operations_app
from services.http.server import serve
from tests.support.cli.command_line import postkamer

REFUSED = RefusedChange("/etc/rules/afval.toml", 3, "rule afval: words: is missing")


class Router:
    """A service with its operations port."""

    def __init__(self) -> None:
        self.obstacles: list[str] = []
        self.rules = RulesStatus("a1")

    async def ready(self) -> list[str]:
        return self.obstacles


@pytest.fixture
def router() -> Router:
    return Router()


@pytest.fixture
async def address(router: Router) -> AsyncIterator[str]:
    app = operations_app(router.ready, lambda: router.rules)
    async with serve(app, "127.0.0.1", 0) as port:
        yield f"http://127.0.0.1:{port}"


async def run(urls: str, *arguments: str) -> Result:
    env = {"POSTKAMER_OPS_URLS": urls}
    return await asyncio.to_thread(postkamer, "status", *arguments, env=env)


async def test_status_shows_services_that_are_ready(address: str) -> None:
    done = await run(f"router={address}/")
    assert (done.exit_code, done.stdout) == (0, "router  ready  rules a1\n")
    done = await run(f"router={address}", "--json")
    assert json.loads(done.stdout)["services"][0]["rules"] == {"version": "a1", "refused": None}


async def test_status_has_exit_code_1_and_the_reason_for_each_service(
    address: str, router: Router
) -> None:
    router.obstacles, router.rules = ["no consumer on q"], RulesStatus("a1", REFUSED)
    done = await run(f"router={address}, second=http://127.0.0.1:1, third={address}/elsewhere")
    assert done.exit_code == 1
    assert done.stdout.splitlines() == [
        "router  not ready  rules a1",
        "second  not live",
        "third   not live",
        "router is not ready: no consumer on q",
        "second is not live: http://127.0.0.1:1 does not answer: Connection refused",
        f"third is not live: {address}/elsewhere answers something else",
        f"A change of the rules is not in force: {REFUSED}",
    ]
