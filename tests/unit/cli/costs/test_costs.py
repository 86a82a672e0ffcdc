"""What a month cost, in words: for a manager in a terminal, and for a spreadsheet."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cli.check.warnings import find_warnings
from cli.costs.costs import _csv, format_costs, format_money
from cli.costs.report import CostsFilter, compute_costs
from router.billing.costs import ChargeGroup
from services.config import loader
from services.config.model import Configuration, parse
from tests.support.cli.command_line import TOML, postkamer
from tests.support.installation import ROOT

RATES = """
[[rates]]
from = 2026-10-01
amounts = {service = "0.0456", utility = "0.05"}
"""
NOVEMBER = date(2026, 11, 1)


def town(budget: str = "") -> Configuration:
    named = 'name = "Gemeente Almelo"'
    return parse(TOML.replace(named, f"{named}\n{budget}") + RATES, "postkamer.toml")


def group(count: int, type: str = "regular", **more: Any) -> ChargeGroup:
    given = {"tenant": "almelo", "number": "10000001", "department": "kcc", "category": "service"}
    return ChargeGroup(count=count, type=type, billable=None, **given | more)


FREE = "free_customer_service"
GROUPS = [
    group(600, FREE),
    group(400, FREE, department="groen"),
    group(1234, department="groen"),
    group(30, department="groen", category="utility"),
    group(2, "", category=""),
    group(5, number="10000002", category="brand_new"),
]


def told(groups: list[ChargeGroup], config: Configuration | None, **wanted: Any) -> list[str]:
    return list(format_costs(compute_costs(groups, CostsFilter(month=NOVEMBER, **wanted), config)))


def test_a_month_is_told_as_a_table_with_totals_the_rate_the_budget_and_what_is_free() -> None:
    assert told(GROUPS, town('budget = "60.00"')) == [
        "Kosten van november 2026: bezorgde berichten, zoals Meta ze rekende",
        "",
        "afdeling  nummer    categorie  bezorgd  gratis  betaald  onbekend   bedrag",
        "groen     10000001  service      1.634     400    1.234         0  € 56,27",
        "groen     10000001  utility         30       0       30         0   € 1,50",
        "kcc       10000001  onbekend         2       0        0         2        -",
        "kcc       10000001  service        600     600        0         0   € 0,00",
        "kcc       10000002  brand_new        5       0        5         0        -",
        "totaal                           2.271   1.000    1.269         2  € 57,77",
        "",
        "Tarief vanaf 2026-10-01 in EUR: service 0,0456, utility 0,05",
        "let op: 5 betaalde berichten zijn van een categorie zonder tarief",
        "let op: van 2 bezorgde berichten zei Meta niet hoe ze gerekend zijn",
        "Budget van almelo: € 57,77 van € 60,00 gebruikt (96,3 %)",
        "Gratis serviceberichten van nummer 10000001: 1.000 van 1.000 gebruikt",
        "Gratis serviceberichten van nummer 10000002: 0 van 1.000 gebruikt",
    ]


def test_the_month_in_the_paper_is_told_as_the_command_tells_it() -> None:
    paper = (ROOT / "docs" / "municipality" / "costs.md").read_text()
    config = parse(
        TOML.replace('name = "Gemeente Almelo"', 'name = "Gemeente Almelo"\nbudget = "250.00"')
        + RATES.replace("0.0456", "0.05"),
        "postkamer.toml",
    )
    assert "\n".join(told(GROUPS[:4], config)) in paper


def test_parts_are_told_apart_by_what_was_asked_and_municipalities_where_there_are_several() -> (
    None
):
    groups = [*GROUPS[:3], group(7, FREE, tenant="borne", number="20000001")]
    assert told(groups, None, by=("department",))[2:7] == [
        "gemeente  afdeling  bezorgd  gratis  betaald  bedrag",
        "almelo    groen       1.634     400    1.234       -",
        "almelo    kcc           600     600        0       -",
        "borne     kcc             7       7        0       -",
        "totaal                2.241   1.007    1.234       -",
    ]


@pytest.mark.parametrize(
    ("free", "charged", "agrees"),
    [
        (0, 0, True),
        (999, 0, True),
        (1000, 0, True),
        (1000, 1, True),
        (999, 1, False),
        (0, 1, False),
        (1001, 0, False),
        (1001, 9, False),
    ],
)
def test_it_is_told_where_what_is_charged_and_what_is_free_disagree(
    free: int, charged: int, agrees: bool
) -> None:
    groups = [group(free, FREE), group(charged), group(9, FREE, category="utility")]
    found = compute_costs(groups, CostsFilter(month=NOVEMBER), None)
    assert [(a.used, a.charged, a.agrees) for a in found.allowances] == [(free, charged, agrees)]
    assert any("dat klopt niet" in line for line in format_costs(found)) is not agrees


def test_the_free_ones_of_a_number_are_those_of_all_its_departments() -> None:
    found = compute_costs(GROUPS, CostsFilter(month=NOVEMBER, department="kcc"), None)
    assert [(a.number, a.used, a.charged) for a in found.allowances] == [
        ("10000001", 1000, 1234),
        ("10000002", 0, 0),
    ]
    assert found.total.delivered == 607


def test_before_service_messages_were_charged_there_was_no_number_to_the_free_ones() -> None:
    found = compute_costs([group(5000, FREE)], CostsFilter(month=date(2026, 9, 1)), None)
    assert found.allowances == []
    assert list(format_costs(found))[-1] == "Voor oktober 2026 waren alle serviceberichten gratis."


def test_a_month_without_messages_is_told_as_that() -> None:
    assert told([], town())[2:4] == [
        "bezorgd  gratis  betaald  bedrag",
        "      0       0        0       -",
    ]


@pytest.mark.parametrize(
    ("amount", "currency", "expected"),
    [
        ("0.125", "EUR", "€ 0,13"),
        ("0.124999", "EUR", "€ 0,12"),
        ("1234567.005", "EUR", "€ 1.234.567,01"),
        ("3", "USD", "USD 3,00"),
    ],
)
def test_money_is_rounded_to_cents_where_it_is_shown(
    amount: str, currency: str, expected: str
) -> None:
    assert format_money(Decimal(amount), currency) == expected


def test_a_spreadsheet_gets_exact_amounts() -> None:
    found = compute_costs(GROUPS[2:4], CostsFilter(month=NOVEMBER), town())
    assert _csv(found).splitlines() == [
        "month,tenant,department,number,category,delivered,free,charged,unknown,amount,currency",
        "2026-11,almelo,groen,10000001,service,1234,0,1234,0,56.2704,EUR",
        "2026-11,almelo,groen,10000001,utility,30,0,30,0,1.50,EUR",
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--month", "2026-13"], "expected a month such as 2026-11"),
        (["--month", "9999-12"], "no month from 2000-01 to 2999-12"),
        (["--month", "0001-01"], "no month from 2000-01 to 2999-12"),
        (["--month", "1999-12"], "no month from 2000-01 to 2999-12"),
        (["--month", "november"], "expected a month such as 2026-11"),
        (["--month", "2026-1-"], "expected a month such as 2026-11"),
        (["--by", "citizen"], "'citizen' is not one of"),
        (["--json", "--csv"], "--json or --csv, not both"),
    ],
)
def test_misuse_is_said_with_exit_code_2(arguments: list[str], words: str, file: Path) -> None:
    done = postkamer("costs", *arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert words in done.stderr


def test_a_setting_that_is_missing_is_said_with_exit_code_1(file: Path) -> None:
    done = postkamer("costs")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "POSTKAMER_DATABASE_URL" in done.stderr


def test_a_budget_without_rates_is_doubtful(file: Path) -> None:
    text = TOML.replace('name = "Gemeente Almelo"', 'name = "Gemeente Almelo"\nbudget = "9"')
    file.write_text(text)
    doubt = "tenant almelo: without [[rates]] nobody can tell what it spends"
    assert doubt in postkamer("check", "--config", file).stdout
    file.write_text(text + RATES)
    assert doubt not in postkamer("check", "--config", file).stdout


BUDGET = TOML.replace('name = "Gemeente Almelo"', 'name = "Gemeente Almelo"\nbudget = "9"')
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
FUTURE = RATES.replace("2026-10-01", "2026-12-01")
NOT_YET = "as no [[rates]] hold before 2026-12-01, nobody can tell what it spends"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (BUDGET + RATES, []),
        (BUDGET + RATES + FUTURE, []),
        (BUDGET + FUTURE, [f"tenant almelo: {NOT_YET}"]),
        (TOML + FUTURE, []),
    ],
)
def test_a_budget_whose_rates_do_not_hold_yet_is_doubtful(
    text: str, found: list[str], file: Path
) -> None:
    file.write_text(text)
    assert [each.what for each in find_warnings(loader.load(file), NOW)] == found


def test_a_category_that_meta_does_not_have_is_doubtful_where_it_stands(file: Path) -> None:
    file.write_text(TOML + RATES.replace("utility", "utilty"))
    [doubt] = find_warnings(loader.load(file), NOW)
    assert doubt.what.startswith("'utilty' is no category of Meta's that we know: ")
    assert ", service, utility" in doubt.what
    assert "utilty" in file.read_text().splitlines()[doubt.line - 1]
