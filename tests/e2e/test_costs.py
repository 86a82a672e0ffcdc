"""The command and the metrics show the costs of the messages that a desk sends to the stand-in."""

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from services import clock
from services.config.pricing import month_of
from tests.support.citizens import NUMBER
from tests.support.cli.command_line import postkamer
from tests.support.e2e.crm_desk import Desk
from tests.support.installation import Installation
from tests.support.observer import Watch, until

RATES = '\n[[rates]]\nfrom = 2026-10-01\namounts = {service = "1", utility = "0.0456"}\n'
CONSENT = {"purpose": "afspraken", "givenAt": "2026-11-01T09:00:00Z", "source": "balie"}
TEMPLATE = {
    "type": "template",
    "template": {"name": "afspraak", "language": "nl"},
    "consent": CONSENT,
}
WRITES = {"type": "text", "text": {"body": "Goedemiddag"}}
NOBODY = "+31601131026"
"""Meta takes it, and says later that it failed."""


@pytest.fixture
def priced(town: Installation, tmp_path: Path) -> Path:
    """The town's own configuration, with what messages cost."""
    path = tmp_path / "postkamer.toml"
    path.write_text(town.config.read_text() + RATES)
    return path


async def test_costs_of_the_month_have_the_messages_of_a_desk(
    town: Installation, watch: Watch, session: aiohttp.ClientSession, priced: Path
) -> None:
    desk = Desk(watch)

    async def sent(to: str, ends: str, **what: Any) -> None:
        code, order = await desk.post("/v1/messages", {"number": NUMBER, "to": to} | what)
        assert code == 202, order
        await until(lambda: desk.status(order["id"]), lambda found: found["status"] == ends, 15)

    month = f"{month_of(clock.now()):%Y-%m}"
    await asyncio.gather(
        sent("+31600000021", "delivered", **WRITES),
        sent("+31600000022", "delivered", **WRITES),
        sent("+31600000023", "delivered", **TEMPLATE),
        sent(NOBODY, "failed", **TEMPLATE),
    )
    env = {"POSTKAMER_DATABASE_URL": town.database.url}
    arguments = ("--month", month, "--group-by", "category", "--config", priced, "--json")
    done = await asyncio.to_thread(postkamer, "costs", *arguments, env=env)
    found = json.loads(done.stdout)
    rows = {row["category"]: (row["free"], row["charged"], row["amount"]) for row in found["rows"]}
    assert rows == {"service": (2, 0, "0"), "utility": (0, 1, "0.0456")}
    [allowance] = found["allowances"]
    assert (allowance["used"], allowance["agrees"]) == (2, True)
    async with session.get(f"{town.operations('router')}/metrics") as answer:
        metrics = await answer.text()
    assert 'postkamer_messages_charged_total{category="utility"} 1.0' in metrics
    assert f'postkamer_number_silent{{number="{NUMBER}"}} 0.0' in metrics
