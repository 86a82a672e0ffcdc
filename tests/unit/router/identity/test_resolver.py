"""Who is it? Through whole conversations: what counts is which conversation a message lands in."""

from typing import Any

import msgspec
import pytest

from router.identity import resolver
from router.model.changes import Identity
from router.model.snapshot import Snapshot
from tests.support.router.commands import command
from tests.support.router.decisions import decisions
from tests.support.router.harness import CONFIG, Router
from tests.support.router.webhooks import (
    BORNE,
    NUMBER,
    OTHER_NUMBER,
    at,
    body,
    change,
    id_of,
    inbound,
    receipt,
    stamp,
    text,
)


class Town:
    """Citizens who write one message after the other."""

    def __init__(self) -> None:
        self.router = Router()
        self.count = 0

    def hears(self, words: str = "hallo", *, number: str = NUMBER, **who: str) -> str:
        """The conversation that a message with these identifiers lands in."""
        message = text(f"wamid.{self.count}", words, sent=self.count + 1, **who)
        return self.takes(message, number=number)

    def hears_late(self, sent: float, **who: str) -> str:
        """The same of a message that Meta brings long after it was written."""
        return self.takes(text(f"wamid.late.{self.count}", "laat", sent=sent, **who))

    def takes(self, message: dict[str, Any], *, number: str = NUMBER) -> str:
        self.count += 1
        [decision] = decisions(
            self.router.takes(inbound(message, second=self.count, number=number))
        )
        assert decision.kind == "message", decision.reason
        return decision.conversation

    def person(self, conversation: str) -> object:
        return self.router.conversations[conversation].person

    def address(self, conversation: str) -> str:
        """Where an answer in this conversation would go."""
        self.count += 1
        order = command(str(self.count), second=self.count, conversation=conversation)
        [(_, decision, changes)] = self.router.takes(order)
        assert changes.send, decision.reason
        return changes.send.address


def test_same_identifiers_resolve_to_the_same_person() -> None:
    town = Town()
    first = town.hears(bsuid="NL.1", phone="31611111111")
    assert town.hears(bsuid="NL.1", phone="31611111111") == first
    assert town.hears(bsuid="NL.1") == first
    assert town.hears(phone="31611111111") == first
    assert town.hears(bsuid="NL.2", phone="31622222222") != first


def test_the_bsuid_decides_before_the_phone_number_does() -> None:
    town = Town()
    anna = town.hears(bsuid="NL.anna", phone="31611111111")
    bert = town.hears(bsuid="NL.bert", phone="31622222222")
    assert town.hears(bsuid="NL.anna", phone="31622222222") == anna
    # And the number has moved with her: alone, it means her now.
    assert town.hears(phone="31622222222") == anna
    assert town.hears(bsuid="NL.bert") == bert


def test_a_number_handed_out_again_is_somebody_else() -> None:
    town = Town()
    anna = town.hears(bsuid="NL.anna", phone="31611111111")
    carl = town.hears(bsuid="NL.carl", phone="31611111111")
    assert carl != anna
    assert town.hears(phone="31611111111") == carl
    assert town.hears(bsuid="NL.anna") == anna
    # Her answers do not follow the number to its new owner.
    assert town.address(anna) == "NL.anna"
    assert town.address(carl) == "31611111111"


def test_a_bsuid_that_comes_later_joins_the_person_known_by_phone() -> None:
    town = Town()
    before = town.hears(phone="31611111111")
    assert town.hears(bsuid="NL.anna", phone="31611111111") == before
    assert town.hears(bsuid="NL.anna") == before


def test_an_answer_goes_to_the_newest_phone_number_else_to_the_bsuid() -> None:
    town = Town()
    anna = town.hears(bsuid="NL.anna")
    assert town.address(anna) == "NL.anna"
    town.hears(bsuid="NL.anna", phone="31611111111")
    assert town.address(anna) == "31611111111"
    town.hears(bsuid="NL.anna", phone="31622222222")
    assert town.address(anna) == "31622222222"


def renamed(sent: float = 2, **system: Any) -> dict[str, Any]:
    old = {"from": "31611111111"} if "wa_id" in system else {}
    return old | {
        "id": f"wamid.renamed.{sent}",
        "timestamp": stamp(sent),
        "type": "system",
        "system": {"body": "changed", **system},
    }


@pytest.mark.parametrize(
    ("system", "later"),
    [
        ({"type": "user_changed_number", "wa_id": "31622222222"}, {"phone": "31622222222"}),
        (
            {
                "type": "user_changed_number",
                "wa_id": "31622222222",
                "user_id": "NL.new",
                "previous_user_id": "NL.anna",
            },
            {"bsuid": "NL.new", "phone": "31622222222"},
        ),
        (
            {"type": "user_changed_user_id", "user_id": "NL.new", "previous_user_id": "NL.anna"},
            {"bsuid": "NL.new"},
        ),
    ],
)
def test_a_citizen_with_a_new_name_goes_on_in_the_same_conversation(
    system: dict[str, str], later: dict[str, str]
) -> None:
    town = Town()
    anna = town.hears(bsuid="NL.anna", phone="31611111111")
    assert town.takes(renamed(**system)) == anna
    assert town.hears(**later) == anna


@pytest.mark.parametrize("odd", [{}, [], None, 1, True])
def test_a_notice_with_a_kind_that_is_no_text_still_carries_a_new_name(odd: object) -> None:
    town = Town()
    anna = town.hears(bsuid="NL.anna")
    system = {"type": odd, "user_id": "NL.new", "previous_user_id": "NL.anna"}
    assert town.takes(renamed(**system)) == anna
    assert town.hears(bsuid="NL.new") == anna


def test_new_number_before_its_notice_leads_to_the_old_conversation() -> None:
    town = Town()
    anna = town.hears(bsuid="NL.anna", phone="31611111111")
    town.count = 4
    hasty = town.hears(phone="31622222222")
    assert hasty != anna
    system = {"type": "user_changed_number", "wa_id": "31622222222"}
    assert town.takes(renamed(**system)) == anna
    assert town.hears(phone="31622222222") == anna


def test_a_notice_about_somebody_unknown_finds_them_by_their_new_name() -> None:
    town = Town()
    anna = town.hears(phone="31622222222")
    assert town.takes(renamed(type="user_changed_number", wa_id="31622222222")) == anna
    assert town.router.changes[-1].identities == ()
    # Whoever has the old number now is somebody else.
    assert town.hears(phone="31611111111") != anna


OLD, NEW = "31611111111", "31622222222"
BECAME = [
    {"type": "user_changed_number", "wa_id": NEW},
    {"type": "user_changed_number", "user_id": "NL.new", "previous_user_id": "NL.anna"},
]


@pytest.mark.parametrize("system", BECAME)
def test_late_message_does_not_bring_an_old_number_back(
    system: dict[str, str],
) -> None:
    town = Town()
    anna = town.hears(bsuid="NL.anna", phone=OLD)
    assert town.takes(renamed(2, **system)) == anna
    reached = town.address(anna)
    assert reached != OLD
    assert town.hears_late(1, bsuid="NL.anna", phone=OLD) == anna
    assert town.address(anna) == reached
    # Nor is whoever has it now taken for her.
    assert town.hears(phone=OLD) != anna


def test_a_late_message_from_an_earlier_phone_leaves_the_newer_one_current() -> None:
    town = Town()
    anna = town.hears(bsuid="NL.anna")
    town.hears(bsuid="NL.anna", phone=NEW)
    assert town.hears_late(1, bsuid="NL.anna", phone=OLD) == anna
    assert town.address(anna) == NEW
    town.hears(bsuid="NL.anna", phone=OLD)
    assert town.address(anna) == OLD


def test_a_late_message_takes_no_number_from_whoever_has_it_since() -> None:
    town = Town()
    anna = town.hears(bsuid="NL.anna", phone=OLD)
    carl = town.hears(bsuid="NL.carl", phone=OLD)
    assert town.hears_late(1, bsuid="NL.anna", phone=OLD) == anna
    assert town.hears(phone=OLD) == carl
    assert (town.address(anna), town.address(carl)) == ("NL.anna", OLD)


def test_older_change_of_number_is_ignored_after_a_newer_one() -> None:
    town = Town()
    anna = town.hears(bsuid="NL.anna", phone=OLD)
    town.count = 20
    assert town.takes(renamed(9, type="user_changed_number", wa_id="31633333333")) == anna
    before = dict(town.router.identities)
    late = renamed(5, type="user_changed_number", wa_id=NEW, user_id="NL.anna")
    assert town.takes(late) == anna
    assert town.router.identities == before


def test_delayed_messages_are_resolved_by_when_they_were_written() -> None:
    """After a failure of ours everything comes at once, in its order."""
    town = Town()
    town.count = 1000
    anna = town.hears_late(1, bsuid="NL.anna", phone=OLD)
    assert town.hears_late(2, bsuid="NL.anna", phone=NEW) == anna
    assert town.address(anna) == NEW


def test_a_preference_that_comes_late_brings_no_old_number_back() -> None:
    town = Town()
    anna = town.hears(bsuid="NL.anna", phone=OLD)
    town.count = 10
    town.takes(renamed(9, type="user_changed_number", wa_id=NEW))
    told = {"category": "marketing_messages", "value": "stop", "timestamp": stamp(1)}
    whose = {"wa_id": OLD, "user_id": "NL.anna"}
    late = change(NUMBER, "user_preferences", user_preferences=[told | whose])
    town.router.takes(receipt(body(late), second=20))
    assert len(town.router.opt_outs) == 1
    town.count = 20
    assert town.address(anna) == NEW


def test_person_is_never_shared_between_municipalities() -> None:
    town = Town()
    almelo = town.hears(bsuid="NL.anna", phone="31611111111")
    other = town.hears(bsuid="NL.anna", phone="31611111111", number=OTHER_NUMBER)
    borne = town.hears(bsuid="NL.anna", phone="31611111111", number=BORNE)
    assert len({almelo, other, borne}) == 3
    assert town.person(almelo) == town.person(other) != town.person(borne)


def test_a_parents_bsuid_alone_is_the_same_person_each_time() -> None:
    town = Town()
    first = town.hears(phone="NL.ENT.anna")
    assert town.hears(phone="NL.ENT.anna") == first
    town.hears(bsuid="NL.bert", phone="NL.ENT.bert")
    assert town.hears(phone="NL.ENT.anna") == first


def test_identity_is_stored_once_with_the_moment_it_was_heard() -> None:
    town = Town()
    town.hears(bsuid="NL.anna", phone="31611111111")
    [first] = town.router.changes
    assert [(i.kind, i.value) for i in first.identities] == [
        ("bsuid", "NL.anna"),
        ("phone", "31611111111"),
    ]
    assert {i.valid_from for i in first.identities} == {at(1)}
    town.hears(bsuid="NL.anna", phone="31611111111")
    assert town.router.changes[-1].identities == ()


def test_an_address_that_has_moved_to_another_is_none() -> None:
    known = Snapshot()
    number = CONFIG.number(NUMBER)
    assert number
    anna, bert = id_of("anna"), id_of("bert")
    phone = Identity("almelo", "phone", b"h", "31611111111", anna, at(0))
    known.add_identity(phone)
    assert resolver.find_address(anna, number, known) == phone
    known.add_identity(msgspec.structs.replace(phone, person=bert, valid_from=at(1)))
    assert resolver.find_address(anna, number, known) is None
