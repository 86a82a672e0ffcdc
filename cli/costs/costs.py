"""`postkamer costs`: the costs of a month's messages, per department, number and category."""

import csv
import io
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import click
import msgspec

from cli.costs.report import (
    GROUPINGS,
    Allowance,
    Budget,
    Costs,
    CostsFilter,
    MessageTotals,
    compute_costs,
)
from cli.support.configuration import path_in_environment
from cli.support.database import with_database
from cli.support.options import Month, json_option, renamed_option
from cli.support.output import CommandRefused, fail, format_table, print_result
from router.billing.costs import ChargeGroup
from router.budget_monitor import TooManyGroups, load_charges
from services import clock
from services.calendar.opening_hours import MONTHS
from services.config import loader
from services.config.model import Configuration
from services.config.pricing import FREE_SERVICE_FROM, month_of
from services.postgres.database import Pool

NOT_CONFIGURED = "staat niet in de configuratie"
CENT = Decimal("0.01")
HEADERS = {"tenant": "gemeente", "department": "afdeling", "number": "nummer"}
HEADERS |= {"category": "categorie"}
SUMS = ("bezorgd", "gratis", "betaald", "onbekend", "bedrag")


@click.command("costs")
@click.option("--month", type=Month(), help="Such as 2026-11; left out: this month.")
@click.option("--tenant", help="The municipality's id.")
@click.option("--department", help="Its id.")
@click.option("--number", help="Our number's id.")
@renamed_option(
    "--group-by",
    "by",
    former="--by",
    multiple=True,
    type=click.Choice(GROUPINGS),
    help="May be repeated; left out: by all.",
)
@click.option("--config", "path", type=Path, help="Instead of POSTKAMER_CONFIG; it has the rates.")
@json_option
@click.option("--csv", "as_csv", is_flag=True, help="The rows, for a spreadsheet.")
def command(
    month: date | None,
    by: tuple[str, ...],
    path: Path | None,
    as_json: bool,
    as_csv: bool,
    **ids: Any,
) -> None:
    """Show the costs of a month's messages.

    The counts are of delivered messages, as Meta charged them. The amounts follow from the
    [[rates]] in postkamer.toml. Needs POSTKAMER_DATABASE_URL, as its owner.
    """
    if as_json and as_csv:
        fail("--json or --csv, not both", 2)
    criteria = CostsFilter(month=month or month_of(clock.now()), by=by or GROUPINGS, **ids)
    file = path or path_in_environment()
    costs = with_database("costs", lambda pool: load_costs(pool, criteria, file))
    if as_csv:
        click.echo(_csv(costs), nl=False)
    else:
        print_result(costs, format_costs(costs), as_json=as_json)


async def load_costs(pool: Pool, criteria: CostsFilter, file: Path | None) -> Costs:
    """Return the costs of the month, without amounts if there is no configuration."""
    config = loader.load(file).config if file else None
    try:
        groups = await load_charges(pool, criteria.month, criteria.tenant)
    except TooManyGroups as error:
        raise CommandRefused(str(error)) from None
    if config and (unknown := "\n".join(unknown_ids(criteria, config, groups))):
        raise CommandRefused(unknown)
    return compute_costs(groups, criteria, config)


def unknown_ids(
    criteria: CostsFilter, config: Configuration, groups: Sequence[ChargeGroup]
) -> Iterator[str]:
    """Yield the ids that are neither in the configuration nor in the costs: a department or number
    that was removed from the configuration may have costs from before."""
    tenant = criteria.tenant
    if tenant and not config.tenant(tenant):
        yield f"{tenant}: deze gemeente {NOT_CONFIGURED}"
        return
    for id, noun, configured, charged in (
        (criteria.department, "deze afdeling", config.departments, {g.department for g in groups}),
        (criteria.number, "dit nummer", config.numbers, {g.number for g in groups}),
    ):
        ids = {each.id for each in configured if tenant in (None, each.tenant)}
        if id and id not in ids | charged:
            yield f"{id}: {noun} {f'van {tenant} ' if tenant else ''}{NOT_CONFIGURED}"


def format_costs(costs: Costs) -> Iterator[str]:
    """Yield the costs as lines for a terminal, in Dutch."""
    year, month = map(int, costs.month.split("-"))
    yield f"Kosten van {MONTHS[month - 1]} {year}: bezorgde berichten, zoals Meta ze rekende"
    yield ""
    yield from _format_rows(costs)
    yield ""
    yield _rates(costs)
    if costs.rate_from and (unrated := costs.total.unrated):
        yield f"let op: {unrated} betaalde berichten zijn van een categorie zonder tarief"
    if unknown := costs.total.unknown:
        yield f"let op: van {unknown} bezorgde berichten zei Meta niet hoe ze gerekend zijn"
    for budget in costs.budgets:
        yield _budget(budget, costs.currency)
    if not costs.allowances and (year, month) < FREE_SERVICE_FROM.timetuple()[:2]:
        yield "Voor oktober 2026 waren alle serviceberichten gratis."
    for allowance in costs.allowances:
        yield from _allowance(allowance)


def _format_rows(costs: Costs) -> Iterator[str]:
    several = len({row.tenant for row in costs.rows}) > 1
    keys = [key for key in HEADERS if any(getattr(row, key) for row in costs.rows)]
    keys = [key for key in keys if several or key != "tenant"]
    sums = SUMS if costs.total.unknown else tuple(each for each in SUMS if each != "onbekend")
    cells = [[*(HEADERS[key] for key in keys), *sums]]
    for row in costs.rows:
        names = (getattr(row, key) or "onbekend" for key in keys)
        cells.append([*names, *_cells(row, costs.currency, sums)])
    labels = ["totaal", *[""] * (len(keys) - 1)] if keys else []
    cells.append([*labels, *_cells(costs.total, costs.currency, sums)])
    return format_table(cells, len(keys))


def _cells(row: MessageTotals, currency: str | None, sums: Sequence[str]) -> list[str]:
    amount = "-" if row.amount is None else format_money(row.amount, currency)
    counts = map(_whole, (row.delivered, row.free, row.charged, row.unknown))
    by_name = dict(zip(SUMS, (*counts, amount), strict=True))
    return [by_name[each] for each in sums]


def format_money(amount: Decimal, currency: str | None) -> str:
    """Return an amount in Dutch notation, in cents. Only this function rounds amounts."""
    sign = "€" if currency == "EUR" else currency
    return f"{sign} {_dutch(f'{amount.quantize(CENT, ROUND_HALF_UP):,.2f}')}"


def _whole(count: int) -> str:
    return _dutch(f"{count:,}")


def _dutch(number: str) -> str:
    return number.translate(str.maketrans(",.", ".,"))


def _rates(costs: Costs) -> str:
    if costs.rate_from is None:
        return "Geen bedragen: er staat geen tarief voor deze maand in postkamer.toml ([[rates]])"
    each = (f"{name} {_dutch(str(amount))}" for name, amount in costs.rates.items())
    return f"Tarief vanaf {costs.rate_from} in {costs.currency}: {', '.join(each)}"


def _budget(budget: Budget, currency: str | None) -> str:
    share = _dutch(f"{100 * budget.used:,.1f}")
    of = f"{format_money(budget.spent, currency)} van {format_money(budget.budget, currency)}"
    return f"Budget van {budget.tenant}: {of} gebruikt ({share} %)"


def _allowance(allowance: Allowance) -> Iterator[str]:
    of = f"{_whole(allowance.used)} van {_whole(allowance.free)} gebruikt"
    if not allowance.agrees:
        charged = f"{_whole(allowance.charged)} serviceberichten gerekend"
        yield f"let op: nummer {allowance.number}: {charged} met {of}; dat klopt niet met elkaar"
    yield f"Gratis serviceberichten van nummer {allowance.number}: {of}"


def _csv(costs: Costs) -> str:
    """Return the rows as CSV, with exact amounts and a decimal point."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    sums = ("delivered", "free", "charged", "unknown", "amount")
    writer.writerow(["month", *HEADERS, *sums, "currency"])
    for row in costs.rows:
        values = msgspec.structs.asdict(row)
        cells = [values[name] for name in (*HEADERS, *sums)]
        currency = costs.currency if row.amount is not None else None
        writer.writerow([costs.month, *cells, currency])
    return text.getvalue()
