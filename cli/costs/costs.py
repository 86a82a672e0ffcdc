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

from cli.support.configuration import path_in_environment
from cli.support.database import with_database
from cli.support.language import lang_option
from cli.support.options import Month, json_option, renamed_option
from cli.support.output import CommandRefused, count, fail, format_table, print_result
from router.billing.costs import ChargeGroup
from router.billing.month_costs import (
    GROUPINGS,
    Allowance,
    Budget,
    Costs,
    CostsFilter,
    MessageTotals,
    compute_costs,
)
from router.budget_monitor import TooManyGroups, load_charges
from services import clock
from services.calendar.spoken_dates import month_names
from services.config import loader
from services.config.model import Configuration
from services.config.pricing import FREE_SERVICE_FROM, month_of
from services.postgres.database import Pool

CENT = Decimal("0.01")
KEYS = ("tenant", "department", "number", "category")
SUMS = ("delivered", "free", "charged", "unknown", "amount")
WORDS = {
    "nl": {
        "title": "Kosten van {} {}: bezorgde berichten, zoals Meta ze rekende",
        "tenant": "gemeente", "department": "afdeling", "number": "nummer",
        "category": "categorie", "delivered": "bezorgd", "free": "gratis", "charged": "betaald",
        "unknown": "onbekend", "amount": "bedrag", "total": "totaal",
        "none": "In deze maand is geen bericht bezorgd.",
        "unrated": "let op: {} van een categorie zonder tarief",
        "unrated messages": "betaald bericht is|betaalde berichten zijn",
        "uncharged": "let op: van {}",
        "uncharged messages": "bezorgd bericht zei Meta niet hoe het gerekend is"
        "|bezorgde berichten zei Meta niet hoe ze gerekend zijn",
        "free before": "Voor oktober 2026 waren alle serviceberichten gratis.",
        "no rate": "Geen bedragen: er staat geen tarief voor deze maand in postkamer.toml"
        " ([[rates]])",
        "rate": "Tarief vanaf {} in {}: {}",
        "budget": "Budget van {}: {} van {} gebruikt ({} %)",
        "allowance": "Gratis serviceberichten van nummer {}: {}",
        "used": "{} van {} gebruikt",
        "disagrees": "let op: nummer {}: {} gerekend met {}; dat klopt niet met elkaar",
        "services": "servicebericht|serviceberichten",
        "no tenant": "{}: deze gemeente staat niet in de configuratie",
        "no department": "{}: deze afdeling {}staat niet in de configuratie",
        "no number": "{}: dit nummer {}staat niet in de configuratie",
        "of": "van {} ",
    },
    "en": {
        "title": "Costs of {} {}: delivered messages, as Meta charged them",
        "tenant": "municipality", "department": "department", "number": "number",
        "category": "category", "delivered": "delivered", "free": "free", "charged": "charged",
        "unknown": "unknown", "amount": "amount", "total": "total",
        "none": "No message was delivered in this month.",
        "unrated": "note: {} of a category without a rate",
        "unrated messages": "charged message is|charged messages are",
        "uncharged": "note: Meta did not say how it charged {}",
        "uncharged messages": "delivered message|delivered messages",
        "free before": "Before October 2026 all service messages were free.",
        "no rate": "No amounts: postkamer.toml has no rate for this month ([[rates]])",
        "rate": "Rate from {} in {}: {}",
        "budget": "Budget of {}: {} of {} used ({}%)",
        "allowance": "Free service messages of number {}: {}",
        "used": "{} of {} used",
        "disagrees": "note: number {}: {} charged with {}; these do not agree",
        "services": "service message|service messages",
        "no tenant": "{}: this municipality is not in the configuration",
        "no department": "{}: this department {}is not in the configuration",
        "no number": "{}: this number {}is not in the configuration",
        "of": "of {} ",
    },
}  # fmt: skip
"""Words and sentences by language."""


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
@lang_option
@json_option
@click.option("--csv", "as_csv", is_flag=True, help="The rows, for a spreadsheet.")
def command(
    month: date | None,
    by: tuple[str, ...],
    path: Path | None,
    lang: str,
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
    costs = with_database("costs", lambda pool: load_costs(pool, criteria, file, lang))
    if as_csv:
        click.echo(_csv(costs), nl=False)
    else:
        print_result(costs, format_costs(costs, lang), as_json=as_json)


async def load_costs(pool: Pool, criteria: CostsFilter, file: Path | None, lang: str) -> Costs:
    """Return the costs of the month, without amounts if there is no configuration."""
    config = loader.load(file).config if file else None
    try:
        groups = await load_charges(pool, criteria.month, criteria.tenant)
    except TooManyGroups as error:
        raise CommandRefused(str(error)) from None
    if config and (unknown := "\n".join(unknown_ids(criteria, config, groups, lang))):
        raise CommandRefused(unknown)
    return compute_costs(groups, criteria, config)


def unknown_ids(
    criteria: CostsFilter,
    config: Configuration,
    groups: Sequence[ChargeGroup],
    lang: str = "nl",
) -> Iterator[str]:
    """Yield the ids that are neither in the configuration nor in the costs: a department or number
    that was removed from the configuration may have costs from before."""
    tenant, words = criteria.tenant, WORDS[lang]
    if tenant and not config.tenant(tenant):
        yield words["no tenant"].format(tenant)
        return
    of_tenant = words["of"].format(tenant) if tenant else ""
    for id, noun, configured, charged in (
        (criteria.department, "department", config.departments, {g.department for g in groups}),
        (criteria.number, "number", config.numbers, {g.number for g in groups}),
    ):
        ids = {each.id for each in configured if tenant in (None, each.tenant)}
        if id and id not in ids | charged:
            yield words[f"no {noun}"].format(id, of_tenant)


def format_costs(costs: Costs, lang: str = "nl") -> Iterator[str]:
    """Yield the costs as lines for a terminal."""
    year, month = map(int, costs.month.split("-"))
    words = WORDS[lang]
    yield words["title"].format(month_names(lang)[month - 1], year)
    yield ""
    yield from _format_rows(costs, lang) if costs.rows else [words["none"]]
    yield ""
    yield _rates(costs, lang)
    if costs.rate_from and (unrated := costs.total.unrated):
        yield words["unrated"].format(_count(unrated, "unrated messages", lang))
    if unknown := costs.total.unknown:
        yield words["uncharged"].format(_count(unknown, "uncharged messages", lang))
    for budget in costs.budgets:
        yield _budget(budget, costs.currency, lang)
    if not costs.allowances and (year, month) < FREE_SERVICE_FROM.timetuple()[:2]:
        yield words["free before"]
    for allowance in costs.allowances:
        yield from _allowance(allowance, lang)


def _format_rows(costs: Costs, lang: str) -> Iterator[str]:
    words = WORDS[lang]
    several = len({row.tenant for row in costs.rows}) > 1
    keys = [key for key in KEYS if any(getattr(row, key) for row in costs.rows)]
    keys = [key for key in keys if several or key != "tenant"]
    sums = [name for name in SUMS if costs.total.unknown or name != "unknown"]
    cells = [[words[name] for name in (*keys, *sums)]]
    for row in costs.rows:
        names = (getattr(row, key) or words["unknown"] for key in keys)
        cells.append([*names, *_cells(row, costs.currency, sums, lang)])
    labels = [words["total"], *[""] * (len(keys) - 1)] if keys else []
    cells.append([*labels, *_cells(costs.total, costs.currency, sums, lang)])
    return format_table(cells, len(keys))


def _cells(row: MessageTotals, currency: str | None, sums: Sequence[str], lang: str) -> list[str]:
    amount = "-" if row.amount is None else format_money(row.amount, currency, lang)
    numbers = (row.delivered, row.free, row.charged, row.unknown)
    counts = (format_number(f"{each:,}", lang) for each in numbers)
    by_name = dict(zip(SUMS, (*counts, amount), strict=True))
    return [by_name[each] for each in sums]


def format_money(amount: Decimal, currency: str | None, lang: str = "nl") -> str:
    """Return an amount in cents. Only this function rounds amounts."""
    sign = "€" if currency == "EUR" else currency
    return f"{sign} {format_number(f'{amount.quantize(CENT, ROUND_HALF_UP):,.2f}', lang)}"


def format_number(number: str, lang: str) -> str:
    """Return an English number in the notation of a language."""
    return number.translate(str.maketrans(",.", ".,")) if lang == "nl" else number


def _count(number: int, nouns: str, lang: str) -> str:
    return count(number, WORDS[lang][nouns], separator="." if lang == "nl" else ",")


def _rates(costs: Costs, lang: str) -> str:
    if costs.rate_from is None:
        return WORDS[lang]["no rate"]
    each = (f"{name} {format_number(str(amount), lang)}" for name, amount in costs.rates.items())
    return WORDS[lang]["rate"].format(costs.rate_from, costs.currency, ", ".join(each))


def _budget(budget: Budget, currency: str | None, lang: str) -> str:
    spent, whole = (format_money(each, currency, lang) for each in (budget.spent, budget.budget))
    share = format_number(f"{100 * budget.used:,.1f}", lang)
    return WORDS[lang]["budget"].format(budget.tenant, spent, whole, share)


def _allowance(allowance: Allowance, lang: str) -> Iterator[str]:
    words, number = WORDS[lang], allowance.number
    used = (format_number(f"{n:,}", lang) for n in (allowance.used, allowance.free))
    of = words["used"].format(*used)
    if not allowance.agrees:
        yield words["disagrees"].format(number, _count(allowance.charged, "services", lang), of)
    yield words["allowance"].format(number, of)


def _csv(costs: Costs) -> str:
    """Return the rows as CSV, with exact amounts and a decimal point."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["month", *KEYS, *SUMS, "currency"])
    for row in costs.rows:
        values = msgspec.structs.asdict(row)
        cells = [values[name] for name in (*KEYS, *SUMS)]
        currency = costs.currency if row.amount is not None else None
        writer.writerow([costs.month, *cells, currency])
    return text.getvalue()
