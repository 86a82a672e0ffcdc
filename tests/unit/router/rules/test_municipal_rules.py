"""Rules that municipalities share lead to the own departments of each: in the engine, in menus, in
closings, in tables of messages and in what is published."""

from datetime import UTC, datetime

import pytest

from router.conversation import menus
from router.figures.month import SAFETY
from router.figures.statistics import find_rule_departments
from router.message_table.table import known_names, parse_table
from router.rules.engine import MENU, Outcome, compile_rules, evaluate
from router.ruleset.municipal_files import municipal_files
from router.ruleset.validation import find_faults
from services.config.model import ConfigError, Configuration, parse
from services.whatsapp import items
from tests.support.router.bare_rules import facts

TOWNS = """
rules = [
    {id = "paal", words = ["lantaarnpaal"], department = "groen"},
    {id = "boete", words = ["parkeerboete"], department = "parkeren"},
    {id = "haven", words = ["ligplaats"], department = "haven", tenant = "borne"},
]
care = [{id = "dood", kind = "suicide", words = ["ik wil dood"], department = "parkeren"}]
closings = [{first = 2026-12-24, departments = ["parkeren"]}]
numbers = [
    {id = "10000001", tenant = "almelo", fallback = "kcc"},
    {id = "20000001", tenant = "borne", fallback = "kcc"},
]
destinations = [{id = "crm", kind = "cloudevents", url = "https://crm.example/events"}]
menus = [{id = "keuze", options = [{id = "auto", title = "Auto", department = "parkeren"}]}]
departments = [
    {id = "kcc", tenant = "almelo", name = "KCC", destination = "crm"},
    {id = "wijk", tenant = "almelo", name = "Wijk", destination = "crm", instead_of = INSTEAD},
    {id = "kcc", tenant = "borne", name = "KCC", destination = "crm"},
    {id = "groen", tenant = "borne", name = "Groen", destination = "crm"},
    {id = "parkeren", tenant = "borne", name = "Parkeren", destination = "crm", OTHER},
]

[[tenants]]
id = "almelo"
name = "Gemeente Almelo"
menu = "keuze"
care = {weak_signs = "decide", weak_signs_rule = "dood"}

[[tenants]]
id = "borne"
name = "Gemeente Borne"
"""


def towns(instead: str = '["groen", "parkeren"]', other: str = 'instead_of = ["haven"]') -> str:
    return TOWNS.replace("INSTEAD", instead).replace(", OTHER", f", {other}" if other else "")


def config(text: str = "") -> Configuration:
    return parse(text or towns(), "postkamer.toml")


def outcome(text: str, tenant: str, towns: str = "") -> Outcome:
    return evaluate(compile_rules(config(towns), tenant), facts(text))


def department(text: str, tenant: str) -> str:
    verdict = outcome(text, tenant).verdict
    return verdict.department if verdict else ""


def test_shared_rule_leads_to_the_own_department_of_each_municipality() -> None:
    assert department("de lantaarnpaal doet het niet", "almelo") == "wijk"
    assert department("de lantaarnpaal doet het niet", "borne") == "groen"
    assert department("ik kreeg een parkeerboete", "almelo") == "wijk"
    assert department("ik kreeg een parkeerboete", "borne") == "parkeren"
    assert department("is er nog een ligplaats", "borne") == "parkeren"


def test_two_departments_of_the_rules_in_one_are_one_subject() -> None:
    text = "De lantaarnpaal is stuk.\nIk kreeg ook een parkeerboete."
    assert outcome(text, "borne").also_about == ("parkeren",)
    assert outcome(text, "almelo").also_about == ()


def test_rule_that_a_department_takes_leads_to_it_in_its_municipality_alone() -> None:
    kcc = '"kcc", tenant = "almelo", name = "KCC"'
    taken = towns().replace(kcc, f'{kcc}, takes_rules = ["boete"]')
    boete, paal, dood = "ik kreeg een parkeerboete", "de lantaarnpaal is stuk", "ik wil dood"
    found = {
        tenant: [each and each.department for each in (fine.verdict, lamp.verdict, care.care)]
        for tenant in ("almelo", "borne")
        for fine, lamp, care in [[outcome(text, tenant, taken) for text in (boete, paal, dood)]]
    }
    assert found == {
        "almelo": ["kcc", "wijk", "wijk"], "borne": ["parkeren", "groen", "parkeren"],
    }  # fmt: skip
    leads = find_rule_departments(config(taken), "almelo")
    assert (leads["boete"], leads[MENU]) == ({"kcc", ""}, {"wijk", ""})
    assert [*find_faults(config(taken))] == []


def test_safety_rule_and_weak_signs_lead_to_the_own_department() -> None:
    by_rule = outcome("ik wil dood", "almelo").care
    by_signs = outcome("Mijn buurvrouw van 85 doet al twee dagen niet open", "almelo").care
    assert by_rule and by_signs
    assert (by_rule.department, by_signs.department) == ("wijk", "wijk")
    assert find_rule_departments(config(), "almelo")[SAFETY] == {"wijk", ""}


def test_option_of_a_shared_menu_leads_to_the_own_department() -> None:
    content = items.Content(type="interactive", text="Auto", choice="menu:keuze/auto")
    item = items.Message(raw=b"", id="", person=items.Person(), sent_at=None, content=content)
    choices = [menus.match_choice(item, "", "", config(), each) for each in ("almelo", "borne")]
    assert [each and each.option.department for each in choices] == ["wijk", "parkeren"]
    assert "wijk" in find_rule_departments(config(), "almelo")[MENU]
    assert [*find_faults(config())] == []


def test_closing_holds_for_the_own_department() -> None:
    hours = config().opening_hours()
    eve = datetime(2026, 12, 24, 11, tzinfo=UTC)
    assert {key for key, each in hours.items() if not each.is_open(eve)} == {
        ("almelo", "wijk"), ("borne", "parkeren"),
    }  # fmt: skip


def test_table_of_messages_may_name_either() -> None:
    table = b"text;department\na;parkeren\nb;wijk"
    rows = parse_table(table, known_names(config(), "almelo")).rows
    assert [row.department for row in rows] == ["wijk", "wijk"]


def test_municipality_reads_the_rules_of_those_that_its_own_is_there_instead_of() -> None:
    shown = municipal_files({"postkamer.toml": SHARED}, "almelo")["postkamer.toml"]
    assert shown is not None
    assert 'department = "parkeren"' in shown and 'department = "haven"' not in shown


SHARED = """[[tenants]]
id = "almelo"

[[tenants]]
id = "borne"

[[departments]]
id = "wijk"
tenant = "almelo"
instead_of = ["parkeren"]

[[rules]]
id = "boete"
department = "parkeren"

[[rules]]
id = "haven"
department = "haven"
"""


@pytest.mark.parametrize(
    ("instead", "other", "sentence"),
    [
        ('["groen", "kcc"]', "", "'kcc' means the department 'kcc' already"),
        ('["groen", "wijk"]', "", "'wijk' means the department 'wijk' already"),
        ('["groen", "parkeren", "groen"]', "", "'groen' means the department 'wijk' already"),
        (
            '["haven"], when_closed = "haven"',
            'instead_of = ["haven"], when_closed = "haven"',
            "there is no department 'haven': 'parkeren' is there instead of it",
        ),
        ('["Groen"]', "", "instead_of"),
    ],
)
def test_name_that_means_two_departments_or_none_is_a_fault(
    instead: str, other: str, sentence: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        parse(towns(instead, other or 'instead_of = ["haven"]'), "postkamer.toml")
    assert sentence in str(raised.value)


def test_same_name_at_two_municipalities_is_no_fault() -> None:
    assert config().own_departments("almelo") == {
        "kcc": "kcc", "wijk": "wijk", "groen": "wijk", "parkeren": "wijk",
    }  # fmt: skip
    assert parse(towns('["groen", "parkeren", "haven"]'), "p").own_departments("borne")["haven"]
