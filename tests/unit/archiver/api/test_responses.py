"""Answers have the members that their document describes."""

import json
from typing import Any

import msgspec
import pytest
from pydantic import BaseModel

from archiver.api import examples, presenter
from archiver.api.queries import NO_TERM
from archiver.api.responses import Conversation, Happened, Message, Messages, Note, Page
from tests.support.archiver.record_rows import (
    NOTED,
    RECEIVED,
    SENT,
    row,
    send_row,
    shown,
    status_row,
)


def described(model: type[BaseModel]) -> set[str | None]:
    return {field.alias for field in model.model_fields.values()}


@pytest.mark.parametrize(
    ("model", "example"),
    [
        (Message, examples.MESSAGE),
        (Messages, examples.MESSAGES),
        (Conversation, examples.CONVERSATION),
        (Page, examples.PAGE),
    ],
)
def test_example_is_an_answer(model: type[BaseModel], example: object) -> None:
    read = model.model_validate_json(json.dumps(example))
    assert json.loads(read.model_dump_json(by_alias=True)) == example


FAILED = send_row("failed", "failed", reason="131047: ...")


@pytest.mark.parametrize(
    "answer",
    [
        shown(RECEIVED, raw=b'{"id": "wamid.theirs"}'),
        shown(RECEIVED | {"direction": "echo", "sentAt": None}),
        shown(SENT, FAILED, status_row("read"), status_row("odd")),
    ],
    ids=["received", "echo", "sent"],
)
def test_every_member_of_a_message_is_described(answer: dict[str, Any]) -> None:
    Message.model_validate_json(json.dumps(answer))
    assert answer.keys() == described(Message)


@pytest.mark.parametrize("left", [False, True])
def test_every_member_of_a_conversation_is_described(left: bool) -> None:
    opened = {"event": "opened", "department": "groen", "decision": examples.DECISION}
    steps = [row("conversation", opened, left=left)]
    answer = presenter.conversation_json("10000001-x", steps, [row("note", NOTED)])
    answer |= presenter.term_json(NO_TERM) | presenter.last_answer_json(None)
    Conversation.model_validate_json(msgspec.json.encode(answer))
    assert answer.keys() == described(Conversation)
    [step], [note] = answer["history"], answer["notes"]
    assert (step.keys(), note.keys()) == (described(Happened), described(Note))
