"""What other rules would have made of it: counted, in a table, and without anybody's words."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from cli.differences import lines
from tests.unit.cli.replays import replayed
from tests.week import MONDAY, TOWN, Week, town

SAME = town()
MILIEU = """
[[departments]]
id = "milieu"
tenant = "stad"
name = "Milieu"
destination = "crm"
"""


def changed(*pairs: tuple[str, str]) -> Any:
    """The town where something else is written."""
    text = TOWN
    for before, after in pairs:
        assert before in text
        text = text.replace(before, after)
    return town(text)


AFVAL_TO_MILIEU = (
    ('"afval"]\ndepartment = "afval"', '"afval"]\ndepartment = "milieu"'),
    ("[[contacts]]", MILIEU + "[[contacts]]"),
)
MILIEU_TOWN = changed(*AFVAL_TO_MILIEU)


def asked(week: Week) -> str:
    """Somebody asks about waste; the conversation."""
    return week.hears(2, "mijn container is niet geleegd")[0].conversation


def test_what_would_go_elsewhere_is_counted_with_the_rules_of_then_and_now() -> None:
    week = Week(SAME)
    asked(week)
    week.passes(minutes=1)
    week.hears(2, "hallo, is daar iemand?")
    week.hears(3, "ik wil een paspoort")
    found = replayed(week, MILIEU_TOWN).shown()
    assert found["messages"] == 3
    assert found["conversations"] == 2
    assert found["elsewhere"] == {"messages": 2, "conversations": 1}
    assert found["moves"] == [
        {
            "from": "afval",
            "to": "milieu",
            "ruleThen": "afval",
            "ruleNow": "afval",
            "messages": 2,
            "conversations": 1,
        }
    ]
    assert found["decidedBy"] == {SAME.version: 3}
    assert "examples" not in found


@pytest.mark.parametrize(
    ("does", "moved"),
    [
        # A person's choice stays, whatever rules say: the second message is where it was.
        (lambda week, id: week.orders("transfer", id, to_department="burgerzaken"), 1),
        # What is answered, noted or opened again stays where the new rule put it.
        (lambda week, id: week.orders("text", id, text="Goedemiddag"), 2),
        (lambda week, id: week.orders("note", id, text="x"), 2),
        (lambda week, id: week.orders("close", id, outcome="handled"), 2),
        # Where nobody said a word for long, another one begins.
        (lambda week, id: (week.orders("text", id, text="Dag"), week.passes(days=9)), 1),
    ],
)
def test_what_people_did_then_they_do_again(
    does: Callable[[Week, str], object], moved: int
) -> None:
    week = Week(SAME)
    id = asked(week)
    week.passes(minutes=5)
    does(week, id)
    week.passes(minutes=5)
    since = week.now
    week.hears(2, "en nu?")
    assert replayed(week, MILIEU_TOWN).shown()["elsewhere"]["messages"] == moved
    # What began before keeps the department of then.
    later = replayed(week, MILIEU_TOWN, since).shown()
    assert (later["messages"], later["elsewhere"]["messages"]) == (1, 0)


def test_a_department_or_a_number_that_is_gone_sends_everything_elsewhere() -> None:
    week = Week(SAME)
    week.hears(3, "ik wil een paspoort")
    week.passes(minutes=1)
    since = week.now
    week.hears(3, "heeft u het gezien?")
    gone = changed(
        ('[[departments]]\nid = "burgerzaken"', '[[departments]]\nid = "publiekszaken"'),
        ('department = "burgerzaken"', 'department = "publiekszaken"'),
    )
    assert replayed(week, gone, since).shown()["moves"][0]["to"] == "balie"
    other = changed(('id = "106540352242922"', 'id = "106540352242923"'))
    found = replayed(week, other, since).shown()
    assert [(m["from"], m["to"]) for m in found["moves"]] == [("burgerzaken", "-")]


def test_tags_and_care_that_would_change_are_counted() -> None:
    week = Week(SAME)
    week.hears(2, "ik maak bezwaar tegen het besluit")
    week.hears(3, "ik wil niet meer leven")
    other = changed(
        ('tag = ["officieel"]', 'tag = ["juridisch"]'),
        ('kind = "suicide"\nwords = ["niet meer leven"]', 'kind = "threat"\nwords = ["besluit"]'),
    )
    found = replayed(week, other).shown()
    assert found["tags"] == [
        {"tag": "juridisch", "more": 1, "fewer": 0},
        {"tag": "officieel", "more": 0, "fewer": 1},
    ]
    assert found["care"] == [
        {"then": "-", "now": "threat", "messages": 1},
        {"then": "suicide", "now": "-", "messages": 1},
    ]
    said = list(lines(found))
    assert "label     juridisch     0     1    1" in said
    assert "care suicide -> -: 1 messages" in said


def test_another_rule_to_the_same_department_is_no_move() -> None:
    week = Week(SAME)
    asked(week)
    found = replayed(week, changed(('id = "afval"\nwords', 'id = "vuil"\nwords'))).shown()
    assert (found["elsewhere"]["messages"], found["otherRule"]) == (0, 1)


def test_no_words_of_anybody_are_shown_unless_they_are_asked_for() -> None:
    week = Week(SAME)
    secret = "mijn container bij Sannes huis, bel 0612345678"
    for citizen in (2, 3, 4):
        week.hears(citizen, f"{secret} {citizen}")
        week.passes(minutes=1)
    plain = replayed(week, MILIEU_TOWN).shown()
    for shown in (msgspec.json.encode(plain).decode(), "\n".join(lines(plain))):
        assert "Sanne" not in shown
        assert "0612" not in shown
        assert "316100" not in shown
    two = replayed(week, MILIEU_TOWN, examples=2).shown()
    assert [example.text for example in two["examples"]] == [f"{secret} 2", f"{secret} 3"]
    assert list(lines(two))[-2:] == [f'afval -> milieu: "{secret} {n}"' for n in (2, 3)]


def test_a_table_for_the_terminal() -> None:
    week = Week(SAME)
    asked(week)
    week.hears(3, "is er afval?")
    week.hears(4, "ik wil een paspoort")
    other = changed(*AFVAL_TO_MILIEU, ('words = ["paspoort"]', 'words = ["rijbewijs"]'))
    assert list(lines(replayed(week, other).shown())) == [
        "3 messages in 3 conversations",
        "3 messages in 3 conversations would go elsewhere, 0 to the same department by another"
        " rule",
        "",
        "from         to      messages  conversations  rule then  rule now",
        "afval        milieu  2         2              afval      afval",
        "burgerzaken  balie   1         1              paspoort   (menu onderwerp)",
        "",
        "what else would be noticed, in messages:",
        "",
        "what  which           then  now  differ",
        "text  eerste_contact  3     2    1",
        "text  keuze           0     1    1",
        "menu  onderwerp       0     1    1",
        "",
    ]


def test_what_cannot_be_read_any_more_is_counted_and_the_rest_goes_on() -> None:
    week = Week(SAME)
    asked(week)
    week.hears(3, "ik wil een paspoort")
    first = next(n for n, r in enumerate(week.records) if r.kind == "message")
    week.records[first] = msgspec.structs.replace(week.records[first], raw=b'"x"')
    week.records.append(msgspec.structs.replace(week.records[-1], data=b'{"direction": 5}'))
    found = replayed(week, SAME).shown()
    assert (found["messages"], found["unread"]) == (1, 2)
    assert "2 records cannot be read any more" in list(lines(found))


def test_no_more_conversations_are_remembered_than_there_is_room_for() -> None:
    week = Week(SAME)
    for citizen in range(2, 8):
        week.hears(citizen, "mijn container is niet geleegd")
        week.passes(minutes=1)
    week.hears(2, "en nu?")
    found = replayed(week, SAME, room=3)
    assert found.forgotten == 4
    assert found.moved == 0  # what is forgotten is looked up again
    assert "4 conversations were too many to remember: begun again" in list(lines(found.shown()))


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
