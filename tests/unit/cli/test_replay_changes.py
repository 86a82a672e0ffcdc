"""What other rules would have made of it: counted, in a table, and without anybody's words."""

from collections.abc import Callable

import msgspec
import pytest

from cli.replay.diff import lines
from tests.unit.cli.replays import asked, changed, replayed
from tests.week import Week, town

SAME = town()
MILIEU = """
[[departments]]
id = "milieu"
tenant = "stad"
name = "Milieu"
destination = "crm"
"""
AFVAL_TO_MILIEU = (
    ('"afval"]\ndepartment = "afval"', '"afval"]\ndepartment = "milieu"'),
    ("[[contacts]]", MILIEU + "[[contacts]]"),
)
MILIEU_TOWN = changed(*AFVAL_TO_MILIEU)


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
