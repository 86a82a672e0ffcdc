"""The differences between two versions of rules on a week's messages, without citizens' words."""

from typing import Any

import msgspec
import pytest

from cli.replay.diff import format_differences
from router.rules.weak_signs import POSSIBLE_DANGER
from services.config.loader import LoadedConfig
from tests.support.cli.rule_comparison import SAME, changed, replayed, rows
from tests.support.simulated_week import Week

MILIEU = '[[departments]]\nid = "milieu"\ntenant = "stad"\nname = "Milieu"\ndestination = "crm"\n'
AFVAL_TO_MILIEU = (
    ('"afval"]\ndepartment = "afval"', '"afval"]\ndepartment = "milieu"'),
    ("[[contacts]]", MILIEU + "[[contacts]]"),
)
MILIEU_TOWN = changed(*AFVAL_TO_MILIEU)
CONTAINER, PASSPORT = "mijn container is niet geleegd", "ik wil een paspoort"
NOWHERE = {"messages": 0, "conversations": 0}


def week_of(*messages: tuple[int, str]) -> Week:
    """A week of messages: the citizen and the text of each."""
    week = Week(SAME)
    for citizen, text in messages:
        week.hears(citizen, text)
    return week


def compare(week: Week, town: LoadedConfig, examples: int = 0) -> dict[str, Any]:
    return replayed(week, town, examples).to_json()


def moves(differences: dict[str, Any], *names: str) -> list[tuple[Any, ...]]:
    return [tuple(move[name] for name in names) for move in differences["moves"]]


def test_moves_are_counted_with_rules_and_reasons_of_both_versions() -> None:
    week = week_of((2, CONTAINER), (2, "ook mijn afval"), (3, PASSPORT))
    week.hears(3, CONTAINER, "mijn container")
    found = compare(week, MILIEU_TOWN)
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


def test_same_rules_make_no_difference() -> None:
    week = Week(SAME)
    week.hears(1, "dank u wel", "hallo", "ik wil niet meer leven", CONTAINER)
    week.sees(2)
    week.tapped(2, "menu:onderwerp/vuil", "Afval")
    found = compare(week, SAME)
    assert (found.pop("messages"), found.pop("conversations")) == (6, 2)
    assert found.pop("elsewhere") == NOWHERE
    assert not any(found.values())


def test_message_is_routed_as_the_first_of_its_conversation() -> None:
    week = Week(SAME)
    [first] = week.hears(2, "hallo")
    week.orders("transfer", first.conversation, to_department="burgerzaken")
    week.hears(2, CONTAINER)
    found = moves(compare(week, MILIEU_TOWN), "from", "to", "messages")
    assert found == [("afval", "milieu", 1)]


@pytest.mark.parametrize(
    ("rule", "to"),
    [("hold = true", "balie"), ('menu = "vuil"', "balie"), ('department = "piket"', "piket")],
)
def test_rule_that_holds_or_asks_leaves_the_fallback_department(rule: str, to: str) -> None:
    objection = '[[rules]]\nid = "bezwaar"'
    town = changed((objection, f'[[rules]]\nid = "ieder"\n{rule}\ntypes = ["text"]\n{objection}'))
    found = moves(compare(week_of((2, CONTAINER)), town), "from", "to", "ruleNow")
    assert found == [("afval", to, "ieder")]


def test_messages_of_a_removed_department_or_number_go_elsewhere() -> None:
    week = week_of((3, PASSPORT))
    gone = changed(
        ('[[departments]]\nid = "burgerzaken"', '[[departments]]\nid = "publiekszaken"'),
        ('department = "burgerzaken"', 'department = "publiekszaken"'),
    )
    assert moves(compare(week, gone), "to") == [("publiekszaken",)]
    other = changed(('id = "106540352242922"', 'id = "106540352242923"'))
    assert moves(compare(week, other), "from", "to") == [("burgerzaken", "-")]


def test_changed_labels_and_alarms_are_counted() -> None:
    week = week_of((1, "ik maak bezwaar tegen het besluit"), (3, "ik wil niet meer leven"))
    other = changed(
        ('tag = ["officieel"]', 'tag = ["juridisch"]'),
        ('tag = "pers"', 'tag = "raad"'),
        ('kind = "suicide"\nwords = ["niet meer leven"]', 'kind = "threat"\nwords = ["besluit"]'),
    )
    found = compare(week, other)
    assert [tuple(tag.values()) for tag in found["tags"]] == [
        ("juridisch", 1, 0),
        (POSSIBLE_DANGER, 1, 0),
        ("officieel", 0, 1),
        ("pers-of-raad", 0, 1),
    ]
    assert found["care"] == [
        {"then": "-", "now": "threat", "messages": 1},
        {"then": "suicide", "now": "-", "messages": 1},
    ]
    for lang, lines in {
        "nl": ["label juridisch: 1 bericht erbij, 0 eraf", "zorg suicide -> -: 1 bericht"],
        "en": ["label juridisch: 1 message more, 0 fewer", "care suicide -> -: 1 message"],
    }.items():
        assert set(lines) <= set(format_differences(found, lang))


def test_other_rule_to_the_same_department_is_no_move() -> None:
    town = changed(('id = "afval"\nwords', 'id = "vuil"\nwords'))
    found = compare(week_of((2, CONTAINER)), town)
    assert (found["elsewhere"], found["otherRule"]) == (NOWHERE, 1)


def test_words_of_citizens_are_shown_only_as_examples() -> None:
    week = Week(SAME)
    secret = "mijn container bij Sannes huis, bel 0612345678"
    for citizen in (2, 3, 4):
        week.hears(citizen, f"{secret} {citizen}")
        week.passes(minutes=1)
    plain = compare(week, MILIEU_TOWN)
    shown = msgspec.json.encode(plain).decode() + "\n".join(format_differences(plain))
    assert not [word for word in ("Sanne", "0612", "316100") if word in shown]
    two = compare(week, MILIEU_TOWN, examples=2)
    assert [example.text for example in two["examples"]] == [f"{secret} 2", f"{secret} 3"]
    lines = [f'afval -> milieu: "{secret} {n}"' for n in (2, 3)]
    assert list(format_differences(two))[-2:] == lines


def test_messages_of_one_body_are_in_the_order_of_the_body() -> None:
    week = Week(SAME)
    texts = [f"container {n}" for n in range(12)]
    week.hears(2, *texts)
    week.records.reverse()
    assert [row.data.text for row in rows(week.records) if row.data] == texts


def test_differences_are_a_table_on_a_terminal() -> None:
    other = changed(*AFVAL_TO_MILIEU, ('words = ["paspoort"]', 'words = ["rijbewijs"]'))
    week = week_of((2, CONTAINER), (3, "is er afval?"), (4, PASSPORT))
    table = list(format_differences(compare(week, other), "en"))
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


def test_unreadable_records_are_counted_and_do_not_stop_the_comparison() -> None:
    week = week_of((2, CONTAINER), (3, PASSPORT))
    first, *_, last = [
        n for n, r in enumerate(week.records) if r.kind == "message" and r.item_index is not None
    ]
    week.records[first] = msgspec.structs.replace(week.records[first], raw=b'"x"')
    week.records.append(msgspec.structs.replace(week.records[last], data=b'{"direction": 5}'))
    found = compare(week, SAME)
    assert (found["messages"], found["unread"]) == (1, 2)
    assert "no longer readable: 2" in list(format_differences(found, "en"))
