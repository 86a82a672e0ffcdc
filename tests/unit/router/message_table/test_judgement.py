"""Rules judged by a table, and two versions of them compared."""

from collections.abc import Sequence
from datetime import datetime

import pytest

from router.explanation import HASHES
from router.message_table.comparison import ChangedRow, compare_judgements
from router.message_table.judgement import (
    AT,
    Confusion,
    JudgedRow,
    LabelScore,
    Score,
    count_confusions,
    describe_shortfall,
    first_number,
    judge_rows,
    percent,
    quote_reason,
    score_all,
    score_departments,
    score_labels,
)
from router.message_table.table import MessageTable, TableRow
from router.model.work import RoutingContext
from router.ruleset.context import build_context
from services.calendar.opening_hours import AMSTERDAM
from services.config.loader import LoadedConfig
from services.config.model import parse
from services.texts.catalogue import Texts
from tests.support.cli.command_line import TOML
from tests.support.cli.rule_texts import rules_toml

RULES = rules_toml(
    "pers: words = krant; tag = pers; tenant = almelo"
    " | klacht: words = klacht; tag = officieel, intern; tenant = almelo"
    " | boom: pattern = bo(om|men); department = groen"
    " | avond: words = feest; hours = Mo-Su 18:00-23:00; department = groen"
    " | care brand: kind = emergency; words = brand; department = groen"
)
NIGHT = datetime(2026, 11, 25, 20, tzinfo=AMSTERDAM)
GROEN = 'name = "Openbare ruimte"\n'


def context(rules: str = RULES, town: str = TOML) -> RoutingContext:
    config = parse(town + rules, "postkamer.toml")
    return build_context(LoadedConfig(config, Texts({}, {}), {}, "v"), HASHES)


def row(text: str, department: str, *labels: str, line: int = 2) -> TableRow:
    return TableRow(line, text, department, frozenset(labels))


def judge(
    *rows: TableRow, rules: RoutingContext | None = None, at: datetime = AT
) -> list[JudgedRow]:
    rules = rules or context()
    labels = frozenset(label for each in rows for label in each.labels)
    number = rules.config.number("10000001")
    assert number
    return [*judge_rows(MessageTable(rows, labels), number, at, rules)]


def test_message_gets_the_decision_of_the_router() -> None:
    judged = judge(
        row("waar laat ik mijn grof vuil?", "groen"),
        row("de bomen zijn ziek", "groen"),
        row("wat kost een huwelijk", "kcc"),
        row("er is brand", "groen"),
        row("hallo", "kcc"),
    )
    assert [(each.department, each.rule, each.reason) for each in judged] == [
        ("groen", "afval", '"grof vuil" staat erin (regel afval)'),
        ("groen", "boom", "het patroon past (regel boom)"),
        ("kcc", "", "geen enkele regel past; dit is de afdeling voor de rest"),
        ("groen", "brand", '"brand" staat erin (zorgregel brand)'),
        ("kcc", "", "geen enkele regel past; dit is de afdeling voor de rest"),
    ]
    assert all(each.is_right and each.has_right_labels for each in judged)


def test_message_is_judged_while_every_department_is_open() -> None:
    closed = TOML.replace(GROEN, f'{GROEN}hours = "Mo 09:00-10:00"\nwhen_closed = "kcc"\n')
    [judged] = judge(row("grof vuil", "groen"), rules=context(town=closed))
    assert (judged.department, judged.reason) == ("groen", '"grof vuil" staat erin (regel afval)')


def test_rule_with_hours_is_judged_at_the_given_time() -> None:
    party = row("een feest in de straat", "groen")
    assert [judge(party, at=at)[0].rule for at in (AT, NIGHT)] == ["", "avond"]


def test_labels_are_judged_that_the_table_names() -> None:
    judged = judge(
        row("ik schrijf voor de krant", "kcc", "pers"),
        row("klacht over de krant", "kcc", "officieel"),
        row("een vraag", "kcc", "pers"),
    )
    assert [(each.missed, each.extra) for each in judged] == [
        (frozenset(), frozenset()),
        (frozenset(), frozenset(["pers"])),
        (frozenset(["pers"]), frozenset()),
    ]
    assert score_labels(judged, ["pers", "officieel"]) == [
        LabelScore("officieel", 1, 1, 0),
        LabelScore("pers", 2, 1, 1),
    ]
    [unlabelled] = judge(row("klacht over de krant", "kcc"))
    assert unlabelled.has_right_labels


def some() -> list[JudgedRow]:
    """Three messages for kcc, of which one goes to groen, and two for groen, of which one does."""
    texts = ("vraag", "boom", "antwoord"), ("boom", "vraag")
    return judge(*(row(t, "kcc") for t in texts[0]), *(row(t, "groen") for t in texts[1]))


def test_scores_and_confusions_count_each_message_once() -> None:
    judged = some()
    assert score_all(judged) == Score(5, 3)
    assert score_departments(judged) == {"groen": Score(2, 1), "kcc": Score(3, 2)}
    assert count_confusions(judged) == [
        Confusion("groen", "groen", 1),
        Confusion("groen", "kcc", 1),
        Confusion("kcc", "groen", 1),
        Confusion("kcc", "kcc", 2),
    ]


@pytest.mark.parametrize(
    ("at_least", "sentence"),
    [
        (0.6, ""),
        (
            0.61,
            "3 of 5 messages (60 %) go to their department, and 61 % must:"
            " wrong are 1 of 2 of groen, 1 of 3 of kcc",
        ),
    ],
)
def test_shortfall_names_the_wrong_ones_of_each_department(at_least: float, sentence: str) -> None:
    assert describe_shortfall(some(), at_least) == sentence


def test_shortfall_begins_with_the_department_of_most_wrong_ones() -> None:
    judged = judge(*(row("boom", "kcc") for _ in range(3)), row("vraag", "groen"))
    assert describe_shortfall(judged, 0.5).endswith("wrong are 3 of 3 of kcc, 1 of 1 of groen")


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.85, "85 %"), (17 / 20, "85 %"), (0.84999, "84.9 %"), (1.0, "100 %"), (0.57, "57 %")],
)
def test_share_is_rounded_down(share: float, text: str) -> None:
    assert percent(share) == text


def test_reason_quotes_the_words_of_a_pattern_when_asked() -> None:
    rules = context()
    number = first_number(rules.config, "almelo")
    assert number and number.id == "10000001"
    reason = quote_reason(row("de bomen zijn ziek", "groen"), number, AT, rules)
    assert reason == 'het patroon past op "bomen" (regel boom)'
    assert first_number(rules.config, "hengelo") is None


def changes(before: Sequence[JudgedRow], now: Sequence[JudgedRow]) -> list[tuple[str, str]]:
    def name(each: ChangedRow) -> tuple[str, str]:
        return each.now.row.text, each.change

    return [name(each) for each in compare_judgements(before, now)]


def test_comparison_tells_what_became_right_wrong_and_wrong_otherwise() -> None:
    rows = [
        row("boom", "groen"),
        row("vraag over afval", "kcc"),
        row("markt", "kcc"),
        row("boom op de markt", "kcc"),
    ]
    market = '[[departments]]\nid = "markt"\ntenant = "almelo"\nname = "M"\ndestination = "crm"\n'
    town = TOML + market
    now = judge(*rows, rules=context(rules_toml("m: words = markt; department = markt"), town))
    before = judge(*rows, rules=context(town=town.replace('"grof vuil"]', '"puin"]')))
    assert changes(before, before) == []
    assert changes(before, now) == [
        ("boom", "wrong"),
        ("markt", "wrong"),
        ("boom op de markt", "other"),
    ]
    assert changes(now, before) == [
        ("boom", "right"),
        ("markt", "right"),
        ("boom op de markt", "other"),
    ]
