"""The costs of a month: for a manager in a terminal, and for a spreadsheet."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cli.check.warnings import find_warnings
from cli.costs.costs import _csv, format_costs, format_money
from router.billing.costs import ChargeGroup
from router.billing.month_costs import Costs, CostsFilter, compute_costs
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
NAME = 'name = "Gemeente Almelo"\n'
FREE = "free_customer_service"


def town(budget: str = "", rates: str = RATES) -> Configuration:
    return parse(TOML.replace(NAME, f"{NAME}{budget}\n") + rates, "postkamer.toml")


def group(count: int, type: str = "regular", **overrides: Any) -> ChargeGroup:
    fields = {"tenant": "almelo", "number": "10000001", "department": "kcc", "category": "service"}
    return ChargeGroup(count=count, type=type, billable=None, **fields | overrides)


GROUPS = [
    group(600, FREE),
    group(400, FREE, department="groen"),
    group(1234, department="groen"),
    group(30, department="groen", category="utility"),
    group(2, "", category=""),
    group(5, number="10000002", category="brand_new"),
]


def costs(groups: list[ChargeGroup], config: Configuration | None = None, **criteria: Any) -> Costs:
    return compute_costs(groups, CostsFilter(**{"month": NOVEMBER} | criteria), config)


def test_table_has_totals_rates_budget_and_free_messages() -> None:
    assert [*format_costs(costs(GROUPS, town('budget = "60.00"')))] == [
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


def test_english_table_has_english_words_and_numbers() -> None:
    groups = [group(1234, department="groen"), group(1, "", category=""), group(1, category="new")]
    assert [*format_costs(costs(groups, town('budget = "60.00"')), "en")] == [
        "Costs of November 2026: delivered messages, as Meta charged them",
        "",
        "department  number    category  delivered  free  charged  unknown   amount",
        "groen       10000001  service       1,234     0    1,234        0  € 56.27",
        "kcc         10000001  unknown           1     0        0        1        -",
        "kcc         10000001  new               1     0        1        0        -",
        "total                               1,236     0    1,235        1  € 56.27",
        "",
        "Rate from 2026-10-01 in EUR: service 0.0456, utility 0.05",
        "note: 1 charged message is of a category without a rate",
        "note: Meta did not say how it charged 1 delivered message",
        "Budget of almelo: € 56.27 of € 60.00 used (93.8%)",
        "note: number 10000001: 1,234 service messages charged with 0 of 1,000 used;"
        " these do not agree",
        "Free service messages of number 10000001: 0 of 1,000 used",
    ]


def test_documentation_shows_what_the_command_prints() -> None:
    config = town('budget = "250.00"', RATES.replace("0.0456", "0.05"))
    paper = (ROOT / "docs" / "municipality" / "costs.md").read_text()
    assert "\n".join(format_costs(costs(GROUPS[:4], config))) in paper


def test_rows_have_the_municipality_if_there_are_several() -> None:
    groups = [*GROUPS[:3], group(7, FREE, tenant="borne", number="20000001")]
    assert [*format_costs(costs(groups, by=("department",)))][2:7] == [
        "gemeente  afdeling  bezorgd  gratis  betaald  bedrag",
        "almelo    groen       1.634     400    1.234       -",
        "almelo    kcc           600     600        0       -",
        "borne     kcc             7       7        0       -",
        "totaal                2.241   1.007    1.234       -",
    ]


@pytest.mark.parametrize(
    ("free", "charged", "agrees"),
    [
        *((free, charged, True) for free, charged in ((0, 0), (999, 0), (1000, 0), (1000, 1))),
        *((free, charged, False) for free, charged in ((999, 1), (0, 1), (1001, 0), (1001, 9))),
    ],
)
def test_disagreement_of_free_and_charged_messages_is_reported(
    free: int, charged: int, agrees: bool
) -> None:
    result = costs([group(free, FREE), group(charged), group(9, FREE, category="utility")])
    assert [(a.used, a.charged, a.agrees) for a in result.allowances] == [(free, charged, agrees)]
    assert any("dat klopt niet" in line for line in format_costs(result)) is not agrees


def test_allowance_of_a_number_counts_all_its_departments() -> None:
    result = costs(GROUPS, department="kcc")
    assert [(a.number, a.used, a.charged) for a in result.allowances] == [
        ("10000001", 1000, 1234),
        ("10000002", 0, 0),
    ]
    assert result.total.delivered == 607


def test_service_messages_were_free_before_october_2026() -> None:
    result = costs([group(5000, FREE)], month=date(2026, 9, 1))
    assert result.allowances == []
    assert [*format_costs(result)][-1] == "Voor oktober 2026 waren alle serviceberichten gratis."


def test_month_without_messages_says_so() -> None:
    lines = [[*format_costs(costs([], town()), lang)] for lang in ("nl", "en")]
    sentences = [
        "In deze maand is geen bericht bezorgd.",
        "No message was delivered in this month.",
    ]
    assert [each[2] for each in lines] == sentences


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        ("0.125", "EUR", "€ 0,13"),
        ("0.124999", "EUR", "€ 0,12"),
        ("1234567.005", "EUR", "€ 1.234.567,01"),
        ("3", "USD", "USD 3,00"),
    ],
)
def test_money_is_rounded_to_cents(amount: str, currency: str, text: str) -> None:
    assert format_money(Decimal(amount), currency) == text


def test_spreadsheet_has_exact_amounts() -> None:
    assert _csv(costs(GROUPS[2:4], town())).splitlines() == [
        "month,tenant,department,number,category,delivered,free,charged,unknown,amount,currency",
        "2026-11,almelo,groen,10000001,service,1234,0,1234,0,56.2704,EUR",
        "2026-11,almelo,groen,10000001,utility,30,0,30,0,1.50,EUR",
    ]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--month", "2026-13"], 2, "expected a month such as 2026-11"),
        (["--month", "9999-12"], 2, "no month from 2000-01 to 2999-12"),
        (["--month", "0001-01"], 2, "no month from 2000-01 to 2999-12"),
        (["--month", "1999-12"], 2, "no month from 2000-01 to 2999-12"),
        (["--month", "november"], 2, "expected a month such as 2026-11"),
        (["--month", "2026-1-"], 2, "expected a month such as 2026-11"),
        (["--group-by", "citizen"], 2, "'citizen' is not one of"),
        (["--json", "--csv"], 2, "--json or --csv, not both"),
        ([], 1, "POSTKAMER_DATABASE_URL"),
    ],
)
def test_misuse_or_a_missing_setting_is_reported(
    arguments: list[str], code: int, words: str, file: Path
) -> None:
    done = postkamer("costs", *arguments)
    assert (done.exit_code, done.stdout) == (code, "")
    assert words in done.stderr


FUTURE = RATES.replace("2026-10-01", "2026-12-01")
NOT_YET = "as no [[rates]] hold before 2026-12-01,"


@pytest.mark.parametrize(
    ("budget", "rates", "reason"),
    [
        ('budget = "9"', RATES, ""),
        ('budget = "9"', RATES + FUTURE, ""),
        ('budget = "9"', FUTURE, NOT_YET),
        ('budget = "9"', "", "without [[rates]]"),
        ("", FUTURE, ""),
    ],
)
def test_budget_without_rates_is_a_warning(
    budget: str, rates: str, reason: str, file: Path
) -> None:
    file.write_text(TOML.replace(NAME, f"{NAME}{budget}\n") + rates)
    now = datetime(2026, 11, 26, 12, tzinfo=UTC)
    warning = f"tenant almelo: {reason} nobody can tell what it spends"
    found = [each.what for each in find_warnings(loader.load(file), now)]
    assert found == ([warning] if reason else [])


def test_unknown_category_is_a_warning_with_its_line(file: Path) -> None:
    file.write_text(TOML + RATES.replace("utility", "utilty"))
    [warning] = find_warnings(loader.load(file), datetime(2026, 11, 26, 12, tzinfo=UTC))
    assert warning.what.startswith("'utilty' is no category of Meta's that we know: ")
    assert ", service, utility" in warning.what
    assert "utilty" in file.read_text().splitlines()[warning.line - 1]
