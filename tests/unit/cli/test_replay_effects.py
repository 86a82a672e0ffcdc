"""What citizens and desks would notice under other rules, counted."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from cli.replay.diff import lines
from tests.unit.cli.replays import asked, changed, replayed
from tests.week import MONDAY, Week, town

SAME = town()


def effects(found: Any, *, all: bool = False) -> dict[tuple[str, str], tuple[Any, Any]]:
    """(what, which) -> then and now, of what differs."""
    rows = [e for e in found["effects"] if all or e["differ"] != 0]
    return {(e["what"], e["which"]): (e["then"], e["now"]) for e in rows}


EACH = (
    '[[rules]]\nid = "bezwaar"',
    '[[rules]]\nid = "ieder"\ntypes = ["text"]\n{}\n[[rules]]\nid = "bezwaar"',
)


def everybody(does: str) -> tuple[str, str]:
    """A rule that does something to every text."""
    return EACH[0], EACH[1].replace("{}", does)


@pytest.mark.parametrize(
    ("does", "differs"),
    [
        ('priority = "urgent"', {("priority", "urgent"): (0, 2)}),
        ("due_days = 3", {("due", "any"): (0, 2)}),
        ('tag = ["nieuw"]', {("label", "nieuw"): (0, 2)}),
        (
            'reply = "officieel"',
            {
                ("text", "bsn"): (1, 0),
                ("text", "eerste_contact"): (1, 0),
                ("text", "officieel"): (0, 2),
            },
        ),
        ('mask = ["iban", "bsn"]', {("mask", "iban"): (0, 1)}),
        ("hold = true", {("hold", ""): (0, 2)}),
        (
            'menu = "onderwerp"',
            {
                ("menu", "onderwerp"): (0, 1),
                ("text", "eerste_contact"): (1, 0),
                ("text", "keuze"): (0, 1),
            },
        ),
    ],
)  # fmt: skip
def test_what_citizens_and_desks_would_notice_is_counted(
    does: str, differs: dict[tuple[str, str], tuple[Any, Any]]
) -> None:
    week = Week(SAME)
    asked(week)
    week.hears(3, "ik wil een paspoort, rekening NL91ABNA0417164300")
    assert effects(replayed(week, changed()).shown(), all=True).keys() == {
        ("text", "eerste_contact"),
        ("text", "bsn"),
    }
    found = replayed(week, changed(everybody(does))).shown()
    assert effects(found) == differs
    said = list(lines(found))
    assert "what else would be noticed, in messages:" in said


def test_a_rule_that_holds_or_asks_is_named_by_what_it_does() -> None:
    week = Week(SAME)
    asked(week)
    for does, by in (("hold = true", "(hold)"), ('menu = "vuil"', "(menu vuil)")):
        moves = replayed(week, changed(everybody(does))).shown()["moves"]
        assert [(m["from"], m["to"], m["ruleNow"]) for m in moves] == [("afval", "balie", by)]


def test_an_earlier_date_and_another_alarm_are_told_apart() -> None:
    week = Week(SAME)
    week.hears(2, "ik maak bezwaar tegen het besluit")
    week.hears(3, "ik wil niet meer leven")
    other = changed(
        ("due_days = 42", "due_days = 7"),
        ('care = {destinations = ["crm"]}', 'care = {destinations = ["wacht"]}'),
        ("[[contacts]]", '[[destinations]]\nid = "wacht"\nkind = "cloudevents"\nurl = "https://w.example/"\n[[contacts]]'),
    )  # fmt: skip
    found = replayed(week, other).shown()
    assert effects(found) == {
        ("due", "earlier"): (0, 1),
        ("alarm", "suicide: crm"): (1, 0),
        ("alarm", "suicide: wacht"): (0, 1),
    }
    assert effects(found, all=True)["due", "any"] == (1, 1)


def test_other_opening_hours_are_seen_in_texts_and_in_who_stands_in() -> None:
    week = Week(SAME)
    asked(week)
    week.hears(3, "ik wil een paspoort")
    found = replayed(week, changed(('hours = "Mo-Fr 09:00-17:00"', 'hours = "Mo-Fr 14:00-17:00"')))
    assert effects(found.shown()) == {
        ("standIn", "piket"): (0, 1),
        ("text", "eerste_contact"): (2, 1),
        ("text", "gesloten"): (0, 1),
    }


def test_texts_that_the_clock_brings_are_counted_too() -> None:
    week = Week(SAME)
    week.hears(2, "hallo")
    week.passes(hours=5)
    found = replayed(week, SAME).shown()
    counted = effects(found, all=True)
    assert {which for what, which in counted if what == "text"} >= {"keuze", "keuze_onduidelijk"}
    assert all(then == now for then, now in counted.values())
    assert not effects(found)


def test_whoever_wrote_before_is_not_told_again_how_this_works() -> None:
    week = Week(SAME)
    id = asked(week)
    week.passes(minutes=1)
    week.orders("close", id, outcome="handled")
    week.passes(days=30)
    since = week.now
    assert asked(week) != id
    found = replayed(week, SAME, since).shown()
    assert found["messages"] == 1
    assert effects(found, all=True) == {}


def test_no_count_has_a_word_of_anybody() -> None:
    week = Week(SAME)
    secret = "Sannes container, bel 0612345678, NL91ABNA0417164300"
    week.orders("notice", text="Storing bij Sanne", until=MONDAY + timedelta(days=1))
    for citizen in (2, 3):
        week.hears(citizen, f"{secret} bezwaar")
        week.hears(citizen, "ik wil niet meer leven, Sanne")
    found = replayed(week, changed(everybody('priority = "urgent"\nmask = ["iban"]'))).shown()
    assert effects(found)
    for shown in (msgspec.json.encode(found).decode(), "\n".join(lines(found))):
        assert not [word for word in ("Sanne", "0612", "NL91", "316100") if word in shown]
