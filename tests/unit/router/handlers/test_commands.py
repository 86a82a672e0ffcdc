"""What a CRM orders: to whom it goes, in which conversation, and what it is told when it cannot."""

import msgspec

from router.conversation.refusals import NO_ADDRESS, NO_CONVERSATION, NO_NUMBER
from tests.support.router.commands import command
from tests.support.router.decisions import decisions, events, records_of
from tests.support.router.harness import Router, decide_one
from tests.support.router.webhooks import BORNE, NUMBER, OTHER_NUMBER, at, inbound, text


def opened(router: Router, **who: str) -> str:
    """A conversation that a citizen began."""
    said = router.takes(inbound(text("wamid.1", "hallo", **who)))
    return decisions(said)[0].conversation


def test_answer_goes_to_the_citizen_with_the_next_sequence() -> None:
    router = Router()
    conversation = opened(router, bsuid="NL.anna", phone="31611111111")
    order = command("answer", second=5, conversation=conversation)
    decision, changes = decide_one(router, order)
    assert (decision.kind, decision.status, decision.sequence) == ("accepted", "accepted", 2)
    assert decision.conversation == conversation
    assert decision.opened is None
    assert changes.send
    assert (changes.send.id, changes.send.address_kind) == (order.id, "phone")
    assert (changes.send.address, changes.send.created_at) == ("31611111111", at(5))
    assert changes.send.place == decision.sequence
    assert msgspec.json.decode(changes.send.content) == {
        "type": "text",
        "text": {"body": "Goedemiddag"},
    }


def test_a_message_to_a_number_joins_the_conversation_that_is_open_with_it() -> None:
    router = Router()
    conversation = opened(router, bsuid="NL.anna", phone="31611111111")
    [decision] = decisions(router.takes(command("a", to="31611111111")))
    assert (decision.conversation, decision.sequence) == (conversation, 2)


def test_message_to_an_unknown_citizen_opens_a_conversation() -> None:
    router = Router()
    said = router.takes(command("a", to="31611111111"))
    [decision] = decisions(said)
    assert decision.opened is not None
    assert decision.department == "klantcontact"
    assert [(r.kind, r.sequence) for r in records_of(said)] == [("conversation", 0), ("message", 1)]
    assert opened(router, phone="31611111111") == decision.conversation


def test_two_commands_for_a_new_citizen_open_one_conversation() -> None:
    router = Router()
    one, other = decisions(
        router.takes(command("a", to="31611111111"), command("b", to="31611111111"))
    )
    assert one.conversation == other.conversation
    assert (one.sequence, other.sequence) == (1, 2)
    assert one.opened and not other.opened


def test_a_message_goes_to_the_very_number_that_was_ordered() -> None:
    router = Router()
    opened(router, bsuid="NL.anna", phone="31611111111")
    router.takes(inbound(text("wamid.2", "ik", bsuid="NL.anna", phone="31622222222"), second=9))
    [(_, _, changes)] = router.takes(command("a", second=10, to="31611111111"))
    assert changes.send
    assert changes.send.address == "31611111111"


def test_unsendable_command_is_refused_and_never_reaches_the_ledger() -> None:
    router = Router()
    conversation = opened(router, phone="NL.ENT.anna")
    borne = command("c", number=BORNE, conversation=conversation)
    for order, reason in [
        (command("a", number="99999999", to="31611111111"), str(NO_NUMBER)),
        (command("b", conversation=f"{NUMBER}-aaaa"), str(NO_CONVERSATION)),
        (borne, str(NO_CONVERSATION)),
        (command("d", number=OTHER_NUMBER, conversation=conversation), str(NO_CONVERSATION)),
        (command("e", conversation=conversation), str(NO_ADDRESS)),
    ]:
        said = router.takes(order)
        [(_, _, changes)], [decision] = said, decisions(said)
        assert (decision.kind, decision.status, decision.reason) == ("refused", "failed", reason)
        assert changes.send is None
        assert changes.conversation is None
        assert changes.outgoing
        assert (changes.outgoing.id, changes.outgoing.status) == (order.id, "failed")
        assert [r.kind for r in records_of(said)] == ["message"]
        assert events(said) == []
    assert router.conversations[conversation].sequence == 1


def test_an_order_that_comes_again_is_sent_once_and_says_the_same() -> None:
    router = Router()
    order = command("a", to="31611111111")
    first = router.takes(order, order)
    again = router.takes(order)
    assert records_of(again) == records_of(first)
    assert [bool(changes.send) for _, _, changes in [*first, *again]] == [True, False]
