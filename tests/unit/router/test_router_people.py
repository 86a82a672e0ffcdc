"""Who is it? Through whole conversations: what counts is which conversation a message lands in."""

from typing import Any

import msgspec
import pytest
from almelo import (
    BORNE,
    CONFIG,
    NUMBER,
    OTHER_NUMBER,
    Router,
    at,
    command,
    decisions,
    id_of,
    text,
    wrote,
)

from router import people
from router.decisions import Identity
from router.knowledge import Knowledge


class Town:
    """Citizens who write one message after the other."""

    def __init__(self) -> None:
        self.router = Router()
        self.count = 0

    def hears(self, words: str = "hallo", *, number: str = NUMBER, **who: str) -> str:
        """The conversation that a message with these identifiers lands in."""
        return self.takes(text(f"wamid.{self.count}", words, **who), number=number)

    def takes(self, message: dict[str, Any], *, number: str = NUMBER) -> str:
        self.count += 1
        [decision] = decisions(self.router.takes(wrote(message, second=self.count, number=number)))
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


def test_the_same_identifiers_are_the_same_person() -> None:
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


def renamed(**system: str) -> dict[str, Any]:
    old = {"from": "31611111111"} if "wa_id" in system else {}
    return old | {
        "id": "wamid.renamed",
        "timestamp": "1795600000",
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


def test_a_new_name_that_was_heard_before_its_notice_leads_to_the_old_conversation() -> None:
    town = Town()
    anna = town.hears(bsuid="NL.anna", phone="31611111111")
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


def test_nobody_is_the_same_person_in_two_municipalities() -> None:
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


def test_an_identity_is_kept_from_the_moment_it_was_heard_and_only_when_it_is_new() -> None:
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
    known = Knowledge()
    number = CONFIG.number(NUMBER)
    assert number
    anna, bert = id_of("anna"), id_of("bert")
    phone = Identity("almelo", "phone", b"h", "31611111111", anna, at(0))
    known.identity(phone)
    assert people.address(anna, number, known) == phone
    known.identity(msgspec.structs.replace(phone, person=bert, valid_from=at(1)))
    assert people.address(anna, number, known) is None
