"""Weak signs mark or decide where no safety rule matches, as a municipality chose."""

from typing import Any

import pytest

from router.rules.engine import Outcome, compile_rules, evaluate
from router.rules.reasons import ENGLISH
from router.rules.weak_signs import POSSIBLE_DANGER
from services.config.routing_rules import SafetyRule
from tests.support.router.bare_rules import facts, rule, town
from tests.support.routing.quotes import untrue_quotes

TEXT = "Mijn buurvrouw van 85 doet al twee dagen niet open"
BRAND = SafetyRule.model_validate({"id": "brand", "kind": "emergency", "words": ["brand"]})


def judged(text: str, *rules: Any, reasons: Any = None, **settings: Any) -> Outcome:
    """Judge a text by these rules and the safety rule about fire, with settings of `care`."""
    config = town(*rules, care=(BRAND,))
    tenants = [
        each.model_copy(update={"care": each.care.model_copy(update=settings)})
        for each in config.tenants
    ]
    config = config.model_copy(update={"tenants": tuple(tenants)})
    named = {"reasons": reasons} if reasons else {}
    return evaluate(compile_rules(config, "almelo", **named), facts(text))


def test_mark_gives_a_label_a_reason_and_a_high_priority_and_no_alarm() -> None:
    outcome = judged(TEXT, rule("tuin", "buurvrouw"))
    marks = outcome.annotations
    assert outcome.care is None and outcome.care_reason == ""
    assert outcome.verdict and outcome.verdict.rule == "tuin"
    assert (marks.tags, marks.priority) == ((POSSIBLE_DANGER,), "high")
    assert marks.priority_reason == marks.rules[-1]
    assert marks.priority_reason.startswith('mogelijk gevaar: "')
    assert (
        "twee dagen" in marks.priority_reason and untrue_quotes(TEXT, marks.priority_reason) == []
    )
    assert marks.replies == () and marks.mask == () and marks.due_days == 0


def test_mark_takes_the_welcome_away_whatever_a_rule_names() -> None:
    named = rule("tuin", "buurvrouw", first_text="eigen_begin")
    assert judged(TEXT, named).annotations.first_text == "eerste_contact_sober"
    assert judged("de tuin van mijn buurvrouw", named).annotations.first_text == "eigen_begin"


def test_reason_is_in_the_language_that_is_asked() -> None:
    reason = judged(TEXT, reasons=ENGLISH).annotations.priority_reason
    assert reason.startswith('possible danger: "') and "(weak signs, model " in reason


def test_calm_message_gets_no_mark() -> None:
    assert judged("mijn container is niet geleegd").annotations.tags == ()
    assert judged("").annotations.tags == ()


def test_safety_rule_goes_before_weak_signs() -> None:
    outcome = judged(f"{TEXT}. Er is brand!")
    assert outcome.care == BRAND and outcome.annotations.tags == ()
    assert outcome.care_reason == '"brand" staat erin (zorgregel brand)'


def test_higher_priority_of_a_rule_stays_with_its_reason() -> None:
    urgent = rule("snel", "buurvrouw", priority="urgent")
    marks = judged(TEXT, urgent).annotations
    assert marks.priority == "urgent" and "(regel snel)" in marks.priority_reason
    assert marks.tags == (POSSIBLE_DANGER,)


def test_label_that_a_rule_gives_too_is_there_once() -> None:
    assert judged(TEXT, rule("zelf", "buurvrouw", tag=[POSSIBLE_DANGER])).annotations.tags == (
        POSSIBLE_DANGER,
    )


def test_nothing_happens_where_weak_signs_are_off() -> None:
    outcome = judged(TEXT, weak_signs="off")
    assert outcome.care is None and outcome.annotations.tags == ()


def test_deciding_weak_signs_do_what_the_named_rule_does() -> None:
    outcome = judged(TEXT, weak_signs="decide", weak_signs_rule="brand")
    assert outcome.care == BRAND
    assert outcome.care_reason.startswith("mogelijk gevaar: ")
    assert outcome.care_reason.endswith("(zorgregel brand)")
    assert outcome.annotations.tags == () and outcome.annotations.priority == ""


@pytest.mark.parametrize(("at_least", "tags"), [(0.5, (POSSIBLE_DANGER,)), (0.9999, ())])
def test_threshold_is_the_municipality_s(at_least: float, tags: tuple[str, ...]) -> None:
    assert judged(TEXT, weak_signs_at_least=at_least).annotations.tags == tags


def test_reason_has_no_number_of_the_message() -> None:
    reason = judged(f"{TEXT}, haar bsn is 111222333").annotations.priority_reason
    quoted, _, _ = reason.partition(" model ")  # whose version may have any digits
    assert not any(sign.isdigit() for sign in quoted) and "mogelijk gevaar" in quoted
