"""Every kind of message that a CRM may order, and what keeps it from a citizen."""

from typing import Any, get_args, get_type_hints

import msgspec
import pytest

from gateway.requests.changes import Change
from gateway.requests.messages import Media, Message
from router.conversation.refusals import (
    NAME_DEPARTMENT,
    NO_CONVERSATION,
    NO_DEPARTMENT,
    NO_MESSAGE,
    TRANSFERRED,
    TYPE_UNKNOWN,
)
from router.handlers.conversation_commands import CONVERSATION_COMMANDS
from services.contract import Author, MessageType
from tests.support.router.commands import command
from tests.support.router.decisions import decisions, records_of
from tests.support.router.harness import Router, decide_one, open_conversation
from tests.support.router.webhooks import ANNA, id_of, inbound, outcome, text

PHONE = ANNA["phone"]
BODIES = get_args(get_args(Message)[0])
"""Of everything that the door takes as a message."""


def test_a_message_of_any_type_goes_out_with_the_content_that_was_ordered() -> None:
    router = Router()
    conversation = open_conversation(router).conversation
    content = b'{"type":"image","image":{"caption":"kijk"}}'
    given = command(
        "a",
        second=5,
        conversation=conversation,
        type="image",
        text="kijk",
        content=content,
        media=id_of("upload"),
        author=Author(kind="automated", id="bot"),
    )
    said = router.takes(given)
    [(_, _, changes)] = said
    assert changes.send
    assert (changes.send.content, changes.send.media) == (content, id_of("upload"))
    [record] = records_of(said)
    data = msgspec.json.decode(record.data)
    assert data["content"] == msgspec.json.decode(content)
    assert (data["type"], data["text"], data["token"]) == ("image", "kijk", "crm")
    assert (data["media"], data["quoted"]) == (str(id_of("upload")), None)
    assert data["author"] == {"kind": "automated", "id": "bot"}
    assert (data["direction"], data["department"]) == ("out", "klantcontact")


def test_an_answer_quotes_what_the_citizen_wrote_in_this_conversation() -> None:
    router = Router()
    heard = open_conversation(router)
    given = command("a", conversation=heard.conversation, reply_to_message=heard.message)
    _, changes = decide_one(router, given)
    assert changes.send
    assert (changes.send.about, changes.send.about_wamid) == (heard.message, "wamid.1")


def test_within_one_batch_an_answer_quotes_what_came_just_before_it() -> None:
    first = Router()
    heard = open_conversation(first)
    given = command("a", second=2, conversation=heard.conversation, reply_to_message=heard.message)
    both = Router().takes(inbound(text("wamid.1", "hallo", **ANNA), second=1), given)
    assert [d.kind for d in decisions(both)] == ["message", "accepted"]


def test_an_answer_quotes_one_of_ours_whose_wamid_the_ledger_will_know() -> None:
    router = Router()
    conversation = open_conversation(router).conversation
    first = command("a", second=2, conversation=conversation)
    router.takes(first)
    given = command(
        "b", second=3, conversation=conversation, reply_to_message=first.id, type="reaction"
    )
    _, changes = decide_one(router, given)
    assert changes.send
    assert (changes.send.about, changes.send.about_wamid) == (first.id, "")


def test_message_of_another_conversation_cannot_be_quoted() -> None:
    router = Router()
    anna = open_conversation(router)
    bert = open_conversation(router, 2, phone="31622222222")
    lost = command("lost", second=3, conversation=anna.conversation)
    router.takes(lost, outcome(lost.id, "failed", second=4))
    note = command("note", second=5, conversation=anna.conversation, type="note")
    router.takes(note)
    other = command("other", second=6, conversation=bert.conversation)
    router.takes(other)
    for about in (bert.message, other.id, lost.id, note.id, id_of("nothing")):
        given = command(
            str(about), second=9, conversation=anna.conversation, reply_to_message=about
        )
        assert decide_one(router, given)[0].reason == str(NO_MESSAGE)
    reaction = command(
        "reaction",
        second=7,
        conversation=anna.conversation,
        type="reaction",
        reply_to_message=anna.message,
    )
    assert decide_one(router, reaction)[0].kind == "accepted"
    hers = {"id": "wamid.9", "type": "reaction", "reaction": {"message_id": "w", "emoji": "👍"}}
    thumb = inbound(text("", "", **ANNA) | hers, second=8)
    [reacted] = decisions(router.takes(thumb))
    assert reacted.conversation == anna.conversation
    for type in ("text", "reaction"):
        for about in (reaction.id, reacted.message):
            given = command(
                f"{type} {about}",
                second=9,
                conversation=anna.conversation,
                type=type,
                reply_to_message=about,
            )
            assert decide_one(router, given)[0].reason == str(NO_MESSAGE)
    new = command("new", second=9, to="31633333333", reply_to_message=anna.message)
    assert decide_one(router, new)[0].reason == str(NO_MESSAGE)


@pytest.mark.parametrize(
    ("more", "department", "rule"),
    [
        ({}, "klantcontact", ""),
        ({"department": "groen"}, "groen", "_opened"),
        ({"department": "groen", "departments": ["groen", "belastingen"]}, "groen", "_opened"),
        ({"departments": ["belastingen", "klantcontact"]}, "klantcontact", ""),
        ({"departments": ["belastingen"]}, "belastingen", "_opened"),
        ({"departments": ["belastingen", "gone"]}, "belastingen", "_opened"),
    ],
)
def test_a_conversation_that_we_begin_is_of_whoever_begins_it(
    more: dict[str, Any], department: str, rule: str
) -> None:
    router = Router()
    decision, changes = decide_one(router, command("a", to=PHONE, **more))
    assert (decision.department, decision.rule) == (department, rule)
    assert changes.conversation and changes.conversation.departments == (department,)
    answer = router.takes(inbound(text("wamid.1", "woz", phone=PHONE), second=1))
    assert decisions(answer)[0].department == ("belastingen" if not rule else department)


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"department": "iets"}, str(NO_DEPARTMENT)),
        ({"department": "groen", "departments": ["belastingen"]}, str(NO_DEPARTMENT)),
        ({"departments": ["belastingen", "groen"]}, str(NAME_DEPARTMENT)),
        ({"tenant": "borne"}, str(NO_CONVERSATION)),
    ],
)
def test_a_conversation_that_nobody_may_begin_is_not_begun(
    more: dict[str, Any], reason: str
) -> None:
    router = Router()
    decision, changes = decide_one(router, command("a", to=PHONE, **more))
    assert (decision.kind, decision.reason) == ("refused", reason)
    assert changes.identities == () and changes.conversation is None
    assert router.conversations == router.identities == {}


def test_a_message_to_a_number_goes_on_where_it_may_or_is_refused() -> None:
    router = Router()
    conversation = open_conversation(router).conversation
    for n, more in enumerate([{}, {"departments": ["klantcontact"]}]):
        decision, _ = decide_one(router, command(str(n), second=2, to=PHONE, **more))
        assert decision.conversation == conversation
    for n, more in enumerate([{"departments": ["groen"]}, {"department": "groen"}]):
        decision, _ = decide_one(router, command(f"no {n}", second=3, to=PHONE, **more))
        assert decision.reason == str(TRANSFERRED)


def test_a_message_to_a_bsuid_joins_the_conversation_with_that_person() -> None:
    router = Router()
    conversation = open_conversation(router).conversation
    decision, changes = decide_one(router, command("a", second=2, to="NL.anna"))
    assert decision.conversation == conversation
    assert changes.send
    assert (changes.send.address_kind, changes.send.address) == ("bsuid", "NL.anna")
    new, _ = decide_one(router, command("b", second=3, to="NL.bert"))
    assert (
        open_conversation(router, 4, bsuid="NL.bert").conversation
        == new.conversation
        != conversation
    )


def test_content_that_is_no_json_is_never_a_reason_to_stop() -> None:
    router = Router()
    conversation = open_conversation(router).conversation
    for n, content in enumerate([b"\xff", b"[", b'{"template":7}', b"[" * 5000]):
        given = command(str(n), conversation=conversation, type="template", content=content)
        [record] = records_of(router.takes(given))
        assert record.kind == "message"


@pytest.mark.parametrize("to_a_number", [False, True])
def test_command_of_an_unknown_type_reaches_no_citizen(to_a_number: bool) -> None:
    router = Router()
    conversation = open_conversation(router).conversation
    before = dict(router.conversations)
    where = {"to": "31633333333"} if to_a_number else {"conversation": conversation}
    given = command("a", second=5, type="unknown", **where)
    decision, changes = decide_one(router, given)
    assert (decision.kind, decision.status, decision.reason) == (
        "refused",
        "failed",
        str(TYPE_UNKNOWN),
    )
    assert decision.reason.startswith("type_unknown: ")
    assert changes.send is None and router.conversations == before
    assert router.outgoing[given.id].status == "failed"


def test_router_knows_every_action_on_a_conversation_of_the_gateway() -> None:
    hints = [get_type_hints(body.action)["return"] for body in get_args(Change)]
    assert set(hints) == set(CONVERSATION_COMMANDS)


def test_gateway_accepts_every_message_type_of_the_contract() -> None:
    kinds = set(get_args(Media.model_fields["kind"].annotation))
    types = {get_args(body.model_fields["type"].annotation)[0] for body in BODIES}
    assert types - {"media"} | kinds == set(get_args(MessageType))


@pytest.mark.parametrize(
    ("more", "whose"),
    [
        ({}, "klantcontact"),
        ({"departments": ["belastingen", "klantcontact"]}, "klantcontact"),
        ({"departments": ["groen", "belastingen"]}, "belastingen"),
        ({"departments": ["groen"]}, "groen"),
        ({"departments": ["groen", "nieuw"]}, ""),
        ({"departments": ["groen", "nieuw"], "department": "nieuw"}, "nieuw"),
        ({"tenant": "borne"}, ""),
        ({"tenant": "borne", "departments": ["klantcontact"]}, "klantcontact"),
    ],
)
@pytest.mark.parametrize("to_a_number", [False, True])
def test_a_refusal_stands_on_the_record_of_the_department_that_ordered_it(
    more: dict[str, Any], whose: str, to_a_number: bool
) -> None:
    """In a conversation that belastingen had, and klantcontact has again."""
    router = Router()
    conversation = open_conversation(router).conversation
    for n, department in enumerate(("belastingen", "klantcontact"), 2):
        given = command(
            str(n), second=n, conversation=conversation, type="transfer", to_department=department
        )
        router.takes(given)
    where = {"to": PHONE} if to_a_number else {"conversation": conversation}
    given = command(
        "a", second=9, reply_to_message=id_of("nothing"), type="reaction", **where, **more
    )
    decision, changes = decide_one(router, given)
    assert (decision.kind, decision.department, decision.conversation) == ("refused", whose, "")
    assert changes.outgoing and changes.outgoing.department == whose
