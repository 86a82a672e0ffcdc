"""A number that moves to another provider, SIM cards handed out again: who is who afterwards."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.handlers.units import parse_units
from router.identity.resolver import PHONE_MATCH_PERIOD
from services.config.model import Configuration, parse
from services.contract import Receipt
from tests.support.router.commands import command
from tests.support.router.decisions import decisions, events, records_of
from tests.support.router.harness import TOML, Router, ground
from tests.support.router.webhooks import (
    NUMBER,
    OTHER_NUMBER,
    at,
    body,
    change,
    receipt,
    stamp,
    status,
    text,
)

BEFORE, AFTER = "10000001", "99000001"
"""Under which Meta knew the number, and knows it now; the first one is also ours."""
MOVED = parse(
    TOML.replace(
        'id = "10000001"',
        f'''id = "10000001"
provider = "360dialog"
phone_number_id = "{AFTER}"
portfolio = "bsp"
secrets = ["env:BSP"]
access_token = "env:TOKEN"
previous = [{{portfolio = "own", until = 2026-11-25T12:01:40Z}}]''',
        1,
    ),
    "postkamer.toml",
)
PHONE = "31611111111"


def changed(id: str, **more: Any) -> Configuration:
    """The same, with something else of one number."""
    given = MOVED.model_dump(mode="json", by_alias=True)
    given["numbers"] = [n | more if n["id"] == id else n for n in given["numbers"]]
    return Configuration.model_validate_json(msgspec.json.encode(given))


def wrote(n: int, *, number: str = BEFORE, second: float | None = None, **who: str) -> Receipt:
    proof = "meta-sha256" if number == BEFORE else "360dialog-sha256"
    when = n if second is None else second
    message = text(f"wamid.{n}", "hallo", sent=when, **who)
    came = receipt(body(change(number, messages=[message])), second=when)
    return msgspec.structs.replace(came, proof=proof)


class Town:
    def __init__(self, config: Any = MOVED) -> None:
        self.router = Router(config)
        self.count = 0

    def hears(self, number: str = BEFORE, *, second: float | None = None, **who: str) -> Any:
        self.count += 1
        came = wrote(self.count, number=number, second=second, **who)
        said = self.router.takes(came)
        [decision] = decisions(said)
        assert decision.kind == "message", decision.reason
        return decision


def test_conversation_continues_after_a_number_move() -> None:
    town = Town()
    first = town.hears(bsuid="NL.own", phone=PHONE)
    message = wrote(9, number=AFTER, bsuid="NL.bsp", phone=PHONE)
    said = town.router.takes(message)
    [moved] = decisions(said)
    assert (moved.conversation, moved.matched_by_phone) == (first.conversation, True)
    assert moved.conversation.startswith(f"{BEFORE}-")
    [renamed, record] = records_of(said)
    assert renamed.kind == "identity"
    data = msgspec.json.decode(record.data)
    assert (data["continued"], data["number"]) == (True, NUMBER)
    again = town.hears(AFTER, bsuid="NL.bsp")
    assert (again.conversation, again.matched_by_phone) == (first.conversation, False)
    # What the former provider still had to bring is hers as well.
    late = town.hears(bsuid="NL.own", phone=PHONE)
    assert (late.conversation, late.matched_by_phone) == (first.conversation, False)


def test_reassigned_number_in_the_new_portfolio_is_another_person() -> None:
    town = Town()
    first = town.hears(bsuid="NL.own", phone=PHONE)
    town.hears(AFTER, bsuid="NL.bsp", phone=PHONE)
    other = town.hears(AFTER, bsuid="NL.else", phone=PHONE)
    assert other.conversation != first.conversation and not other.matched_by_phone


UNTIL = 100
"""When the first registration ended, in seconds after noon."""


@pytest.mark.parametrize(
    ("second", "same"),
    [
        (UNTIL - 1, True),
        (UNTIL + PHONE_MATCH_PERIOD.total_seconds() - 1, True),
        (UNTIL + PHONE_MATCH_PERIOD.total_seconds() + 1, False),
    ],
)
def test_former_portfolio_identifies_a_citizen_for_some_weeks(second: float, same: bool) -> None:
    town = Town()
    first = town.hears(bsuid="NL.own", phone=PHONE)
    later = town.hears(AFTER, bsuid="NL.bsp", phone=PHONE, second=second)
    assert (later.conversation == first.conversation, later.matched_by_phone) == (same, same)


def test_person_of_a_foreign_portfolio_is_another_person() -> None:
    """Of one municipality, at two numbers in two portfolios, with one telephone."""
    town = Town(changed(OTHER_NUMBER, portfolio="elsewhere"))
    there = town.hears(OTHER_NUMBER, bsuid="NL.elsewhere", phone=PHONE)
    for number, bsuid in ((AFTER, "NL.bsp"), (BEFORE, "NL.own")):
        here = town.hears(number, bsuid=bsuid, phone=PHONE)
        assert not here.matched_by_phone
        people = town.router.conversations
        assert people[here.conversation].person != people[there.conversation].person
    again = town.hears(OTHER_NUMBER, bsuid="NL.elsewhere", phone=PHONE)
    assert again.conversation == there.conversation


def test_a_former_portfolio_without_a_name_proves_nothing() -> None:
    town = Town(changed(NUMBER, previous=[{"until": at(UNTIL)}]))
    first = town.hears(bsuid="NL.own", phone=PHONE)
    later = town.hears(AFTER, bsuid="NL.bsp", phone=PHONE)
    assert (later.conversation == first.conversation, later.matched_by_phone) == (False, False)


def test_answer_goes_to_the_bsuid_of_the_current_portfolio() -> None:
    town = Town()
    first = town.hears(bsuid="NL.own")
    order = command("a", second=50, conversation=first.conversation)
    [(_, decision, _)] = town.router.takes(order)
    assert decision.reason.startswith("address_unknown: ")
    town.hears(bsuid="NL.own", phone=PHONE)
    town.hears(AFTER, bsuid="NL.bsp", phone=PHONE)
    town.router.identities = {
        key: identity for key, identity in town.router.identities.items() if key[1] != "phone"
    }
    [(_, _, changes)] = town.router.takes(command("b", second=51, conversation=first.conversation))
    assert changes.send and changes.send.address == "NL.bsp"


@pytest.mark.parametrize(("second", "same"), [(10, True), (150, False)])
def test_a_bsuid_from_before_portfolios_were_named_is_of_the_one_of_its_day(
    second: float, same: bool
) -> None:
    """The move was at 12:01:40, and until then nobody had written a portfolio down."""
    town = Town()
    first = town.hears(bsuid="NL.own", phone=PHONE, second=second)
    [key] = [key for key in town.router.identities if key[1] == "bsuid"]
    unnamed = msgspec.structs.replace(town.router.identities[key], scope="")
    town.router.identities[key] = unnamed
    later = town.hears(AFTER, bsuid="NL.bsp", phone=PHONE, second=200)
    assert (later.conversation == first.conversation) is same


def test_a_portfolio_under_another_name_is_learnt_from_the_next_message() -> None:
    town = Town()
    town.hears(AFTER, bsuid="NL.bsp")
    town.router.ground = ground(changed(NUMBER, portfolio="b2"))
    town.hears(AFTER, bsuid="NL.bsp")
    [identity] = town.router.identities.values()
    assert identity.scope == "b2"


def test_both_providers_may_bring_the_same_message_and_it_is_decided_once() -> None:
    town = Town()
    assert len(town.router.takes(wrote(1, bsuid="NL.own", phone=PHONE))) == 1
    assert town.router.takes(wrote(1, number=AFTER, second=5, bsuid="NL.bsp", phone=PHONE)) == []


def test_a_status_under_the_new_id_finds_a_message_from_before() -> None:
    town = Town()
    order = command("a", to=PHONE)
    town.router.takes(order)
    told = status("w", "delivered", f"{order.id}.1")
    [event] = events(town.router.takes(receipt(body(change(AFTER, statuses=[told])), second=9)))
    assert event.message == order.id


def test_a_copy_names_its_items_as_meta_does() -> None:
    content = body(
        change(AFTER, messages=[text("wamid.1", "x", bsuid="NL.1")]),
        change(OTHER_NUMBER, messages=[text("wamid.2", "x", bsuid="NL.1")]),
    )
    [unit] = parse_units(receipt(content, keys=[AFTER]), ground(MOVED))
    assert unit.item and unit.item.number == NUMBER


def renamed(*, number: str = BEFORE, second: float = 50, **system: str) -> Receipt:
    message = {"id": "wamid.sys", "timestamp": stamp(second), "type": "system", "system": system}
    old = {"from": PHONE} if "wa_id" in system else {}
    return receipt(body(change(number, messages=[message | old])), second=second)


@pytest.mark.parametrize(
    "system",
    [
        {"type": "user_changed_number", "wa_id": "31622222222"},
        {"type": "customer_changed_number", "new_wa_id": "31622222222", "wa_id": "31622222222"},
        {
            "type": "user_changed_number",
            "wa_id": "31622222222",
            "user_id": "NL.new",
            "previous_user_id": "NL.anna",
        },
        {"type": "user_changed_number", "user_id": "NL.new", "previous_user_id": "NL.anna"},
    ],
)
def test_new_holder_of_an_old_number_is_another_person(
    system: dict[str, str],
) -> None:
    town = Town()
    anna = town.hears(bsuid="NL.anna", phone=PHONE)
    [(_, _, changes)] = town.router.takes(renamed(**system))
    ended = [i for i in changes.identities if i.valid_to]
    assert [(i.value, i.valid_to) for i in ended] == [(PHONE, at(50))]
    assert town.hears(phone=PHONE).conversation != anna.conversation
    assert town.hears(bsuid="NL.anna").conversation == anna.conversation


def test_a_change_of_bsuid_alone_leaves_the_phone_number() -> None:
    town = Town()
    anna = town.hears(bsuid="NL.anna", phone=PHONE)
    town.router.takes(
        renamed(type="user_changed_user_id", user_id="NL.new", previous_user_id="NL.anna")
    )
    assert town.hears(phone=PHONE).conversation == anna.conversation
    assert town.hears(bsuid="NL.new").conversation == anna.conversation


WHO = st.tuples(
    st.sampled_from([BEFORE, AFTER]),
    st.sampled_from(["a", "b", ""]),
    st.sampled_from([PHONE, "31622222222", ""]),
).filter(lambda who: bool(who[1] or who[2]))


@pytest.mark.slow
@given(st.lists(WHO, min_size=1, max_size=12))
def test_bsuid_never_changes_hands_within_a_portfolio(
    messages: list[tuple[str, str, str]],
) -> None:
    """Whatever phone numbers come along with them, and through whichever provider."""
    town = Town()
    people: dict[str, Any] = {}
    for number, letter, phone in messages:
        bsuid = f"NL.{number}{letter}" if letter else ""
        decision = town.hears(number, bsuid=bsuid, phone=phone)
        person = town.router.conversations[decision.conversation].person
        if bsuid:
            assert people.setdefault(bsuid, person) == person
    for number in (BEFORE, AFTER):
        own = [person for bsuid, person in people.items() if number in bsuid]
        assert len(set(own)) == len(own)


@pytest.mark.slow
@given(st.lists(WHO, max_size=8))
def test_a_citizen_with_one_phone_number_is_one_person_through_a_move(
    others: list[tuple[str, str, str]],
) -> None:
    town = Town()
    hers = "31633333333"
    before = town.hears(BEFORE, bsuid="NL.hers", phone=hers)
    for number, letter, phone in others:
        town.hears(number, bsuid=f"NL.{number}{letter}" if letter else "", phone=phone)
    after = town.hears(AFTER, bsuid="NL.hers-too", phone=hers)
    assert (after.conversation, after.matched_by_phone) == (before.conversation, True)
