"""A municipality that moves to another installation is recognised there by the key that it brings:
its repeated items, the statuses of what it sent, and its citizens."""

import msgspec
import pytest

from router.model.hashes import Hashes
from services.contract import Receipt
from services.sealing.hash_keys import KEY_BYTES, municipality_hash_key
from tests.support.router.commands import command
from tests.support.router.decisions import DecisionView, decisions
from tests.support.router.harness import Router, ground
from tests.support.router.names import ANNA, BORNE, NUMBER
from tests.support.router.webhooks import body as webhook_body
from tests.support.router.webhooks import change, inbound, outcome, receipt, status, statuses, text

OLD, NEW = b"the key of the old installation", b"the key of the new one"
ALMELO = municipality_hash_key(OLD, None, "almelo")


def router_of(hashes: Hashes) -> Router:
    return Router(context=msgspec.structs.replace(ground(), hashes=hashes))


def moved(old: Router, hashes: Hashes) -> Router:
    """Return the router of another installation, to which all rows were carried over."""
    new = router_of(hashes)
    new.inbox, new.identities = dict(old.inbox), dict(old.identities)
    new.conversations, new.outgoing = dict(old.conversations), dict(old.outgoing)
    new.early |= old.early
    return new


def test_each_municipality_has_a_key_of_its_own_unless_it_brought_one() -> None:
    keys = {municipality_hash_key(key, None, tenant) for key in (OLD, NEW) for tenant in "ab"}
    assert len(keys) == 4 and {len(key) for key in keys} == {KEY_BYTES}
    assert municipality_hash_key(NEW, ALMELO, "almelo") == ALMELO
    old, new = Hashes(OLD), Hashes(NEW).with_brought({"almelo": ALMELO}, frozenset())
    assert old.of("almelo")("x") == new.of("almelo")("x") != old.own("x")
    assert old.of("borne")("x") != new.of("borne")("x") and old.own("x") != new.own("x")
    assert ALMELO.hex() not in repr(new) and repr(ALMELO) not in repr(new)


def repeats_of(receipt: Receipt) -> Receipt:
    """The same body in another receipt, as Meta repeats it days later."""
    return msgspec.structs.replace(receipt, id=outcome(receipt.id, "sent").id)


@pytest.mark.parametrize("brings_its_key", [True, False])
def test_repeats_statuses_and_citizens_after_a_move_are_known_by_the_key_that_was_brought(
    brings_its_key: bool,
) -> None:
    old = router_of(Hashes(OLD))
    first = inbound(text("wamid.1", "hallo", **ANNA), second=1)
    [before] = decisions(old.takes(first))
    order = command("a", conversation=before.conversation)
    old.takes(order, outcome(order.id, "sent", wamid="wamid.ours"))
    early = statuses(status("wamid.early", "delivered"), second=3)
    old.takes(early)
    brought = {"almelo": ALMELO} if brings_its_key else {}
    new = moved(old, Hashes(NEW, brought))

    said = new.takes(repeats_of(first))
    assert (said == []) is brings_its_key and len(new.again) == brings_its_key
    new = moved(old, Hashes(NEW, brought))
    new.takes(statuses(status("wamid.ours", "read"), second=5))
    assert (new.outgoing[order.id].status == "read") is brings_its_key
    later = command("b", conversation=before.conversation)
    new.takes(later, outcome(later.id, "sent", wamid="wamid.early"))
    assert (new.outgoing[later.id].status == "delivered") is brings_its_key
    [after] = decisions(new.takes(inbound(text("wamid.2", "nog iets", **ANNA), second=6)))
    assert (after.conversation == before.conversation) is brings_its_key


def test_municipality_that_stayed_is_not_known_by_the_key_of_another() -> None:
    """A body of two municipalities: each of its items has the key of its own."""
    content = webhook_body(
        change(NUMBER, messages=[text("wamid.1", "x", **ANNA)]),
        change(BORNE, messages=[text("wamid.2", "y", **ANNA)]),
    )
    old = router_of(Hashes(OLD))
    assert len(old.takes(receipt(content, name="first"))) == 2
    new = moved(old, Hashes(NEW, {"almelo": ALMELO}))
    [heard] = decisions(new.takes(receipt(content, name="again")))
    assert isinstance(heard, DecisionView) and heard.tenant == "borne"


def test_item_of_no_municipality_is_not_known_by_any_key_that_was_brought() -> None:
    old = router_of(Hashes(OLD))
    unknown = inbound(text("wamid.1", "x", **ANNA), number="99999999")
    old.takes(unknown)
    new = moved(old, Hashes(NEW, {"almelo": ALMELO, "borne": ALMELO}))
    assert len(new.takes(repeats_of(unknown))) == 1
