"""Persons by their identifiers, seen by the conversations that their messages land in."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from router.identity import resolver
from router.model.changes import Identity
from router.model.snapshot import Snapshot
from tests.support.router.commands import command
from tests.support.router.harness import CONFIG, Router, decide_one
from tests.support.router.names import BORNE, NUMBER, OTHER_NUMBER, at, id_of, stamp
from tests.support.router.webhooks import body, change, inbound, receipt, text

OLD, NEW, THIRD = "31611111111", "31622222222", "31633333333"
PHONES = {"old": OLD, "new": NEW, "third": THIRD}


def identifiers(who: str) -> dict[str, str]:
    """`anna+old` -> a BSUID and a phone number; either may be missing."""
    names = who.split("+")
    phones = [PHONES[name] for name in names if name in PHONES]
    bsuids = [f"NL.{name}" for name in names if name not in PHONES]
    return ({"phone": phones[0]} if phones else {}) | ({"bsuid": bsuids[0]} if bsuids else {})


class Town:
    """Citizens who write one message after the other; conversations have letters, in order."""

    def __init__(self) -> None:
        self.router = Router()
        self.count = 0
        self.letters: dict[str, str] = {}

    def takes(self, message: dict[str, Any], number: str = NUMBER) -> str:
        """Letter of the conversation that a message lands in."""
        self.count += 1
        entry = inbound(message, second=self.count, number=number)
        decision, _ = decide_one(self.router, entry)
        assert decision.kind == "message", decision.reason
        letter = "ABCDEF"[len(self.letters)]
        return self.letters.setdefault(decision.conversation, letter)

    def hears(self, who: str, number: str = NUMBER) -> str:
        message = text(f"w.{self.count}", "hallo", sent=self.count + 1, **identifiers(who))
        return self.takes(message, number)

    def hears_late(self, who: str, sent: float = 1) -> str:
        return self.takes(text(f"late.{self.count}", "laat", sent=sent, **identifiers(who)))

    def hears_change(self, sent: float = 2, **system: Any) -> str:
        old = {"from": OLD} if "wa_id" in system else {}
        message = {"id": f"wamid.renamed.{sent}", "timestamp": stamp(sent), "type": "system"}
        return self.takes(old | message | {"system": {"body": "changed", **system}})

    def conversation(self, letter: str) -> Any:
        [id] = [id for id, each in self.letters.items() if each == letter]
        return self.router.conversations[id]

    def address(self, letter: str) -> str:
        """Address of an answer in this conversation."""
        self.count += 1
        where = self.conversation(letter).id
        order = command(str(self.count), second=self.count, conversation=where)
        decision, changes = decide_one(self.router, order)
        assert changes.send, decision.reason
        return changes.send.address


@pytest.mark.parametrize(
    "messages",
    [
        # BSUID+phone: conversation. The same identifiers are the same person.
        "anna+old: A, anna+old: A, anna: A, old: A, bert+new: B",
        # The BSUID decides before the phone number, which moves with her.
        "anna+old: A, bert+new: B, anna+new: A, new: A, bert: B",
        # A number that was handed out again belongs to its new owner.
        "anna+old: A, carl+old: B, old: B, anna: A",
        # A BSUID that comes later joins the person known by the phone number.
        "old: A, anna+old: A, anna: A",
    ],
)
def test_messages_are_resolved_to_persons(messages: str) -> None:
    town = Town()
    for each in messages.split(", "):
        who, letter = each.split(": ")
        assert town.hears(who) == letter, each


@pytest.mark.parametrize(
    ("messages", "addresses"),
    [
        (["anna"], {"A": "NL.anna"}),
        (["anna", "anna+old"], {"A": OLD}),
        (["anna", "anna+old", "anna+new"], {"A": NEW}),
        (["anna+old", "carl+old"], {"A": "NL.anna", "B": OLD}),
    ],
)
def test_answer_goes_to_the_newest_phone_number_else_to_the_bsuid(
    messages: list[str], addresses: dict[str, str]
) -> None:
    town = Town()
    for who in messages:
        town.hears(who)
    assert {letter: town.address(letter) for letter in addresses} == addresses


NUMBER_CHANGE = {"type": "user_changed_number", "wa_id": NEW}
BSUID_CHANGE = {"user_id": "NL.neu", "previous_user_id": "NL.anna"}


@pytest.mark.parametrize(
    ("system", "later"),
    [
        (NUMBER_CHANGE, "new"),
        (NUMBER_CHANGE | BSUID_CHANGE, "neu+new"),
        ({"type": "user_changed_user_id"} | BSUID_CHANGE, "neu"),
        *(({"type": odd} | BSUID_CHANGE, "neu") for odd in ({}, [], None, 1, True)),
    ],
)
def test_citizen_with_new_identifiers_goes_on_in_the_same_conversation(
    system: dict[str, Any], later: str
) -> None:
    town = Town()
    assert town.hears("anna+old") == town.hears_change(**system) == town.hears(later) == "A"


def test_new_number_before_its_notice_leads_to_the_old_conversation() -> None:
    town = Town()
    town.hears("anna+old")
    town.count = 4
    assert town.hears("new") == "B"
    assert town.hears_change(**NUMBER_CHANGE) == town.hears("new") == "A"


def test_notice_about_an_unknown_person_finds_them_by_their_new_number() -> None:
    town = Town()
    assert town.hears("new") == town.hears_change(**NUMBER_CHANGE) == "A"
    assert town.router.changes[-1].identities == ()
    assert town.hears("old") == "B"  # the holder of the old number is another person


@pytest.mark.parametrize("system", [NUMBER_CHANGE, {"type": "user_changed_number"} | BSUID_CHANGE])
def test_late_message_does_not_bring_an_old_number_back(system: dict[str, str]) -> None:
    town = Town()
    assert town.hears("anna+old") == town.hears_change(**system) == "A"
    reached = town.address("A")
    assert reached != OLD
    assert town.hears_late("anna+old") == "A" and town.address("A") == reached
    assert town.hears("old") == "B"


Course = Callable[[Town], object]


def late_message_of_an_earlier_phone(town: Town) -> None:
    town.hears("anna+new")
    assert town.hears_late("anna+old") == "A"


def later_message_of_an_earlier_phone(town: Town) -> None:
    town.hears("anna+new")
    town.hears("anna+old")


def delayed_messages_in_their_order(town: Town) -> None:
    town.count = 1000
    assert town.hears_late("anna+old", 2) == town.hears_late("anna+new", 3) == "A"


def late_preference(town: Town) -> None:
    town.count = 10
    town.hears_change(9, **NUMBER_CHANGE)
    told = {"category": "marketing_messages", "value": "stop", "timestamp": stamp(1)}
    late = change(
        NUMBER, "user_preferences", user_preferences=[told | {"wa_id": OLD, "user_id": "NL.anna"}]
    )
    town.router.takes(receipt(body(late), second=20))
    assert len(town.router.opt_outs) == 1
    town.count = 20


@pytest.mark.parametrize(
    ("course", "address"),
    [
        (late_message_of_an_earlier_phone, NEW),
        (later_message_of_an_earlier_phone, OLD),
        (delayed_messages_in_their_order, NEW),
        (late_preference, NEW),
    ],
)
def test_phone_number_is_current_by_when_it_was_written(course: Course, address: str) -> None:
    town = Town()
    town.hears("anna" if "earlier" in course.__name__ else "anna+old")
    course(town)
    assert town.address("A") == address


def test_late_message_takes_no_number_from_its_new_holder() -> None:
    town = Town()
    assert (town.hears("anna+old"), town.hears("carl+old")) == ("A", "B")
    assert (town.hears_late("anna+old"), town.hears("old")) == ("A", "B")
    assert (town.address("A"), town.address("B")) == ("NL.anna", OLD)


def test_older_change_of_number_is_ignored_after_a_newer_one() -> None:
    town = Town()
    town.hears("anna+old")
    town.count = 20
    town.hears_change(9, type="user_changed_number", wa_id=THIRD)
    before = dict(town.router.identities)
    assert town.hears_change(5, **NUMBER_CHANGE, user_id="NL.anna") == "A"
    assert town.router.identities == before


def test_person_is_never_shared_between_municipalities() -> None:
    town = Town()
    numbers = (NUMBER, OTHER_NUMBER, BORNE)
    assert [town.hears("anna+old", number) for number in numbers] == ["A", "B", "C"]
    almelo, other, borne = (town.conversation(letter).person for letter in "ABC")
    assert almelo == other != borne


def test_bsuid_of_a_parent_alone_is_the_same_person_each_time() -> None:
    town = Town()
    letters = [
        town.takes(text(f"w{n}", "hallo", sent=n, **who))
        for n, who in enumerate(
            [
                {"phone": "NL.ENT.anna"},
                {"phone": "NL.ENT.anna"},
                {"bsuid": "NL.bert", "phone": "NL.ENT.bert"},
                {"phone": "NL.ENT.anna"},
            ]
        )
    ]
    assert letters == ["A", "A", "B", "A"]


def test_identity_is_stored_once_with_the_moment_of_its_message() -> None:
    town = Town()
    town.hears("anna+old")
    town.hears("anna+old")
    first, second = (changes.identities for changes in town.router.changes)
    assert [(i.kind, i.value) for i in first] == [("bsuid", "NL.anna"), ("phone", OLD)]
    assert {i.valid_from for i in first} == {at(1)} and second == ()


def test_address_that_has_moved_to_another_person_is_not_used() -> None:
    known, number = Snapshot(), CONFIG.number(NUMBER)
    assert number
    anna, bert = id_of("anna"), id_of("bert")
    phone = Identity("almelo", "phone", b"h", OLD, anna, at(0))
    known.add_identity(phone)
    assert resolver.find_address(anna, number, known) == phone
    known.add_identity(msgspec.structs.replace(phone, person=bert, valid_from=at(1)))
    assert resolver.find_address(anna, number, known) is None
