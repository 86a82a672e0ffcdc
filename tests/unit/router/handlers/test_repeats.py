"""What comes again: with another receipt it has been said, with the same it is said again."""

from typing import Any

import msgspec

from services.whatsapp.parser import routing_keys
from tests.support.router.commands import command
from tests.support.router.decisions import decisions, events, records_of
from tests.support.router.harness import Router
from tests.support.router.webhooks import (
    BORNE,
    NUMBER,
    OTHER_NUMBER,
    WABA,
    body,
    change,
    inbound,
    outcome,
    receipt,
    status,
    statuses,
    text,
)

ANNA = {"bsuid": "NL.anna", "phone": "31611111111"}


def said(n: int, words: str, **who: str) -> Any:
    """Message number n of Anna, or of whoever is named."""
    return inbound(text(f"wamid.{n}", words, **(who or ANNA)), second=n)


def test_message_repeated_in_another_receipt_is_not_told_again() -> None:
    router = Router()
    message = text("wamid.1", "hallo", **ANNA)
    router.takes(inbound(message))
    assert router.takes(inbound(message, second=60)) == []
    assert router.takes(inbound(message, text("wamid.2", "container", **ANNA), second=70)) != []
    [conversation] = router.conversations.values()
    assert conversation.sequence == 3


def test_repeated_receipt_gives_the_same_bytes_again() -> None:
    router = Router()
    order = command("a", second=1, to="31611111111")
    entries = [
        said(0, "hallo"),
        order,
        said(2, "mijn container"),
        statuses(status("wamid.ours", "delivered", f"{order.id}.1"), second=3),
        outcome(order.id, "sent", second=4, wamid="wamid.ours"),
        statuses(status("wamid.ours", "sent"), second=5),
        receipt(b"no JSON", second=6),
    ]
    first = router.takes(*entries)
    before = (dict(router.conversations), dict(router.outgoing), dict(router.identities))
    encode = msgspec.msgpack.encode
    assert encode(records_of(first)) != encode([])
    for again in (router.takes(*entries), [d for e in entries for d in router.takes(e)]):
        assert encode(records_of(again)) == encode(records_of(first))
        assert encode(events(again)) == encode(events(first))
    assert before == (router.conversations, router.outgoing, router.identities)


def test_message_twice_in_one_body_or_batch_is_told_once() -> None:
    router = Router()
    message = text("wamid.1", "hallo", **ANNA)
    assert len(router.takes(inbound(message, message), inbound(message, second=1))) == 1
    assert len(router.takes(inbound(message, message))) == 1


def test_a_body_of_several_numbers_is_decided_once_for_each() -> None:
    content = body(
        change(NUMBER, messages=[text("wamid.1", "hallo", **ANNA)]),
        change(OTHER_NUMBER, messages=[text("wamid.2", "hallo", **ANNA)]),
        change(BORNE, messages=[text("wamid.3", "hallo", **ANNA)]),
        {"field": "account_update", "value": {"event": "ACCOUNT_DELETED"}},
    )
    keys = [[NUMBER, ""], [OTHER_NUMBER, f"waba:{WABA}"], [BORNE]]
    all_keys = [key for own in keys for key in own]
    assert sorted(all_keys) == sorted([*routing_keys(content), ""])
    said_by = [Router().takes(receipt(content, keys=own)) for own in keys]
    assert [[d.kind for d in decisions(each)] for each in said_by] == [
        ["message"],
        ["message", "archived"],
        ["message"],
    ]
    # All of them in one partition, in one copy or in three: the same again.
    together = Router().takes(receipt(content, keys=all_keys))
    apart = Router().takes(*(receipt(content, keys=own) for own in keys))
    assert len(together) == len(apart) == 4
