"""`postkamer silence`: numbers from which no citizen is heard, and a simulated year of the rule."""

from collections.abc import Iterator, Sequence
from datetime import datetime

import click
import msgspec

from cli.silence.simulation import SimulatedYear, simulate_year
from cli.support.configuration import require_known
from cli.support.database import with_database
from cli.support.options import json_option
from cli.support.output import format_table, print_result
from router.silence.detection import TOO_FEW, UNHEARD
from services.calendar.opening_hours import AMSTERDAM, compile_hours, fault
from services.calendar.spoken_dates import month_names
from services.postgres.database import Pool

HOURS = "Mo-Fr 09:00-17:00; PH off"
"""Opening hours of the simulated town, unless others are given."""
PER_DAY, SEEDS = (10.0, 20.0, 30.0, 50.0), (1, 2, 3)
LEAST_PER_DAY, MOST_PER_DAY = 0.1, 5_000
"""Two or three messages a month; and so many that a simulated year takes a minute."""


class ListedNumber(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A number at the last look of a router."""

    number: str
    heard_at: datetime | None
    counts_from: datetime | None
    silent_since: datetime | None
    silent_seconds: float
    usual_gap_seconds: float | None
    alarm_at: datetime | None
    looked_at: datetime


_LIST = """
select number, heard_at, counts_from, silent_since, silent_seconds, usual_gap_seconds, alarm_at,
    looked_at
from router.silence where $1::text is null or number = $1 order by number
"""


@click.group("silence")
def group() -> None:
    """Numbers from which no citizen is heard."""


@group.command("show")
@click.option("--number", help="Its id.")
@json_option
def show_command(number: str | None, as_json: bool) -> None:
    """Show how long each number has been silent.

    It also shows when that is an alarm, if no message comes. Needs POSTKAMER_DATABASE_URL, as its
    owner. The exit code is 1 if a number is silent.
    """

    async def work(pool: Pool) -> list[ListedNumber]:
        return [ListedNumber(**row) for row in await pool.fetch(_LIST, number)]

    numbers = with_database("silence", work)
    if not numbers:
        require_known(number=number)
    empty = "no router has looked at a number yet"
    print_result(numbers, format_numbers(numbers), as_json=as_json, empty=empty)
    if any(each.silent_since for each in numbers):
        raise SystemExit(1)


def format_numbers(numbers: Sequence[ListedNumber]) -> Iterator[str]:
    """Yield a line for each number."""
    rows = [[each.number, _state(each), _format_gap(each.usual_gap_seconds)] for each in numbers]
    return format_table(rows) if rows else iter(())


def _state(number: ListedNumber) -> str:
    if number.counts_from is None or number.heard_at is None:
        return UNHEARD
    if number.silent_since:
        open_time = _format_seconds(number.silent_seconds)
        return f"SILENT since {_format_time(number.silent_since)}: {open_time} of opening hours"
    heard = f"heard {_format_time(number.heard_at)}"
    if number.usual_gap_seconds is None:
        return f"{heard}, {TOO_FEW}"
    if number.looked_at < number.counts_from:
        return f"{heard}, counts from {_format_time(number.counts_from)}"
    return f"{heard}, alarm at {_format_time(number.alarm_at)}" if number.alarm_at else heard


def _format_gap(seconds: float | None) -> str:
    return "" if seconds is None else f"usual gap {_format_seconds(seconds)}"


def _format_time(at: datetime) -> str:
    return f"{at.astimezone(AMSTERDAM):%Y-%m-%d %H:%M}"


def _format_seconds(seconds: float) -> str:
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02} min"


@group.command("simulate")
@click.option(
    "--per-day", type=click.FloatRange(LEAST_PER_DAY, MOST_PER_DAY), multiple=True, default=PER_DAY,
    help="Messages on an ordinary working day; may be repeated. Default: 10, 20, 30 and 50.",
)  # fmt: skip
@click.option(
    "--seed", type=int, multiple=True, default=SEEDS,
    help="Seed of the random numbers; may be repeated. Default: 1, 2 and 3.",
)  # fmt: skip
@click.option(
    "--hours", default=HOURS, show_default=True,
    help="Opening hours, written as in the configuration; '24/7' is always open.",
)  # fmt: skip
@json_option
def simulate_command(
    per_day: Sequence[float], seed: Sequence[int], hours: str, as_json: bool
) -> None:
    """Simulate a year of a town's messages under the rule of silence.

    It counts false alarms, and lets the number go dead at 24 moments. The exit code is 1 if a month
    has more than one false alarm, or if a silence is found too late.
    """
    if sentence := fault(hours):
        raise click.BadParameter(sentence, param_hint="--hours")
    opened = compile_hours(hours, ())
    years = [simulate_year(load, each, opened) for load in per_day for each in seed]
    print_result(years, format_years(years), as_json=as_json)
    if not all(year.is_on_target for year in years):
        raise SystemExit(1)


def format_years(years: Sequence[SimulatedYear]) -> Iterator[str]:
    """Yield a table of false alarms by month, of the open hours after which a silence is found, and
    of the conversations that the town misses in the longest."""
    months = [name[:3] for name in month_names("en")]
    heading = ["a day", "seed", *months, "found: median", "longest", "missed", "", ""]
    yield "False alarms in each month, and open hours until a real silence is found"
    yield from format_table([heading, *map(_row, years)], 0)


def _row(year: SimulatedYear) -> list[str]:
    alarms = [str(count or "-") for count in year.false_alarms]
    hours = [f"{each:.1f} h" for each in (year.median_hours, year.longest_hours)]
    missed = f"{year.most_missed:.0f}"
    unjudged = f"{year.unjudged} not judged" if year.unjudged else ""
    verdict = "ok" if year.is_on_target else "MISSED"
    return [f"{year.per_day:g}", str(year.seed), *alarms, *hours, missed, unjudged, verdict]
