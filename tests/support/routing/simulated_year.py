"""A year of the example town, decided by the router: who writes what, and what employees do.

    python -m tests.support.routing.simulated_year FOLDER

writes the report of each month. What citizens write is drawn from the examples of citizens, which
say what a front-desk employee expects: so employees give on what the rules brought elsewhere. Until
November the town has no rules for parking and permits. Each conversation is played by itself, from
its first message to its end; what it counted is kept, and nothing else.
"""

import random
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from router.billing.charges import Charge
from router.figures.month import Beside
from router.model.work import RoutingContext
from router.month_report.contents import Report, build_report
from router.month_report.pdf import report_pdf
from router.month_report.spreadsheet import report_csv
from router.ruleset.context import build_context
from services.calendar.opening_hours import AMSTERDAM, add_open_time
from services.config.model import Configuration
from tests.support.router.commands import MACHINE
from tests.support.router.counted import Counts, month_costs
from tests.support.router.simulation import Stadhuis
from tests.support.router.webhooks import content_of, status
from tests.support.routing.town_hall import HASHES, NUMBER, example

TENANT = "voorbeeldstad"
CITIZENS = Path(__file__).parents[2] / "examples" / "citizens"
YEAR, SEED = 2026, 14
BY_WEEKDAY = (34, 30, 28, 31, 25, 6, 5)
"""Conversations that begin on a day, from Monday on."""
BY_HOUR = (1, 1, 0, 0, 0, 1, 2, 6, 14, 20, 22, 18, 14, 16, 18, 15, 12, 9, 8, 9, 8, 6, 4, 2)
"""Weight of each hour of the day, in which they begin."""
NEW_RULES = datetime(YEAR, 11, 10, 9, tzinfo=AMSTERDAM)
LATER = {"parkeren", "vergunningen"}
"""Departments whose rules came then."""
DANGER, LOOK_ALIKE = 0.015, 0.005
"""Share of first messages in which somebody is in danger, and of those that only sound so."""
FREE = {"billable": False, "type": "free_customer_service", "category": "service"}
PAID = {"billable": True, "type": "regular", "category": "service"}
OUTCOMES, SHARES = ("answered", "handled", "redirected", "forwarded", ""), (78, 9, 7, 4, 2)


class Town(NamedTuple):
    config: Configuration
    earlier: RoutingContext
    present: RoutingContext

    def context(self, at: datetime) -> RoutingContext:
        return self.earlier if at < NEW_RULES else self.present


class Year(NamedTuple):
    town: Town
    counts: Counts
    charges: list[Charge]

    def report(self, month: int) -> Report:
        """Return the report of a month."""
        first = date(YEAR, month, 1)
        counts = self.counts.month(first, is_first=month == 1)
        costs = month_costs(self.charges, self.town.config, TENANT, first)
        uses = {
            self.town.earlier.version: datetime(YEAR, 1, 1, tzinfo=AMSTERDAM),
            self.town.present.version: NEW_RULES,
        }
        tenant = self.town.config.tenant(TENANT)
        assert tenant
        return build_report(counts, self.town.config, tenant, Beside(costs, uses))


def build_town() -> Town:
    present = example()
    rules = tuple(rule for rule in present.config.rules if rule.department not in LATER)
    config = present.config.model_copy(update={"rules": rules})
    earlier = msgspec.structs.replace(present, config=config, version="5c20e7d1b9a4")
    return Town(present.config, build_context(earlier, HASHES), build_context(present, HASHES))


def simulate(town: Town, *, share: float = 1.0, months: Sequence[int] = range(1, 13)) -> Year:
    """Play these months, or a share of their conversations. The same arguments give the same."""
    chance, year = random.Random(SEED), Year(town, Counts(), [])
    messages, dangers, calm = _load_messages()
    for start in _starts(chance, share, months):
        kind = chance.random()
        rows = dangers if kind < DANGER else calm if kind < DANGER + LOOK_ALIKE else messages
        hall = _Conversation(town, start, chance)
        hall.play(chance.choice(rows))
        year.counts.add(hall.done)
        year.charges.extend(hall.router.charges.values())
    return year


def _load_messages() -> tuple[list[Mapping[str, Any]], ...]:
    """Return the examples: ordinary ones, those in danger, and those that only sound so."""
    ordinary, care = (
        tomllib.loads((CITIZENS / name).read_text())["messages"]
        for name in ("messages.toml", "care.toml")
    )
    worded = [row for row in ordinary if row["type"] == "text" and row.get("department")]
    return worded, [row for row in care if row["class"]], [row for row in care if not row["class"]]


def _starts(chance: random.Random, share: float, months: Sequence[int]) -> Iterator[datetime]:
    for month in months:
        day = date(YEAR, month, 1)
        while day.month == month:
            for _ in range(round(BY_WEEKDAY[day.weekday()] * share * chance.uniform(0.8, 1.2))):
                [hour] = chance.choices(range(24), BY_HOUR)
                clock = time(hour, chance.randrange(60), chance.randrange(60), tzinfo=AMSTERDAM)
                yield datetime.combine(day, clock)
            day += timedelta(days=1)


class _Conversation(Stadhuis):
    """One conversation. `chance` decides what people do, and how long they take."""

    def __init__(self, town: Town, start: datetime, chance: random.Random) -> None:
        super().__init__(start, context=town.context(start), number=NUMBER)
        self._chance = chance

    def play(self, row: Mapping[str, Any]) -> None:
        chance, person = self._chance, self._chance.randrange(10**8)
        who = {"bsuid": f"NL.{person}", "phone": f"316{person:08}"}
        self.hears(content=content_of("text", row["text"]), who=who)
        self._wait()
        if expected := self._expected(row):
            if chance.random() < 0.2:  # "ik geef u door"
                self._answer()
                self.after(minutes=2)
            self.orders("transfer", to_department=expected)
            self._wait()
        if chance.random() < 0.02:
            self.orders("text", author=MACHINE)
            self.after(days=40)  # nobody looks
            return
        if chance.random() < 0.94:
            self._answer()
        if chance.random() < 0.35:
            self.after(minutes=chance.randrange(1, 90)).hears("En hoe lang duurt dat dan?", who=who)
            self._wait()
            self._answer()
        self.after(minutes=chance.randrange(2, 600))
        [outcome] = chance.choices(OUTCOMES, SHARES)
        self.orders("close", outcome=outcome)

    def _expected(self, row: Mapping[str, Any]) -> str:
        """Return the department to which an employee gives it on; '' if it stays."""
        here = self.conversation.department
        expected: str = row.get("department") or here
        return expected if expected != here else ""

    def _wait(self) -> None:
        """Let the department take its time, when it is open."""
        minutes = min(self._chance.lognormvariate(3.3, 1.1), 900)
        hours = self.router.ground.hours[TENANT, self.conversation.department]
        at = add_open_time(hours, self.now, timedelta(minutes=minutes))
        self.reaches(at or self.now + timedelta(days=1))

    def _answer(self) -> None:
        sent = self.orders("text")
        price = PAID if self._chance.random() < 0.1 else FREE
        if sent.message and self._chance.random() < 0.98:
            given = status(f"wamid.{sent.message}", "delivered", opaque=f"{sent.message}.1")
            at = {"timestamp": str(int(self.now.timestamp())), "pricing": price}
            self.brings("messages", {"statuses": [given | at]})


def main(folder: str) -> None:
    year = simulate(build_town())
    for month in range(1, 13):
        report = year.report(month)
        path = Path(folder) / f"whatsapp-{report.month}.pdf"
        path.write_bytes(report_pdf(report))
        path.with_suffix(".csv").write_bytes(report_csv(report))
        print(path, [(each.name, each.value) for each in report.key_figures])


if __name__ == "__main__":
    main(sys.argv[1])
