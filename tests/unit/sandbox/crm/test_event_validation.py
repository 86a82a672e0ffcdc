import json
from typing import Any

import pytest

from sandbox.crm import event_validation

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


def headers(body: bytes, **changed: str) -> dict[str, str]:
    signed = {
        "webhook-id": "e1",
        "webhook-timestamp": "1000",
        "webhook-signature": event_validation.signature(SECRET, "e1", "1000", body),
    }
    return signed | {name.replace("_", "-"): value for name, value in changed.items()}


def test_the_signature_is_that_of_standard_webhooks() -> None:
    # the example of the Standard Webhooks specification's own test suite
    import base64

    secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    id, body = "msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}'
    expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert event_validation.signature(secret, id, "1614265330", body) == expected


def test_a_signed_event_is_trusted_also_beside_the_signature_of_another_secret() -> None:
    assert event_validation.signature_fault(headers(b"x"), b"x", SECRET, 1000) == ""
    two = "v1,other " + headers(b"x")["webhook-signature"]
    assert (
        event_validation.signature_fault(headers(b"x", webhook_signature=two), b"x", SECRET, 1000)
        == ""
    )


@pytest.mark.parametrize(
    ("changed", "at", "word"),
    [
        ({"webhook_id": ""}, 1000, "webhook-id"),
        ({"webhook_id": "e2"}, 1000, "signature"),
        ({"webhook_timestamp": "soon"}, 1000, "whole number"),
        ({"webhook_timestamp": "999"}, 1000, "signature"),
        ({"webhook_signature": "v1,€"}, 1000, "signature"),
        ({}, 1301, "seconds away"),
        ({}, 699, "seconds away"),
    ],
)
def test_what_is_not_known_to_come_from_us_is_distrusted(
    changed: dict[str, str], at: float, word: str
) -> None:
    assert word in event_validation.signature_fault(headers(b"x", **changed), b"x", SECRET, at)


def test_a_changed_body_is_distrusted() -> None:
    assert event_validation.signature_fault(headers(b"x"), b"y", SECRET, 1000)


def test_an_event_is_read_with_its_place_in_the_conversation() -> None:
    raw = json.dumps(EVENT).encode()
    event, faults = event_validation.read_event(raw)
    assert faults == []
    assert event == event_validation.Event("e1", EVENT["type"], 17, "c1", raw)


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"specversion": "0.3"}, "specversion"),
        ({"id": ""}, "id is required"),
        ({"source": ""}, "source"),
        ({"type": ""}, "type"),
        ({"time": ""}, "time"),
        ({"datacontenttype": "text/plain"}, "datacontenttype"),
        ({"data": {}}, "conversationId"),
        ({"sequence": "x"}, "sequence must"),
        ({"sequence": 17}, "not a CloudEvent"),
        ({"sequencetype": "Text"}, "sequencetype"),
        ({"Traffic-Light": "x"}, "no name of an attribute"),
        ({"filler": "x" * event_validation.LARGEST_BYTES}, "at most"),
    ],
)
def test_an_event_that_a_crm_could_not_use_is_refused(changed: dict[str, Any], word: str) -> None:
    event, faults = event_validation.read_event(json.dumps(EVENT | changed).encode())
    assert event is None
    assert any(word in fault for fault in faults)


def test_every_fault_of_an_event_is_told_at_once() -> None:
    assert len(event_validation.read_event(b"{}")[1]) >= 6


@pytest.mark.parametrize("raw", [b"", b"[]", b"\xff", b'{"id": "\xff"}'])
def test_what_is_no_json_object_is_no_event(raw: bytes) -> None:
    assert event_validation.read_event(raw)[0] is None


def test_a_batch_is_split_and_other_content_types_are_not_ours() -> None:
    batch = json.dumps([EVENT, EVENT]).encode()
    parts = event_validation.split_batch("application/cloudevents-batch+json", batch)
    assert parts is not None
    assert [json.loads(part) for part in parts] == [EVENT, EVENT]
    assert event_validation.split_batch("application/json", batch) is None
