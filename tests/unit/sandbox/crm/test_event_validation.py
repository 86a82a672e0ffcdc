import base64
import json
from typing import Any

import pytest

from sandbox.crm import event_validation
from sandbox.crm.event_validation import Event
from services.event_types import DESTINATION_STATE_CHANGED

SECRET = b"secret"
EVENT: dict[str, Any] = {
    "specversion": "1.0",
    "id": "e1",
    "source": "urn:nld:oin:00000001234567890000:systeem:postkamer",
    "type": "nl.postkamer.message-received.v1",
    "time": "2026-11-20T08:14:03Z",
    "datacontenttype": "application/json",
    "sequence": "17",
    "sequencetype": "Integer",
    "data": {"conversationId": "c1"},
}


def test_the_signature_is_that_of_the_standard_webhooks_test_suite() -> None:
    secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    id, body = "msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}'
    expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert event_validation.signature(secret, id, "1614265330", body) == expected


VALID = event_validation.signature(SECRET, "e1", "1000", b"x")


@pytest.mark.parametrize(
    ("changed", "body", "at", "fault"),
    [
        ({}, b"x", 1000, ""),
        ({}, b"x", 1300, ""),
        ({"webhook-signature": f"v1,other {VALID}"}, b"x", 1000, ""),
        ({"webhook-id": ""}, b"x", 1000, "webhook-id"),
        ({"webhook-id": "e2"}, b"x", 1000, "signature"),
        ({"webhook-timestamp": "soon"}, b"x", 1000, "whole number"),
        ({"webhook-timestamp": "999"}, b"x", 1000, "signature"),
        ({"webhook-signature": "v1,€"}, b"x", 1000, "signature"),
        ({}, b"y", 1000, "signature"),
        ({}, b"x", 1301, "seconds away"),
        ({}, b"x", 699, "seconds away"),
    ],
)
def test_a_signature_is_valid_or_its_fault_is_named(
    changed: dict[str, str], body: bytes, at: float, fault: str
) -> None:
    headers = {"webhook-id": "e1", "webhook-timestamp": "1000", "webhook-signature": VALID}
    found = event_validation.signature_fault(headers | changed, body, SECRET, at)
    assert fault in found and bool(found) is bool(fault)


def test_an_event_is_read_with_its_sequence_and_conversation() -> None:
    raw = json.dumps(EVENT).encode()
    assert event_validation.read_event(raw) == Event("e1", EVENT["type"], 17, "c1", raw)
    raw = json.dumps({k: v for k, v in EVENT.items() if "sequence" not in k}).encode()
    assert event_validation.read_event(raw) == Event("e1", EVENT["type"], -1, "c1", raw)


def test_an_event_about_a_destination_has_no_conversation() -> None:
    changed = {"type": DESTINATION_STATE_CHANGED, "data": {"destination": "crm"}}
    found = event_validation.read_event(json.dumps(EVENT | changed).encode())
    assert isinstance(found, Event) and found.conversation == ""


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"specversion": "0.3"}, "specversion"),
        ({"id": ""}, "$.id"),
        ({"source": ""}, "$.source"),
        ({"type": ""}, "$.type"),
        ({"time": ""}, "$.time"),
        ({"datacontenttype": "text/plain"}, "datacontenttype"),
        ({"data": {}}, "conversationId"),
        ({"sequence": "x"}, "$.sequence"),
        ({"sequence": 17}, "$.sequence"),
        ({"sequencetype": "Text"}, "sequencetype"),
        ({"sequencetype": ""}, "sequencetype"),
        ({"Traffic-Light": "x"}, "no name of an attribute"),
        ({"filler": "x" * event_validation.LARGEST_BYTES}, "at most"),
    ],
)
def test_an_invalid_event_is_refused_with_its_fault(changed: dict[str, Any], word: str) -> None:
    found = event_validation.read_event(json.dumps(EVENT | changed).encode())
    assert isinstance(found, str) and word in found


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b"\xff", b'{"id": "\xff"}'])
def test_a_body_that_is_no_json_object_is_no_event(raw: bytes) -> None:
    assert isinstance(event_validation.read_event(raw), str)


def test_a_batch_is_split_and_another_content_type_is_not_supported() -> None:
    batch = json.dumps([EVENT, EVENT]).encode()
    parts = event_validation.split_batch("application/cloudevents-batch+json", batch)
    assert parts and [json.loads(part) for part in parts] == [EVENT, EVENT]
    assert event_validation.split_batch("application/json", batch) is None
