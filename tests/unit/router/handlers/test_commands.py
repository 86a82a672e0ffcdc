"""Messages that a CRM commands: to whom they go, in which conversation, and why not."""

from typing import Any, get_args, get_type_hints

import msgspec
import pytest

from gateway.requests.changes import Change
from gateway.requests.messages import Media, Message
from router.conversation.refusals import (
    NAME_DEPARTMENT,
    NO_ADDRESS,
    NO_CONVERSATION,
    NO_DEPARTMENT,
    NO_MESSAGE,
    NO_NUMBER,
    TRANSFERRED,
    TYPE_UNKNOWN,
)
from router.handlers.conversation_commands import CONVERSATION_COMMANDS
from services.contract import AttachedFile, MessageType, UnknownAction
from tests.support.router.commands import MACHINE, SANNE, command, text_content
from tests.support.router.decisions import data, decisions, events, records_of
from tests.support.router.harness import Router, decide_one, open_conversation
from tests.support.router.names import ANNA, BERT, BORNE, NUMBER, OTHER_NUMBER, at, id_of
from tests.support.router.webhooks import inbound, outcome, text, writes

PHONE = ANNA["phone"]
BODIES = get_args(get_args(Message)[0])
"""Request bodies of all messages that the gateway takes."""


def with_conversation() -> tuple[Router, str]:
    router = Router()
    return router, open_conversation(router).conversation


def test_answer_goes_to_the_citizen_with_the_next_sequence() -> None:
    router, conversation = with_conversation()
    order = command("answer", second=5, conversation=conversation)
    decision, changes = decide_one(router, order)
    assert (decision.kind, decision.status, decision.sequence) == ("accepted", "accepted", 2)
    assert (decision.conversation, decision.opened) == (conversation, None)
    send = changes.send
    assert send and (send.id, send.address_kind, send.address) == (order.id, "phone", PHONE)
    assert (send.created_at, send.place) == (at(5), decision.sequence)
    assert send.content == text_content("Goedemiddag")


def test_message_to_an_unknown_citizen_opens_a_conversation() -> None:
    router = Router()
    said = router.takes(command("a", to=PHONE))
    [decision] = decisions(said)
    assert decision.opened is not None and decision.department == "klantcontact"
    numbered = [(r.kind, r.sequence) for r in records_of(said)]
    assert numbered == [("conversation", 0), ("message", 1)]
    assert open_conversation(router, phone=PHONE).conversation == decision.conversation


def test_two_commands_for_a_new_citizen_open_one_conversation() -> None:
    one, other = decisions(Router().takes(command("a", to=PHONE), command("b", to=PHONE)))
    assert one.conversation == other.conversation
    assert (one.sequence, other.sequence) == (1, 2)
    assert one.opened and not other.opened


def test_message_goes_to_the_very_number_that_was_commanded() -> None:
    router, _ = with_conversation()
    router.takes(inbound(text("w", "ik", bsuid="NL.anna", phone="31622222222"), second=9))
    _, changes = decide_one(router, command("a", second=10, to=PHONE))
    assert changes.send and changes.send.address == PHONE


def test_unsendable_command_is_refused_and_never_reaches_the_ledger() -> None:
    router = Router()
    conversation = open_conversation(router, phone="NL.ENT.anna").conversation
    for more, reason in [
        ({"number": "99999999", "to": PHONE}, str(NO_NUMBER)),
        ({"conversation": f"{NUMBER}-aaaa"}, str(NO_CONVERSATION)),
        ({"number": BORNE, "conversation": conversation}, str(NO_CONVERSATION)),
        ({"number": OTHER_NUMBER, "conversation": conversation}, str(NO_CONVERSATION)),
        ({"conversation": conversation}, str(NO_ADDRESS)),
    ]:
        order = command(str(more), **more)
        said = router.takes(order)
        [decision], changes = decisions(said), router.changes[-1]
        assert (decision.kind, decision.status, decision.reason) == ("refused", "failed", reason)
        assert changes.send is None and changes.conversation is None
        assert router.outgoing[order.id].status == "failed"
        assert [r.kind for r in records_of(said)] == ["message"] and events(said) == []
    assert router.conversations[conversation].sequence == 1


def test_repeated_command_is_sent_once_and_archived_alike() -> None:
    router, order = Router(), command("a", to=PHONE)
    first = router.takes(order, order)
    again = router.takes(order)
    assert records_of(again) == records_of(first)
    assert [bool(changes.send) for _, _, changes in [*first, *again]] == [True, False]


def test_message_of_any_type_goes_out_with_its_content_and_is_archived() -> None:
    router, conversation = with_conversation()
    content = b'{"type":"image","image":{"caption":"kijk"}}'
    more = {"text": "kijk", "content": content, "media": id_of("upload"), "author": MACHINE}
    said = router.takes(command("a", "image", second=5, conversation=conversation, **more))
    send = router.changes[-1].send
    assert send and (send.content, send.media) == (content, id_of("upload"))
    [record] = records_of(said)
    expected = {
        "content": msgspec.json.decode(content),
        "type": "image",
        "text": "kijk",
        "token": "crm",
        "media": str(id_of("upload")),
        "quoted": None,
        "author": {"kind": "automated", "id": "bot"},
        "direction": "out",
        "department": "klantcontact",
    }
    assert data(record) | expected == data(record)
    assert "medium" not in data(record)  # it names a link, or is of an older version


FILE = AttachedFile(mime_type="image/jpeg", sha256="ab" * 32, filename="kaart.jpg")


def test_record_of_a_sent_file_says_where_the_archive_finds_it() -> None:
    router, conversation = with_conversation()
    more = {"media": id_of("upload"), "file": FILE, "author": SANNE, "conversation": conversation}
    [record] = records_of(router.takes(command("a", "image", second=5, **more)))
    assert data(record)["number"] == NUMBER
    assert data(record)["medium"] == {
        "id": "",
        "upload": str(id_of("upload")),
        "mimeType": "image/jpeg",
        "sha256": "ab" * 32,
        "filename": "kaart.jpg",
    }


def test_record_of_a_refused_message_has_no_file() -> None:
    order = command("a", "image", conversation="elders", media=id_of("upload"), file=FILE)
    [record] = records_of(Router().takes(order))
    assert data(record)["status"] != "accepted" and "medium" not in data(record)


def test_answer_quotes_a_message_of_its_conversation() -> None:
    router = Router()
    heard = open_conversation(router)
    where = {"conversation": heard.conversation}
    first = command("a", second=2, reply_to_message=heard.message, **where)
    _, changes = decide_one(router, first)
    assert changes.send
    assert (changes.send.about, changes.send.about_wamid) == (heard.message, "wamid.1")
    ours = command("b", "reaction", second=3, reply_to_message=first.id, **where)
    _, changes = decide_one(router, ours)
    assert changes.send
    assert (changes.send.about, changes.send.about_wamid) == (first.id, "")  # the ledger knows it
    both = Router().takes(writes(1, "hallo"), first)
    assert [d.kind for d in decisions(both)] == ["message", "accepted"]


def test_message_of_another_conversation_and_a_reaction_cannot_be_quoted() -> None:
    router = Router()
    anna, bert = open_conversation(router), open_conversation(router, 2, **BERT)

    def sends(name: str, type: str = "text", **more: Any) -> Any:
        given = {"conversation": anna.conversation} | more
        order = command(name, type, second=9, **given)
        return order.id, decide_one(router, order)[0]

    lost, _ = sends("lost")
    router.takes(outcome(lost, "failed", second=4))
    note, _ = sends("note", "note")
    other, _ = sends("other", conversation=bert.conversation)
    for about in (bert.message, other, lost, note, id_of("nothing")):
        assert sends(str(about), reply_to_message=about)[1].reason == str(NO_MESSAGE)
    reaction, accepted = sends("reaction", "reaction", reply_to_message=anna.message)
    assert accepted.kind == "accepted"
    hers = {"id": "wamid.9", "type": "reaction", "reaction": {"message_id": "w", "emoji": "👍"}}
    reacted, _ = decide_one(router, inbound(text("", "", **ANNA) | hers, second=8))
    assert reacted.conversation == anna.conversation
    for type in ("text", "reaction"):
        for about in (reaction, reacted.message):
            assert sends(f"{type} {about}", type, reply_to_message=about)[1].reason == str(
                str(NO_MESSAGE)
            )
    new = {"conversation": "", "to": "31633333333", "reply_to_message": anna.message}
    assert sends("new", **new)[1].reason == str(NO_MESSAGE)


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
def test_conversation_that_the_municipality_begins_belongs_to_the_department_that_begins_it(
    more: dict[str, Any], department: str, rule: str
) -> None:
    router = Router()
    decision, changes = decide_one(router, command("a", to=PHONE, **more))
    assert (decision.department, decision.rule) == (department, rule)
    assert changes.conversation and changes.conversation.departments == (department,)
    answer, _ = decide_one(router, inbound(text("wamid.1", "woz", phone=PHONE), second=1))
    assert answer.department == (department if rule else "belastingen")


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"department": "iets"}, str(NO_DEPARTMENT)),
        ({"department": "groen", "departments": ["belastingen"]}, str(NO_DEPARTMENT)),
        ({"departments": ["belastingen", "groen"]}, str(NAME_DEPARTMENT)),
        ({"tenant": "borne"}, str(NO_CONVERSATION)),
    ],
)
def test_conversation_that_nobody_may_begin_is_refused(more: dict[str, Any], reason: str) -> None:
    router = Router()
    decision, changes = decide_one(router, command("a", to=PHONE, **more))
    assert (decision.kind, decision.reason) == ("refused", reason)
    assert changes.identities == () and changes.conversation is None
    assert router.conversations == router.identities == {}


def test_message_to_a_number_joins_its_open_conversation_or_is_refused() -> None:
    router, conversation = with_conversation()
    for more, sequence in (({}, 2), ({"departments": ["klantcontact"]}, 3)):
        decision, _ = decide_one(router, command(str(more), second=2, to=PHONE, **more))
        assert (decision.conversation, decision.sequence) == (conversation, sequence)
    for more in ({"departments": ["groen"]}, {"department": "groen"}):
        decision, _ = decide_one(router, command(str(more), second=3, to=PHONE, **more))
        assert decision.reason == str(TRANSFERRED)


def test_message_to_a_bsuid_joins_the_conversation_with_that_person() -> None:
    router, conversation = with_conversation()
    decision, changes = decide_one(router, command("a", second=2, to="NL.anna"))
    assert decision.conversation == conversation
    assert changes.send
    assert (changes.send.address_kind, changes.send.address) == ("bsuid", "NL.anna")
    new, _ = decide_one(router, command("b", second=3, to="NL.bert"))
    bert = open_conversation(router, 4, bsuid="NL.bert").conversation
    assert bert == new.conversation != conversation


@pytest.mark.parametrize("content", [b"\xff", b"[", b'{"template":7}', b"[" * 5000])
def test_command_with_content_that_is_no_json_is_archived(content: bytes) -> None:
    router, conversation = with_conversation()
    given = command("a", "template", conversation=conversation, content=content)
    assert [record.kind for record in records_of(router.takes(given))] == ["message"]


@pytest.mark.parametrize("to_a_number", [False, True])
def test_command_of_an_unknown_type_is_refused(to_a_number: bool) -> None:
    router, conversation = with_conversation()
    before = dict(router.conversations)
    where = {"to": "31633333333"} if to_a_number else {"conversation": conversation}
    given = command("a", "unknown", second=5, **where)
    decision, changes = decide_one(router, given)
    assert (decision.kind, decision.status) == ("refused", "failed")
    assert decision.reason == str(TYPE_UNKNOWN)
    assert decision.reason.startswith("type_unknown: ")
    assert changes.send is None and router.conversations == before
    assert router.outgoing[given.id].status == "failed"


def test_refused_command_has_no_type_in_its_status() -> None:
    router, conversation = with_conversation()
    done, refused = (
        command(name, conversation=conversation, department=department)
        for name, department in (("a", ""), ("b", "groen"))
    )
    decided = router.takes(done, refused)
    assert [router.outgoing[each.id].type for each in (done, refused)] == ["text", ""]
    assert all("purpose" not in data(record) for record in records_of(decided))


def test_record_of_an_unknown_command_says_that_it_was_refused() -> None:
    router, conversation = with_conversation()
    [record] = records_of(router.takes(command("a", "unknown", conversation=conversation)))
    kept = data(record)
    assert (record.kind, kept["event"], kept["order"]) == ("conversation", "refused", "unknown")
    assert (kept["status"], kept["by"]["token"]) == ("failed", "crm")


def test_every_type_that_the_gateway_takes_is_known() -> None:
    kinds = set(get_args(Media.model_fields["kind"].annotation))
    types = {get_args(body.model_fields["type"].annotation)[0] for body in BODIES}
    assert types - {"media"} | kinds == set(get_args(MessageType))
    actions = {get_type_hints(body.action)["return"] for body in get_args(Change)}
    assert actions == CONVERSATION_COMMANDS.keys() - {UnknownAction}


@pytest.mark.parametrize(
    ("more", "department"),
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
def test_refused_command_is_archived_for_the_department_that_gave_it(
    more: dict[str, Any], department: str, to_a_number: bool
) -> None:
    """The conversation was at belastingen, and is at klantcontact again."""
    router, conversation = with_conversation()
    for n, to in enumerate(("belastingen", "klantcontact"), 2):
        given = {"conversation": conversation, "to_department": to}
        router.takes(command(str(n), "transfer", second=n, **given))
    where = {"to": PHONE} if to_a_number else {"conversation": conversation}
    given = {"reply_to_message": id_of("nothing")} | where | more
    decision, changes = decide_one(router, command("a", "reaction", second=9, **given))
    refused = (decision.kind, decision.department, decision.conversation)
    assert refused == ("refused", department, "")
    assert changes.outgoing and changes.outgoing.department == department


@pytest.mark.parametrize("is_test", [False, True])
def test_message_of_a_test_token_is_marked_in_the_ledger_and_on_the_record(is_test: bool) -> None:
    router, conversation = with_conversation()
    done = router.takes(command("a", conversation=conversation, test=is_test))
    send = router.changes[-1].send
    assert send is not None and send.test is is_test
    [record] = records_of(done)
    assert data(record).get("test", False) is is_test
