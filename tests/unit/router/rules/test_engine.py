"""A table of rules: the first that decides wins, those before it leave their marks."""

import sys
from datetime import timedelta
from typing import Any

import pytest

from router.rules.engine import (
    Annotations,
    RuleStep,
    compile_rule_tables,
    compile_rules,
    evaluate,
    higher_priority,
    trace_rules,
)
from services.config.routing_rules import SafetyRule
from tests.support.router.bare_rules import decided, facts, outcome, rule, table, town, why
from tests.support.router.harness import CONFIG
from tests.support.router.names import NOON

WASTE = {"words": ["container", "lantaarn"]}


def test_first_matching_rule_wins_over_position_and_number_of_matches() -> None:
    one, two = rule("een", "boom"), rule("twee", "gat", "weg", "stoep", "tegel", "put")
    text = "gat weg stoep tegel put boom"
    assert (decided(text, one, two), decided(text, two, one)) == ("een", "twee")


def test_rules_give_no_verdict_when_none_matches() -> None:
    rules = table(rule("een", "boom"), rule("twee", "stoep"))
    assert evaluate(rules, facts("goedemorgen")).verdict is None
    assert [s.rule for s in trace_rules(rules, facts("goedemorgen"))] == ["een", "twee"]


def test_trace_ends_at_the_rule_that_decides_and_says_what_each_found() -> None:
    rules = table(
        rule("label", "weg", tag=("straat",)),
        rule("een", "boom"),
        rule("gat", "gat"),
        rule("x", "gat"),
    )
    assert trace_rules(rules, facts("Gat in de WEG")) == [
        RuleStep("label", "marks", '"WEG" staat erin'),
        RuleStep("een", "no", ""),
        RuleStep("gat", "fits", '"Gat" staat erin'),
    ]


@pytest.mark.parametrize(
    ("text", "condition", "reason"),
    [
        ("GAT IN DE WEG", {"words": ["gras", "Gat in de Weg"]}, '"GAT IN DE WEG" staat erin'),
        ("Een gat 🙂 in de weg", {"words": ["gat in de weg"]}, '"gat in de weg" staat erin'),
        ("Mijn rij bewijs", {"words": ["rijbewijs"]}, '"rij bewijs" staat erin'),
        (
            "De Bomen kappen",
            {"words": ["boom"]},
            '"Bomen" staat erin (vorm van "boom")',
        ),
        ("CAFÉS dicht", {"words": ["café"]}, '"CAFÉS" staat erin (vorm van "café")'),
        (
            "mijn contaner is vol",
            WASTE,
            '"contaner" staat erin (verkeerd gespeld: "container")',
        ),
        ("contaner en lantaarn", WASTE, '"lantaarn" staat erin'),  # right before misspelt
        ("een vergunning", {"words": ["*vergunning"]}, '"vergunning" staat erin'),
        # Digits may be a number of a person, and reasons are not masked.
        ("parkeer123456782", {"words": ["parkeer*"]}, 'er staat iets als "parkeer" in'),
    ],
)
def test_reason_quotes_what_stands_in_the_message(
    text: str, condition: dict[str, Any], reason: str
) -> None:
    assert why(text, condition) == f"{reason} (regel r)"


MARKS = (
    rule("een", "weg", tag=("straat", "nat"), priority="high", reply="een"),
    rule("twee", "weg", tag=("nat", "koud"), priority="low", mask=("bsn",), due_days=42),
    rule("drie", "weg", mask=("iban", "bsn"), due_days=14, reply="drie"),
    rule("geen", "boom", tag=("boom",), priority="urgent", due_days=1),
)


def test_annotations_gather_until_a_rule_decides_and_each_is_there_once() -> None:
    found = outcome("de weg", *MARKS, rule("vier", "weg", tag=("vier",), department="groen"))
    assert found.verdict and found.verdict.rule == "vier"
    assert found.annotations == Annotations(
        tags=("straat", "nat", "koud", "vier"),
        replies=("een", "drie"),
        priority="high",
        mask=("bsn", "iban"),
        due_days=14,
        rules=tuple(f'"weg" staat erin (regel {id})' for id in ("een", "twee", "drie", "vier")),
        priority_reason='"weg" staat erin (regel een)',
    )


def test_annotations_need_no_verdict_and_none_comes_from_behind_one() -> None:
    alone = outcome("de weg", *MARKS)
    assert alone.verdict is None
    assert alone.annotations.rules == tuple(
        f'"weg" staat erin (regel {n})' for n in ("een", "twee", "drie")
    )
    behind = outcome("de weg", rule("vier", "weg"), *MARKS)
    assert behind.verdict and behind.annotations == Annotations(
        rules=('"weg" staat erin (regel vier)',)
    )


@pytest.mark.parametrize(
    ("does", "verdict"),
    [
        ({"department": "groen"}, ("groen", "", False)),
        ({"menu": "keuze"}, ("", "keuze", False)),
        ({"hold": True}, ("", "", True)),
        ({"department": "groen", "menu": "keuze", "hold": True}, ("groen", "keuze", True)),
    ],
)
def test_rule_with_a_department_a_menu_or_a_hold_decides(
    does: dict[str, object], verdict: tuple[str, str, bool]
) -> None:
    found = outcome("weg", rule("r", "weg", **does), rule("later", "weg")).verdict
    assert found and (found.department, found.menu, found.hold) == verdict
    assert found.rule == "r"


@pytest.mark.parametrize(
    ("one", "other", "higher"),
    [("", "", ""), ("", "low", "low"), ("low", "", "low"), ("urgent", "high", "urgent")],
)
def test_higher_priority_counts(one: str, other: str, higher: str) -> None:
    assert higher_priority(one, other) == higher_priority(other, one) == higher


def care(id: str, *words: str, kind: str = "emergency", **more: str) -> SafetyRule:
    return SafetyRule.model_validate({"id": id, "words": words, "kind": kind} | more)


def test_first_matching_safety_rule_counts_beside_the_rules() -> None:
    danger = care("brand", "brand"), care("gas", "gas", kind="threat"), care("vuur", "brand")
    rules = table(rule("r", "straat"), care=danger)
    found = evaluate(rules, facts("gas en brand in de straat"))
    assert found.verdict and found.verdict.rule == "r"
    assert found.care == danger[0]
    assert found.care_reason == '"brand" staat erin (zorgregel brand)'
    calm = evaluate(rules, facts("mijn straat"))
    assert calm.care is None and calm.care_reason == ""


def test_rule_applies_only_to_municipalities_with_its_department() -> None:
    config = town(
        rule("almelo", "boom", tenant="almelo"),
        rule("borne", "stoep", tenant="borne", department="klantcontact"),
        rule("geld", "bal", department="belastingen"),
        rule("ieder", "gras", department="klantcontact"),
        rule("label", "gras", tag=("gras",)),
        care=(care("zorg", "brand", tenant="borne"), care("wacht", "brand", department="groen")),
    )
    almelo, borne = compile_rules(config, "almelo"), compile_rules(config, "borne")
    assert [r.id for r in almelo.rules.rules] == ["almelo", "geld", "ieder", "label"]
    assert [r.id for r in borne.rules.rules] == ["borne", "ieder", "label"]
    assert [[c.id for c in each.care.rules] for each in (almelo, borne)] == [["wacht"], ["zorg"]]
    tables = compile_rule_tables(CONFIG)
    assert [r.id for r in tables["almelo"].rules.rules] == ["afval", "geld"]
    assert tables["borne"].rules.rules == ()
    assert evaluate(tables["borne"], facts("container")).verdict is None


@pytest.mark.slow
def test_number_of_lookups_depends_on_the_text_and_not_on_the_rules() -> None:
    compiled = table(
        *(rule(f"regel-{n}", *(f"woord{n * 100 + i}" for i in range(100))) for n in range(100))
    )
    lookups = 0

    def count(frame: object, event: str, arg: object) -> None:
        nonlocal lookups
        lookups += 1

    sys.setprofile(count)
    try:
        found = evaluate(compiled, facts("dit is woord9999"))
    finally:
        sys.setprofile(None)
    assert found.verdict and found.verdict.rule == "regel-99"
    assert lookups < 1000


def test_engine_tries_only_rules_that_may_match_the_text() -> None:
    compiled = table(
        *(rule(f"woord-{n}", f"woord{n}x") for n in range(50)),
        *(rule(f"patroon-{n}", pattern=f"^code{n}-") for n in range(50)),
        *(rule(f"of-{n}", any=[{"words": [f"a{n}a"]}, {"pattern": f"b{n}b"}]) for n in range(50)),
        *(rule(f"en-{n}", types=["text"], words=[f"c{n}c"]) for n in range(50)),
    )
    assert compiled.rules.unconditional == ()
    for text in ("woord7x", "code7-", "a7a", "b7b", "c7c"):
        hits = compiled.matcher.match_text(text)
        assert len({n for hit in hits for n in compiled.rules.by_trigger[hit]}) == 1


def test_rule_without_a_trigger_is_tried_for_each_message() -> None:
    rules = table(
        rule("uren", hours="Mo-Fr 09:00-17:00"),
        rule("geen", without=("boom",)),
        rule("of", any=[{"words": ["boom"]}, {"hours": "Mo-Fr 09:00-17:00"}]),
        rule("niet", **{"not": {"words": ["boom"]}}),
    )
    assert rules.rules.unconditional == (0, 1, 2, 3)


FACTS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"types": ["image", "video"]}, {"type": "video"}),
    ({"choices": ["menu:keuze/afval"]}, {"choice": "menu:keuze/afval"}),
    ({"numbers": ["10000001"]}, {"number": "10000001"}),
    ({"languages": ["de", "fr"]}, {"language": "fr"}),
    ({"states": ["reopened"]}, {"state": "reopened"}),
    ({"tagged": ["pers", "raad"]}, {"tags": frozenset(["raad", "x"])}),
    ({"referral": ["zwembad"]}, {"referral": "nieuw zwembad"}),
]


@pytest.mark.parametrize(("asked", "so"), FACTS)
@pytest.mark.parametrize("beside", [{}, {"words": ["boom"]}])
def test_rules_are_found_by_the_facts_that_they_ask_for(
    asked: dict[str, Any], so: dict[str, Any], beside: dict[str, Any]
) -> None:
    """So that a message looks at no rule that it cannot fit, however many there are."""
    either = [{"words": ["boom"]}, asked]
    compiled = table(rule("of", any=either), rule("en", **asked, **beside))
    assert compiled.rules.unconditional == ()
    fits, other = facts("x", **so), facts("x")
    assert evaluate(compiled, fits).verdict and not evaluate(compiled, other).verdict
    led = {
        n
        for hit in compiled.matcher.match_facts(facts("boom"))
        for n in compiled.rules.by_trigger.get(hit, ())
    }
    assert led == ({0, 1} if beside else {0})  # words lead to both, and facts are not needed then


def test_hours_of_a_rule_count_at_the_time_of_the_message() -> None:
    night = rule("nacht", hours="Mo-Su 22:00-06:00")
    assert decided("x", night) == ""  # 13:00 in the Netherlands
    assert decided("x", night, at=NOON + timedelta(hours=9)) == "nacht"


SUBJECTS = (
    rule("bouw", "container op straat", department="belastingen"),
    rule("afval", "container"),
    rule("paspoort", "paspoort", department="belastingen"),
    rule("straat", "straat", department="klantcontact"),
    rule("label", "kwijt", tag=("kwijt",)),
)


@pytest.mark.parametrize(
    ("text", "others"),
    [
        ("Mijn container is vol. En mijn paspoort is kwijt.", ("belastingen",)),
        ("mijn paspoort is kwijt, en mijn container is vol", ("belastingen",)),
        ("container vol\npaspoort kwijt\nstraat nat", ("belastingen", "klantcontact")),
        ("de container in onze straat is vol", ()),  # words of two departments, one subject
        ("De container is vol. Hij staat in onze straat.", ()),
        ("Mijn container is vol. Waar haal ik een paspoort? Daarnaast", ()),
        ("Mijn paspoort is kwijt. De container is ook vol.", ("belastingen",)),
        ("حاويتي container ممتلئة. وأين paspoort ؟", ("belastingen",)),
        ("Mijn container is vol. Mijn container is kapot.", ()),
        ("container op straat. container vol.", ()),
        ("container op straat. En de container is vol.", ("groen",)),
        ("Hallo. Dank u wel.", ()),
        ("paspoort", ()),
    ],
)
def test_added_sentence_that_would_go_elsewhere_by_itself_is_another_subject(
    text: str, others: tuple[str, ...]
) -> None:
    assert outcome(text, *SUBJECTS).also_about == others
