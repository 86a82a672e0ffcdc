"""Numbers that move to another provider, and SIM cards handed out again: who is who afterwards."""

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
from tests.support.router.decisions import data, decisions, events, records_of
from tests.support.router.harness import TOML, Router, decide_one, ground
from tests.support.router.names import NUMBER, OTHER_NUMBER, at, stamp
from tests.support.router.webhooks import body, change, receipt, status, text

BEFORE, AFTER = "10000001", "99000001"
"""Meta's ids of the number before and after the move; the first one is also ours."""
UNTIL = 100
"""End of the first registration, in seconds after noon."""
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
OWN, BSP = {"bsuid": "NL.own", "phone": PHONE}, {"bsuid": "NL.bsp", "phone": PHONE}


def config_with(id: str, **more: Any) -> Configuration:
    """The same, with something else of one number."""
    given = MOVED.model_dump(mode="json", by_alias=True)
    given["numbers"] = [n | more if n["id"] == id else n for n in given["numbers"]]
    return Configuration.model_validate_json(msgspec.json.encode(given))


def inbound(n: int, *, number: str = BEFORE, second: float | None = None, **who: str) -> Receipt:
    proof = "meta-sha256" if number == BEFORE else "360dialog-sha256"
    when = n if second is None else second
    message = text(f"wamid.{n}", "hallo", sent=when, **who)
    came = receipt(body(change(number, messages=[message])), second=when)
    return msgspec.structs.replace(came, proof=proof)


class Town:
    def __init__(self, config: Configuration = MOVED) -> None:
        self.router = Router(config)
        self.count = 0

    def hears(self, number: str = BEFORE, *, second: float | None = None, **who: str) -> Any:
        self.count += 1
        came = inbound(self.count, number=number, second=second, **who)
        decision, _ = decide_one(self.router, came)
        assert decision.kind == "message", decision.reason
        return decision

    def continues(self, second: float | None = None, **before: Any) -> bool:
        """True if a citizen's conversation goes on after the move, matched by their phone."""
        first = self.hears(**OWN | before)
        later = self.hears(AFTER, second=second, **BSP)
        same: bool = later.conversation == first.conversation
        assert later.matched_by_phone is same
        return same


def test_conversation_continues_after_a_number_move() -> None:
    town = Town()
    first = town.hears(**OWN)
    said = town.router.takes(inbound(9, number=AFTER, **BSP))
    [moved], [renamed, record] = decisions(said), records_of(said)
    assert (moved.conversation, moved.matched_by_phone) == (first.conversation, True)
    assert moved.conversation.startswith(f"{BEFORE}-")
    assert renamed.kind == "identity"
    assert (data(record)["continued"], data(record)["number"]) == (True, NUMBER)
    # The former provider may still bring messages of hers.
    for later in (town.hears(AFTER, bsuid="NL.bsp"), town.hears(**OWN)):
        assert (later.conversation, later.matched_by_phone) == (first.conversation, False)


def test_reassigned_number_in_the_new_portfolio_is_another_person() -> None:
    town = Town()
    first = town.hears(**OWN)
    town.hears(AFTER, **BSP)
    other = town.hears(AFTER, bsuid="NL.else", phone=PHONE)
    assert other.conversation != first.conversation and not other.matched_by_phone


PERIOD = PHONE_MATCH_PERIOD.total_seconds()


@pytest.mark.parametrize(
    ("second", "same"), [(UNTIL - 1, True), (UNTIL + PERIOD - 1, True), (UNTIL + PERIOD + 1, False)]
)
def test_former_portfolio_identifies_a_citizen_for_some_weeks(second: float, same: bool) -> None:
    assert Town().continues(second) is same


def test_former_portfolio_without_a_name_identifies_nobody() -> None:
    assert not Town(config_with(NUMBER, previous=[{"until": at(UNTIL)}])).continues()


def test_person_of_another_portfolio_is_another_person() -> None:
    """The town has two numbers in two portfolios, and the person one telephone."""
    town = Town(config_with(OTHER_NUMBER, portfolio="elsewhere"))
    there = town.hears(OTHER_NUMBER, bsuid="NL.elsewhere", phone=PHONE)
    people = town.router.conversations
    for number, who in ((AFTER, BSP), (BEFORE, OWN)):
        here = town.hears(number, **who)
        assert not here.matched_by_phone
        assert people[here.conversation].person != people[there.conversation].person
    again = town.hears(OTHER_NUMBER, bsuid="NL.elsewhere", phone=PHONE)
    assert again.conversation == there.conversation


def test_answer_goes_to_the_bsuid_of_the_current_portfolio() -> None:
    town = Town()
    where = {"conversation": town.hears(bsuid="NL.own").conversation}
    decision, _ = decide_one(town.router, command("a", second=50, **where))
    assert decision.reason.startswith("address_unknown: ")
    town.hears(**OWN)
    town.hears(AFTER, **BSP)
    bsuids = {key: i for key, i in town.router.identities.items() if key[1] != "phone"}
    town.router.identities = bsuids
    _, changes = decide_one(town.router, command("b", second=51, **where))
    assert changes.send and changes.send.address == "NL.bsp"


@pytest.mark.parametrize(("second", "same"), [(10, True), (150, False)])
def test_bsuid_from_before_portfolios_were_named_belongs_to_the_one_of_its_day(
    second: float, same: bool
) -> None:
    """The move was at 12:01:40, and until then no portfolio was stored."""
    town = Town()
    first = town.hears(second=second, **OWN)
    [key] = [key for key in town.router.identities if key[1] == "bsuid"]
    unnamed = msgspec.structs.replace(town.router.identities[key], scope="")
    town.router.identities[key] = unnamed
    later = town.hears(AFTER, second=200, **BSP)
    assert (later.conversation == first.conversation) is same


def test_renamed_portfolio_is_learnt_from_the_next_message() -> None:
    town = Town()
    town.hears(AFTER, bsuid="NL.bsp")
    town.router.ground = ground(config_with(NUMBER, portfolio="b2"))
    town.hears(AFTER, bsuid="NL.bsp")
    assert [identity.scope for identity in town.router.identities.values()] == ["b2"]


def test_message_that_both_providers_bring_is_decided_once() -> None:
    town = Town()
    assert len(town.router.takes(inbound(1, **OWN))) == 1
    assert town.router.takes(inbound(1, number=AFTER, second=5, **BSP)) == []


def test_status_under_the_new_id_finds_a_message_from_before() -> None:
    town, order = Town(), command("a", to=PHONE)
    town.router.takes(order)
    delivered = change(AFTER, statuses=[status("w", "delivered", f"{order.id}.1")])
    [event] = events(town.router.takes(receipt(body(delivered), second=9)))
    assert event.message == order.id


def test_copy_of_a_body_names_its_items_by_the_id_of_meta() -> None:
    content = body(
        change(AFTER, messages=[text("wamid.1", "x", bsuid="NL.1")]),
        change(OTHER_NUMBER, messages=[text("wamid.2", "x", bsuid="NL.1")]),
    )
    [unit] = parse_units(receipt(content, keys=[AFTER]), ground(MOVED))
    assert unit.item and unit.item.number == NUMBER


def rename_receipt(**system: str) -> Receipt:
    message = {"id": "wamid.sys", "timestamp": stamp(50), "type": "system", "system": system}
    old = {"from": PHONE} if "wa_id" in system else {}
    return receipt(body(change(BEFORE, messages=[message | old])), second=50)


NEW = "31622222222"
BSUID_CHANGE = {"user_id": "NL.new", "previous_user_id": "NL.anna"}


@pytest.mark.parametrize(
    "system",
    [
        {"type": "user_changed_number", "wa_id": NEW},
        {"type": "customer_changed_number", "new_wa_id": NEW, "wa_id": NEW},
        {"type": "user_changed_number", "wa_id": NEW} | BSUID_CHANGE,
        {"type": "user_changed_number"} | BSUID_CHANGE,
    ],
)
def test_new_holder_of_an_old_number_is_another_person(system: dict[str, str]) -> None:
    town = Town()
    anna = town.hears(bsuid="NL.anna", phone=PHONE)
    _, changes = decide_one(town.router, rename_receipt(**system))
    ended = [(i.value, i.valid_to) for i in changes.identities if i.valid_to]
    assert ended == [(PHONE, at(50))]
    assert town.hears(phone=PHONE).conversation != anna.conversation
    assert town.hears(bsuid="NL.anna").conversation == anna.conversation


def test_change_of_bsuid_alone_leaves_the_phone_number() -> None:
    town = Town()
    anna = town.hears(bsuid="NL.anna", phone=PHONE)
    town.router.takes(rename_receipt(type="user_changed_user_id", **BSUID_CHANGE))
    for who in ({"phone": PHONE}, {"bsuid": "NL.new"}):
        assert town.hears(**who).conversation == anna.conversation


WHO = st.tuples(
    st.sampled_from([BEFORE, AFTER]),
    st.sampled_from(["a", "b", ""]),
    st.sampled_from([PHONE, NEW, ""]),
).filter(lambda who: bool(who[1] or who[2]))


@pytest.mark.slow
@given(st.lists(WHO, min_size=1, max_size=12))
def test_bsuid_never_changes_hands_within_a_portfolio(messages: list[tuple[str, str, str]]) -> None:
    """The phone numbers and the providers that come along do not matter."""
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
def test_citizen_with_one_phone_number_is_one_person_through_a_move(
    others: list[tuple[str, str, str]],
) -> None:
    town = Town()
    hers = {"phone": "31633333333"}
    before = town.hears(BEFORE, bsuid="NL.hers", **hers)
    for number, letter, phone in others:
        town.hears(number, bsuid=f"NL.{number}{letter}" if letter else "", phone=phone)
    after = town.hears(AFTER, bsuid="NL.hers-too", **hers)
    assert (after.conversation, after.matched_by_phone) == (before.conversation, True)
