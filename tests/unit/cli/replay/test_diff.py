"""Where other rules would have sent a week's messages: counted, and without anybody's words."""

import msgspec
import pytest

from cli.replay.diff import format_differences
from tests.support.cli.rule_comparison import SAME, changed, replayed, rows
from tests.support.simulated_week import Week

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
CONTAINER = "mijn container is niet geleegd"


def test_moves_are_counted_with_rules_and_reasons_of_both_versions() -> None:
    week = Week(SAME)
    week.hears(2, CONTAINER, "ook mijn afval")
    week.hears(3, "ik wil een paspoort")
    week.hears(3, CONTAINER, "mijn container")
    found = replayed(week, MILIEU_TOWN).to_json()
    assert (found["messages"], found["conversations"]) == (5, 2)
    assert found["elsewhere"] == {"messages": 4, "conversations": 2}
    assert found["moves"] == [
        {
            "from": "afval",
            "to": "milieu",
            "ruleThen": "afval",
            "ruleNow": "afval",
            "reasonThen": '"container" staat erin (regel afval)',
            "reasonNow": '"container" staat erin (regel afval)',
            "messages": 4,
            "conversations": 2,
        }
    ]
    assert "examples" not in found


def test_the_same_rules_make_no_difference() -> None:
    week = Week(SAME)
    week.hears(1, "dank u wel", "hallo", "ik wil niet meer leven", CONTAINER)
    week.sees(2)
    week.tapped(2, "menu:onderwerp/vuil", "Afval")
    found = replayed(week, SAME).to_json()
    assert found.pop("messages") == 6
    assert found.pop("conversations") == 2
    assert found.pop("elsewhere") == {"messages": 0, "conversations": 0}
    assert not any(found.values())


def test_each_message_is_taken_as_the_first_of_its_conversation() -> None:
    week = Week(SAME)
    [first] = week.hears(2, "hallo")
    week.orders("transfer", first.conversation, to_department="burgerzaken")
    week.hears(2, CONTAINER)
    found = replayed(week, MILIEU_TOWN).to_json()
    assert [(m["from"], m["to"], m["messages"]) for m in found["moves"]] == [("afval", "milieu", 1)]


@pytest.mark.parametrize(
    ("rule", "to", "by"),
    [
        ('hold = true\ntypes = ["text"]', "balie", "ieder"),
        ('menu = "vuil"\ntypes = ["text"]', "balie", "ieder"),
        ('department = "piket"\ntypes = ["text"]', "piket", "ieder"),
    ],
)
def test_a_rule_that_holds_or_asks_leaves_it_at_the_department_for_the_rest(
    rule: str, to: str, by: str
) -> None:
    week = Week(SAME)
    week.hears(2, CONTAINER)
    first = f'[[rules]]\nid = "ieder"\n{rule}\n[[rules]]\nid = "bezwaar"'
    moves = replayed(week, changed(('[[rules]]\nid = "bezwaar"', first))).to_json()["moves"]
    assert [(m["from"], m["to"], m["ruleNow"]) for m in moves] == [("afval", to, by)]


def test_a_department_or_a_number_that_is_gone_sends_its_messages_elsewhere() -> None:
    week = Week(SAME)
    week.hears(3, "ik wil een paspoort")
    gone = changed(
        ('[[departments]]\nid = "burgerzaken"', '[[departments]]\nid = "publiekszaken"'),
        ('department = "burgerzaken"', 'department = "publiekszaken"'),
    )
    assert replayed(week, gone).to_json()["moves"][0]["to"] == "publiekszaken"
    other = changed(('id = "106540352242922"', 'id = "106540352242923"'))
    found = replayed(week, other).to_json()
    assert [(m["from"], m["to"]) for m in found["moves"]] == [("burgerzaken", "-")]


def test_labels_and_care_that_would_change_are_counted() -> None:
    week = Week(SAME)
    week.hears(1, "ik maak bezwaar tegen het besluit")
    week.hears(3, "ik wil niet meer leven")
    other = changed(
        ('tag = ["officieel"]', 'tag = ["juridisch"]'),
        ('tag = "pers"', 'tag = "raad"'),
        ('kind = "suicide"\nwords = ["niet meer leven"]', 'kind = "threat"\nwords = ["besluit"]'),
    )
    found = replayed(week, other).to_json()
    assert found["tags"] == [
        {"tag": "juridisch", "more": 1, "fewer": 0},
        {"tag": "officieel", "more": 0, "fewer": 1},
        {"tag": "pers-of-raad", "more": 0, "fewer": 1},
    ]
    assert found["care"] == [
        {"then": "-", "now": "threat", "messages": 1},
        {"then": "suicide", "now": "-", "messages": 1},
    ]
    said = list(format_differences(found))
    assert "label juridisch: 1 messages more, 0 fewer" in said
    assert "care suicide -> -: 1 messages" in said


def test_another_rule_to_the_same_department_is_no_move() -> None:
    week = Week(SAME)
    week.hears(2, CONTAINER)
    found = replayed(week, changed(('id = "afval"\nwords', 'id = "vuil"\nwords'))).to_json()
    assert (found["elsewhere"]["messages"], found["otherRule"]) == (0, 1)


def test_no_words_of_anybody_are_shown_unless_they_are_asked_for() -> None:
    week = Week(SAME)
    secret = "mijn container bij Sannes huis, bel 0612345678"
    for citizen in (2, 3, 4):
        week.hears(citizen, f"{secret} {citizen}")
        week.passes(minutes=1)
    plain = replayed(week, MILIEU_TOWN).to_json()
    for shown in (msgspec.json.encode(plain).decode(), "\n".join(format_differences(plain))):
        assert "Sanne" not in shown
        assert "0612" not in shown
        assert "316100" not in shown
    two = replayed(week, MILIEU_TOWN, examples=2).to_json()
    assert [example.text for example in two["examples"]] == [f"{secret} 2", f"{secret} 3"]
    assert list(format_differences(two))[-2:] == [
        f'afval -> milieu: "{secret} {n}"' for n in (2, 3)
    ]


def test_messages_of_one_body_come_in_the_order_of_the_body() -> None:
    week = Week(SAME)
    texts = [f"container {n}" for n in range(12)]
    week.hears(2, *texts)
    week.records.reverse()
    assert [row.data.text for row in rows(week.records) if row.data] == texts


def test_a_table_for_the_terminal() -> None:
    week = Week(SAME)
    week.hears(2, CONTAINER)
    week.hears(3, "is er afval?")
    week.hears(4, "ik wil een paspoort")
    other = changed(*AFVAL_TO_MILIEU, ('words = ["paspoort"]', 'words = ["rijbewijs"]'))
    table = list(format_differences(replayed(week, other).to_json()))
    assert table[:3] == [
        "3 messages in 3 conversations",
        "3 messages in 3 conversations would go elsewhere, 0 to the same department by another"
        " rule",
        "",
    ]
    assert [line.split()[:6] for line in table[4:6]] == [
        ["afval", "milieu", "2", "2", "afval", "afval"],
        ["burgerzaken", "balie", "1", "1", "paspoort", "-"],
    ]
    assert table[5].endswith("geen enkele regel past; dit is de afdeling voor de rest")


def test_what_cannot_be_read_any_more_is_counted_and_the_rest_goes_on() -> None:
    week = Week(SAME)
    week.hears(2, CONTAINER)
    week.hears(3, "ik wil een paspoort")
    first = next(n for n, r in enumerate(week.records) if r.kind == "message")
    week.records[first] = msgspec.structs.replace(week.records[first], raw=b'"x"')
    last = max(
        n for n, r in enumerate(week.records) if r.kind == "message" and r.item_index is not None
    )
    week.records.append(msgspec.structs.replace(week.records[last], data=b'{"direction": 5}'))
    found = replayed(week, SAME).to_json()
    assert (found["messages"], found["unread"]) == (1, 2)
    assert "2 records cannot be read any more" in list(format_differences(found))
