"""`postkamer costs`: what the messages of a month cost, per department, number and category."""

import csv
import io
import os
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import click
import msgspec

from cli.costs.report import BY, Allowance, Budget, Costs, Row, Sum, Wanted, costs
from cli.support.database import Refused, fail, print_result, with_database
from cli.support.time_options import Month
from router.billing.costs import ChargeGroup
from router.budget_monitor import TooManyGroups, load_charges
from services import clock
from services.calendar.opening_hours import MONTHS
from services.config import loader
from services.config.model import Configuration
from services.config.pricing import FREE_SERVICE_FROM, month_of
from services.postgres.database import Pool

NOWHERE = "staat niet in de configuratie"
CENT = Decimal("0.01")
HEADS = {"tenant": "gemeente", "department": "afdeling", "number": "nummer"}
HEADS |= {"category": "categorie"}
SUMS = ("bezorgd", "gratis", "betaald", "onbekend", "bedrag")


@click.command("costs")
@click.option("--month", type=Month(), help="Such as 2026-11; this month otherwise.")
@click.option("--tenant", help="The municipality's id.")
@click.option("--department", help="Its id.")
@click.option("--number", help="Our number's id.")
@click.option("--by", multiple=True, type=click.Choice(BY), help="Told apart by; all otherwise.")
@click.option("--config", "path", type=Path, help="Instead of POSTKAMER_CONFIG: has the rates.")
@click.option("--json", "as_json", is_flag=True)
@click.option("--csv", "as_csv", is_flag=True, help="The rows, for a spreadsheet.")
def command(
    month: date | None,
    by: tuple[str, ...],
    path: Path | None,
    as_json: bool,
    as_csv: bool,
    **which: Any,
) -> None:
    """Say what a month's messages cost (POSTKAMER_DATABASE_URL, as its owner).

    Counted is what was delivered, as Meta charged it; amounts are of the [[rates]] in
    postkamer.toml.
    """
    if as_json and as_csv:
        fail("--json or --csv, not both", 2)
    wanted = Wanted(month=month or month_of(clock.now()), by=by or BY, **which)
    file = path or (Path(given) if (given := os.environ.get("POSTKAMER_CONFIG")) else None)
    found = with_database("costs", lambda pool: looked_up(pool, wanted, file))
    if as_csv:
        click.echo(_csv(found), nl=False)
    else:
        print_result(found, lines(found), as_json=as_json)


async def looked_up(pool: Pool, wanted: Wanted, file: Path | None) -> Costs:
    """What the month cost; by no amounts where no configuration is given."""
    config = loader.load(file).config if file else None
    try:
        groups = await load_charges(pool, wanted.month, wanted.tenant)
    except TooManyGroups as error:
        raise Refused(str(error)) from None
    if config and (unknown := "\n".join(strange(wanted, config, groups))):
        raise Refused(unknown)
    return costs(groups, wanted, config)


def strange(wanted: Wanted, config: Configuration, groups: Sequence[ChargeGroup]) -> Iterator[str]:
    """What was asked for and is nowhere; a department or a number that is gone from the
    configuration may have cost something before."""
    within = wanted.tenant
    if within and not config.tenant(within):
        yield f"{within}: deze gemeente {NOWHERE}"
        return
    for given, what, ours, before in (
        (wanted.department, "deze afdeling", config.departments, {g.department for g in groups}),
        (wanted.number, "dit nummer", config.numbers, {g.number for g in groups}),
    ):
        here = {each.id for each in ours if within in (None, each.tenant)}
        if given and given not in here | before:
            yield f"{given}: {what} {f'van {within} ' if within else ''}{NOWHERE}"


def lines(found: Costs) -> Iterator[str]:
    """For whoever reads it in a terminal."""
    year, month = map(int, found.month.split("-"))
    yield f"Kosten van {MONTHS[month - 1]} {year}: bezorgde berichten, zoals Meta ze rekende"
    yield ""
    yield from _table(found)
    yield ""
    yield _rates(found)
    if found.rate_from and (unrated := found.total.unrated):
        yield f"let op: {unrated} betaalde berichten zijn van een categorie zonder tarief"
    if unknown := found.total.unknown:
        yield f"let op: van {unknown} bezorgde berichten zei Meta niet hoe ze gerekend zijn"
    for budget in found.budgets:
        yield _budget(budget, found.currency)
    if not found.allowances and (year, month) < FREE_SERVICE_FROM.timetuple()[:2]:
        yield "Voor oktober 2026 waren alle serviceberichten gratis."
    for allowance in found.allowances:
        yield from _allowance(allowance)


def _table(found: Costs) -> Iterator[str]:
    several = len({row.tenant for row in found.rows}) > 1
    keys = [
        key
        for key in HEADS
        if (several if key == "tenant" else any(getattr(row, key) for row in found.rows))
    ]
    sums = SUMS if found.total.unknown else tuple(each for each in SUMS if each != "onbekend")
    cells = [[*(HEADS[key] for key in keys), *sums]]
    cells += [[*_names(row, keys), *_cells(row, found.currency, sums)] for row in found.rows]
    named = ["totaal", *[""] * (len(keys) - 1)] if keys else []
    cells.append([*named, *_cells(found.total, found.currency, sums)])
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        padded = [
            cell.ljust(width) if n < len(keys) else cell.rjust(width)
            for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(padded).rstrip()


def _names(row: Row, keys: Sequence[str]) -> list[str]:
    return [getattr(row, key) or "onbekend" for key in keys]


def _cells(row: Sum, currency: str | None, sums: Sequence[str]) -> list[str]:
    amount = "-" if row.amount is None else money(row.amount, currency)
    told = (_whole(row.delivered), _whole(row.free), _whole(row.charged), _whole(row.unknown))
    shown = dict(zip(SUMS, (*told, amount), strict=True))
    return [shown[each] for each in sums]


def money(amount: Decimal, currency: str | None) -> str:
    """As the Dutch write it, in cents: rounded here, and nowhere before."""
    sign = "€" if currency == "EUR" else currency
    return f"{sign} {_dutch(f'{amount.quantize(CENT, ROUND_HALF_UP):,.2f}')}"


def _whole(count: int) -> str:
    return _dutch(f"{count:,}")


def _dutch(number: str) -> str:
    return number.translate(str.maketrans(",.", ".,"))


def _rates(found: Costs) -> str:
    if found.rate_from is None:
        return "Geen bedragen: er staat geen tarief voor deze maand in postkamer.toml ([[rates]])"
    each = (f"{name} {_dutch(str(amount))}" for name, amount in found.rates.items())
    return f"Tarief vanaf {found.rate_from} in {found.currency}: {', '.join(each)}"


def _budget(budget: Budget, currency: str | None) -> str:
    share = _dutch(f"{100 * budget.used:,.1f}")
    of = f"{money(budget.spent, currency)} van {money(budget.budget, currency)}"
    return f"Budget van {budget.tenant}: {of} gebruikt ({share} %)"


def _allowance(allowance: Allowance) -> Iterator[str]:
    of = f"{_whole(allowance.used)} van {_whole(allowance.free)} gebruikt"
    if not allowance.agrees:
        charged = f"{_whole(allowance.charged)} serviceberichten gerekend"
        yield f"let op: nummer {allowance.number}: {charged} met {of}; dat klopt niet met elkaar"
    yield f"Gratis serviceberichten van nummer {allowance.number}: {of}"


def _csv(found: Costs) -> str:
    """Exact amounts, with a point."""
    written = io.StringIO()
    out = csv.writer(written, lineterminator="\n")
    sums = ("delivered", "free", "charged", "unknown", "amount")
    out.writerow(["month", *HEADS, *sums, "currency"])
    for row in found.rows:
        values = msgspec.structs.asdict(row)
        told = [values[name] for name in (*HEADS, *sums)]
        out.writerow([found.month, *told, found.currency if row.amount is not None else None])
    return written.getvalue()
