"""What the archiver answers is what its document says, member by member."""

import json

import msgspec
import pytest
from pydantic import BaseModel

from archiver.api import examples, presenter
from archiver.api.responses import Conversation, Happened, Message, Messages, Note, Page
from tests.unit.archiver.api.test_presenter import NOTED, RECEIVED, SENT, row, sent, shown, told


@pytest.mark.parametrize(
    ("model", "example"),
    [
        (Message, examples.MESSAGE),
        (Messages, examples.MESSAGES),
        (Conversation, examples.CONVERSATION),
        (Page, examples.PAGE),
    ],
)
def test_every_example_is_an_answer(model: type[BaseModel], example: object) -> None:
    read = model.model_validate_json(json.dumps(example))
    assert json.loads(read.model_dump_json(by_alias=True)) == example


@pytest.mark.parametrize(
    "answer",
    [
        shown(RECEIVED, raw=b'{"id": "wamid.theirs"}'),
        shown(RECEIVED | {"direction": "echo", "sentAt": None}),
        shown(SENT, sent("failed", "failed", reason="131047: ..."), told("read"), told("odd")),
    ],
)
def test_every_member_of_a_message_is_described(answer: dict[str, object]) -> None:
    Message.model_validate_json(json.dumps(answer))
    assert answer.keys() == {field.alias for field in Message.model_fields.values()}


def test_every_member_of_a_note_is_described() -> None:
    [note] = presenter.notes_json([row("note", NOTED)])
    assert note.keys() == {field.alias for field in Note.model_fields.values()}


def test_every_member_of_a_conversation_is_described() -> None:
    opened = {"event": "opened", "department": "groen", "decision": examples.DECISION}
    for left in (False, True):
        steps, notes = [row("conversation", opened, left=left)], [row("note", NOTED)]
        made = presenter.conversation_json("10000001-x", steps, notes)
        answer = msgspec.json.encode(made)
        Conversation.model_validate_json(answer)
        assert made.keys() == {field.alias for field in Conversation.model_fields.values()}
        [step] = made["history"]
        assert step.keys() == {field.alias for field in Happened.model_fields.values()}
