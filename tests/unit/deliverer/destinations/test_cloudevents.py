"""An event as a CRM gets it, checked as a CRM would: by a library, with nothing of ours but the
secret."""

import base64
import json
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook

from deliverer.destinations import cloudevents
from tests.support.deliverer.delivery_jobs import NOON, delivery

ARCHIVER = "https://archief.example"
KEY = b"a key of 24 bytes or more"


def is_signed(key: bytes, headers: dict[str, str], body: bytes) -> bool:
    """As the library of Standard Webhooks signs `id.timestamp.body`; one of several may fit."""
    at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
    expected = Webhook(key).sign(headers["webhook-id"], at, body.decode())
    return expected in headers["webhook-signature"].split(" ")


def test_the_body_is_a_cloudevent_of_the_dutch_profile() -> None:
    event = delivery(7)
    assert json.loads(cloudevents.body(event, ARCHIVER)) == {
        "specversion": "1.0",
        "id": str(event.id),
        "source": "urn:nld:gemeente-almelo.systeem:postkamer",
        "type": "nl.postkamer.message-received.v1",
        "time": "2026-11-25T12:00:07Z",
        "datacontenttype": "application/json",
        "sequence": "7",
        "sequencetype": "Integer",
        "data": {"text": "één"},
    }


def test_an_event_that_does_not_say_all_says_where_the_rest_is() -> None:
    event = msgspec.structs.replace(delivery(7), dataref="/v1/messages/7")
    said = json.loads(cloudevents.body(event, ARCHIVER))
    assert said["dataref"] == "https://archief.example/v1/messages/7"


def test_a_crm_can_check_the_signature_by_itself() -> None:
    event = delivery(7)
    body = cloudevents.body(event, ARCHIVER)
    headers = dict(cloudevents.headers(event, body, [KEY], NOON))
    assert headers["Content-Type"] == "application/cloudevents+json; charset=utf-8"
    assert headers["webhook-id"] == str(event.id)
    assert headers["webhook-timestamp"] == "1795608000"
    assert is_signed(KEY, headers, body)
    assert not is_signed(KEY + b"x", headers, body)
    assert not is_signed(KEY, headers, body + b" ")
    assert not is_signed(KEY, headers | {"webhook-timestamp": "1795608001"}, body)


def test_event_is_signed_with_both_secrets_during_rotation() -> None:
    event = delivery(7)
    body = cloudevents.body(event, ARCHIVER)
    headers = dict(cloudevents.headers(event, body, [KEY, b"the next one"], NOON))
    assert is_signed(KEY, headers, body) and is_signed(b"the next one", headers, body)
    assert not is_signed(b"another", headers, body)


def test_every_try_sends_the_same_bytes_under_the_same_id_signed_anew() -> None:
    event = delivery(7)
    bodies = {cloudevents.body(event, ARCHIVER) for _ in range(3)}
    assert len(bodies) == 1
    [body] = bodies
    tries = [
        dict(cloudevents.headers(event, body, [KEY], NOON + timedelta(hours=n))) for n in range(3)
    ]
    assert len({headers["webhook-id"] for headers in tries}) == 1
    assert len({headers["webhook-signature"] for headers in tries}) == 3
    assert all(is_signed(KEY, headers, body) for headers in tries)


@given(st.binary(min_size=1, max_size=80))
def test_a_secret_of_standard_webhooks_is_its_base64_and_any_other_is_itself(key: bytes) -> None:
    secret = "whsec_" + base64.b64encode(key).decode()
    assert cloudevents.key_of(secret) == key
    assert cloudevents.key_of(key.hex()) == key.hex().encode()
    event = delivery(1)
    body = cloudevents.body(event, ARCHIVER)
    assert is_signed(key, dict(cloudevents.headers(event, body, [key], NOON)), body)


@pytest.mark.parametrize("secret", ["whsec_", "whsec_hunter2", "whsec_====", "whsec_hünter2==="])
def test_a_secret_that_is_none_is_refused_and_not_quoted(secret: str) -> None:
    with pytest.raises(ValueError, match="whsec_") as raised:
        cloudevents.key_of(secret)
    assert "nter2" not in str(raised.value)
