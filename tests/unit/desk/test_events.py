"""Events as the desk reads them."""

import json
from typing import Any

import pytest

from desk.events.event import MAX_EVENTS, InvalidEvent, read_events

SINGLE = "application/cloudevents+json; charset=utf-8"
BATCH = "application/cloudevents-batch+json"
EVENT: dict[str, Any] = {
    "specversion": "1.0",
    "id": "01a21062-22ad-7443-a204-96cc515ae363",
    "source": "urn:nld:gemeente-almelo.systeem:postkamer",
    "type": "nl.postkamer.message-received.v1",
    "time": "2026-11-25T01:46:36.589943Z",
    "datacontenttype": "application/json",
    "sequence": "12",
    "sequencetype": "Integer",
    "data": {
        "conversationId": "106540352242922-abc",
        "department": "burgerzaken",
        "text": "hallo",
        "from": {"identities": [{"kind": "phone", "value": "31600000011"}], "name": "Fatima"},
        "unknownField": {"new": True},
    },
}


def body(**changes: Any) -> bytes:
    return json.dumps(EVENT | changes).encode()


def test_event_is_read_and_unknown_fields_are_ignored() -> None:
    [found] = read_events(SINGLE, body(newAttribute=1))
    assert (found.sequence, found.data.text, found.data.sender.name) == (12, "hallo", "Fatima")


def test_batch_is_read_in_order() -> None:
    events = read_events(BATCH, b"[" + body() + b"," + body(sequence="13") + b"]")
    assert [each.sequence for each in events] == [12, 13]


def test_department_that_a_conversation_left_is_no_citizen() -> None:
    [found] = read_events(SINGLE, body(data=EVENT["data"] | {"from": "belastingen"}))
    assert found.data.sender.name == ""


@pytest.mark.parametrize(
    ("content_type", "given"),
    [
        ("application/json", body()),
        (SINGLE, b"[]"),
        (SINGLE, b"\xff"),
        (SINGLE, b""),
        (SINGLE, body(specversion="0.3")),
        (SINGLE, body(id="no id")),
        (SINGLE, body(sequence="-1")),
        (SINGLE, body(sequence="9" * 19)),
        (SINGLE, body(data=[])),
        (SINGLE, body(data={"text": 3})),
        (BATCH, body()),
        (BATCH, b"[" + b",".join([body()] * (MAX_EVENTS + 1)) + b"]"),
    ],
)
def test_body_without_events_is_refused_and_not_quoted(content_type: str, given: bytes) -> None:
    with pytest.raises(InvalidEvent) as caught:
        read_events(content_type, given)
    assert "hallo" not in str(caught.value)
