"""A month of invented statuses through a router on real servers, and what `postkamer costs` says of
it: the same as a sum made by hand."""

import asyncio
import csv
import io
import json
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from cli.main import main
from deploy.local.rabbitmq import Broker
from router.budget_monitor import BudgetMonitor
from router.model.hashes import Hashes
from router.model.work import RoutingContext
from router.ruleset.context import build_context
from services import clock, metrics
from services.config import loader, model
from services.contract import Entry
from services.postgres.database import Pool
from tests.support.integration.billing_month import (
    BEGIN,
    EDGES,
    END,
    FREE,
    MILLIONTHS,
    MONTH,
    NUMBERS,
    TOWN,
    Sums,
    by_hand,
    invented,
    receipts,
)
from tests.support.integration.running_partition import Standing
from tests.support.integration.stops import start, stop
from tests.support.observer import until


def sums_of_rows(rows: list[dict[str, Any]], *keys: str) -> Sums:
    """The same of what the command says."""
    return {tuple(str(row[key]) for key in ("tenant", *keys)): in_all(row) for row in rows}


def in_all(row: dict[str, Any]) -> list[int]:
    counts = [int(row[name]) for name in ("delivered", "free", "charged", "unknown")]
    euros, _, rest = (row["amount"] or "0").partition(".")
    return [*counts, int(euros) * 1_000_000 + int(f"{rest:0<6}"[:6])]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "postkamer.toml"
    path.write_text(TOWN)
    return path


@pytest.fixture
def ground(file: Path) -> RoutingContext:
    return build_context(loader.load(file), Hashes(b"k" * 32))


async def run(url: str, file: Path | None, *arguments: str) -> tuple[int, str, str]:
    """`postkamer costs`, in a thread beside the router."""
    env = {"POSTKAMER_DATABASE_URL": url, "POSTKAMER_CONFIG": str(file) if file else None}
    done = await asyncio.to_thread(CliRunner().invoke, main, ["costs", *arguments], env=env)
    return done.exit_code, done.stdout, done.stderr


async def postkamer(url: str, file: Path | None, *arguments: str) -> str:
    code, said, wrong = await run(url, file, *arguments)
    assert (code, wrong) == (0, "")
    return said


class Month:
    """Messages and statuses of a month in a router, and the command that reports their costs."""

    def __init__(self, standing: Standing, pool: Pool, url: str, file: Path) -> None:
        self.standing, self.pool, self.url, self.file = standing, pool, url, file
        self.chance = Random(11)
        self.made = invented(self.chance)

    async def comes(self, entries: list[Entry], at_once: int = 1) -> None:
        """One by one they are decided in many batches, which know of each other by the tables."""
        for n in range(0, len(entries), at_once):
            await self.standing.put(*entries[n : n + at_once])

    async def decided(self, count: int) -> None:
        """So many different things, all told."""
        await until(
            lambda: self.pool.fetchval("select count(*) from router.inbox"),
            lambda n: n == count,
            120,
        )

    async def costs(self, *arguments: str) -> str:
        return await postkamer(self.url, self.file, "--month", MONTH, *arguments)

    async def told(self, *arguments: str) -> Any:
        return json.loads(await self.costs(*arguments, "--json"))


@pytest.fixture
async def month(
    broker: Broker, pool: Pool, empty: str, file: Path, ground: RoutingContext
) -> AsyncIterator[Month]:
    async with Standing(broker, pool, ground) as standing:
        yield Month(standing, pool, empty, file)


def metric_sum(name: str) -> float:
    """Sum of a metric over all categories."""
    found = [s for m in metrics.REGISTRY.collect() for s in m.samples if s.name == name]
    return sum(sample.value for sample in found)


async def test_a_month_costs_what_a_sum_by_hand_says(month: Month, ground: RoutingContext) -> None:
    before = (
        metric_sum("postkamer_messages_charged_total"),
        metric_sum("postkamer_message_cost_total"),
    )
    made, statuses = month.made, receipts(month.made, month.chance)
    known = len(made) + len({(s["id"], s["status"]) for one in made for s in one.statuses()})
    await month.comes([one.order for one in made], at_once=100)
    await month.decided(len(made))
    await month.comes(statuses)
    await month.decided(known)

    everything = ("department", "number", "category")
    told = await month.told()
    sums = by_hand(made, *everything)
    assert sums_of_rows(told["rows"], *everything) == sums
    assert in_all(told["total"]) == [sum(each) for each in zip(*sums.values(), strict=True)]
    assert sums[("almelo", "kcc", "10000001", "service")][2] > 20  # past what is free
    await _is_told_in_parts(month)
    await _has_the_free_ones_and_the_budget(month, told, ground)

    # Meta says all of it again, under other bodies: nothing is charged or counted a second time.
    again = [msgspec.structs.replace(each, id=clock.new_id()) for each in statuses]
    last = month.made[0].order
    await month.comes([*again, msgspec.structs.replace(last, id=clock.new_id())])
    await month.decided(known + 1)
    assert await month.told() == told
    charged = [one for one in made if one.arrived and one.told[1] == "regular"]
    more = metric_sum("postkamer_messages_charged_total") - before[0]
    assert more == len(charged) > 200
    cost = metric_sum("postkamer_message_cost_total") - before[1]
    assert cost == pytest.approx(sum(MILLIONTHS[one.category] for one in charged) / 1_000_000)


async def _is_told_in_parts(month: Month) -> None:
    for by in ("department", "number", "category"):
        told = await month.told("--group-by", by)
        assert sums_of_rows(told["rows"], by) == by_hand(month.made, by)
    told = await month.told("--tenant", "almelo", "--department", "groen", "--group-by", "category")
    only = {"tenant": "almelo", "department": "groen"}
    assert sums_of_rows(told["rows"], "category") == by_hand(month.made, "category", **only)
    assert [each["number"] for each in told["allowances"]] == ["10000001", "10000002"]
    told = await month.told("--number", "20000001")
    assert {row["number"] for row in told["rows"]} == {"20000001"}
    done = await month.costs("--csv")
    rows = list(csv.DictReader(io.StringIO(done)))
    keys = ("department", "number", "category")
    assert sums_of_rows(rows, *keys) == by_hand(month.made, *keys)


async def _has_the_free_ones_and_the_budget(
    month: Month, told: Any, ground: RoutingContext
) -> None:
    """The report shows Meta's word on all departments of a number, and the router's own count where
    Meta contradicts itself."""
    november = [one for one in month.made if one.arrived and BEGIN <= one.at < END]
    free = Counter(one.order.number for one in november if one.told == FREE)
    cost = Counter(one.order.number for one in november if one.told == ("service", "regular"))
    found = {each["number"]: each for each in told["allowances"]}
    for number in NUMBERS:
        assert (found[number]["used"], found[number]["charged"]) == (free[number], cost[number])
    assert cost["20000001"] == 1
    assert not found["20000001"]["agrees"]
    assert found["10000002"]["agrees"]
    table = await month.costs()
    assert "let op: nummer 20000001: 1 servicebericht gerekend met" in table
    assert table.splitlines()[-1].startswith("Gratis serviceberichten van nummer 20000001: ")

    spent = sum(sum[4] for key, sum in by_hand(month.made).items() if key == ("almelo",))
    [budget] = told["budgets"]
    assert (budget["tenant"], in_all(told["total"] | {"amount": budget["spent"]})[4]) == (
        "almelo",
        spent,
    )
    assert budget["used"] == pytest.approx(spent / 250_000_000)


INSERT = """
insert into router.charge
values ($1, 'almelo', '10000001', 'kcc', 'service', $3, 'PMP', null, 'delivered', $2)
"""


async def test_other_months_and_a_town_without_rates_are_told_without_amounts(
    pool: Pool, empty: str, file: Path
) -> None:
    rows = [(clock.new_id(), EDGES[n], "regular") for n in range(4)]
    await pool.executemany(INSERT, rows)
    counts = {}
    for name in ("2026-10", MONTH, "2026-12", "2027-01"):
        told = json.loads(await postkamer(empty, file, "--month", name, "--json"))
        counts[name] = told["total"]["delivered"], told["total"]["amount"]
    assert counts == {
        "2026-10": (1, "0.0456"),
        MONTH: (2, "0.0912"),
        "2026-12": (1, "0.0456"),
        "2027-01": (0, None),
    }
    bare = json.loads(await postkamer(empty, None, "--month", MONTH, "--json"))
    assert (bare["total"]["charged"], bare["total"]["amount"], bare["currency"]) == (2, None, None)


async def test_the_share_of_a_budget_is_that_of_the_month_and_goes_with_the_budget(
    pool: Pool, ground: RoutingContext
) -> None:
    def share() -> float | None:
        labels = {"tenant": "almelo"}
        return metrics.REGISTRY.get_sample_value("postkamer_budget_used_ratio", labels)

    text = TOWN.replace('"250.00"', '"2.00"').partition("[[rates]]")[0]
    text += '[[rates]]\nfrom = 2020-01-01\namounts = {service = "0.5"}\n'
    current = text

    async def given() -> RoutingContext:
        return msgspec.structs.replace(ground, config=model.parse(current, "postkamer.toml"))

    now, then = clock.now(), clock.now() - timedelta(days=40)
    whens = [(now, "regular")] * 3 + [(now, "free_customer_service"), (then, "regular")]
    rows = [(clock.new_id(), *each) for each in [*whens, (None, "regular")]]
    await pool.executemany(INSERT, rows)
    budgets = BudgetMonitor(pool, given)
    await budgets.refresh()
    assert share() == pytest.approx(0.75)
    await stop(pool, "10000001")
    await budgets.refresh()
    assert share() is None, "a stopped municipality rests"
    await start(pool)
    await budgets.refresh()
    assert share() == pytest.approx(0.75)
    current = text.replace('budget = "2.00"', "")
    await budgets.refresh()
    assert share() is None


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["--tenant", "nope"], ["nope: deze gemeente staat niet in de configuratie"]),
        (["--department", "nope"], ["nope: deze afdeling staat niet in de configuratie"]),
        (
            ["--department", "nope", "--number", "99999"],
            [
                "nope: deze afdeling staat niet in de configuratie",
                "99999: dit nummer staat niet in de configuratie",
            ],
        ),
        (
            ["--tenant", "almelo", "--number", "20000001"],
            ["20000001: dit nummer van almelo staat niet in de configuratie"],
        ),
    ],
)
@pytest.mark.usefixtures("pool")
async def test_costs_command_refuses_a_name_outside_the_configuration(
    empty: str, file: Path, asked: list[str], said: list[str]
) -> None:
    words = "".join(f"{each}\n" for each in said)
    assert await run(empty, file, *asked) == (1, "", words)


@pytest.fixture
def renamed(tmp_path: Path) -> Path:
    path = tmp_path / "renamed.toml"
    path.write_text(TOWN.replace('"kcc"', '"balie"'))
    return path


async def test_a_department_that_is_gone_is_told_what_it_cost(
    pool: Pool, empty: str, renamed: Path
) -> None:
    await pool.execute(INSERT, clock.new_id(), EDGES[1], "regular")
    asked = ("--month", MONTH, "--department", "kcc", "--json")
    assert json.loads(await postkamer(empty, renamed, *asked))["total"]["delivered"] == 1


@pytest.fixture
def slip(tmp_path: Path) -> Path:
    path = tmp_path / "slip.toml"
    path.write_text(TOWN.replace('"0.0456"', "0.0456"))
    return path


async def test_costs_command_says_a_fault_in_a_line_with_exit_code_1(
    empty: str, slip: Path
) -> None:
    away = await run("postgresql://127.0.0.1:1/nobody", None)
    assert away[:2] == (1, "")
    assert away[2].startswith("costs: ")
    bare = await run(empty, None)
    assert bare == (1, "", 'costs: relation "router.charge" does not exist\n')
    code, said, wrong = await run(empty, slip)
    assert (code, said, wrong.count("\n")) == (1, "", 1)
    assert "rates.0.amounts.service: An amount is written as text" in wrong
