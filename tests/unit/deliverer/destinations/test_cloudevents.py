"""An event as a CRM gets it, checked as a CRM would: by a library, with no more than the secret."""

import base64
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook

from deliverer.destinations import cloudevents
from services.http.webhook_signature import key_of
from tests.support.deliverer.delivery_jobs import NOON, delivery

ARCHIVER = "https://archief.example"
KEY = b"a key of 24 bytes or more"
EVENT = delivery(7)
BODY = cloudevents.body(EVENT, ARCHIVER)


def headers(keys: Sequence[bytes] = (KEY,), at: datetime = NOON) -> dict[str, str]:
    return dict(cloudevents.headers(EVENT, BODY, keys, at))


def is_signed(key: bytes, headers: dict[str, str], body: bytes = BODY) -> bool:
    """True when one signature is that of Standard Webhooks' library for `id.timestamp.body`."""
    at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
    expected = Webhook(key).sign(headers["webhook-id"], at, body.decode())
    return expected in headers["webhook-signature"].split(" ")


def test_body_is_a_cloudevent_of_the_dutch_profile() -> None:
    assert json.loads(BODY) == {
        "specversion": "1.0",
        "id": str(EVENT.id),
        "source": "urn:nld:gemeente-almelo.systeem:postkamer",
        "type": "nl.postkamer.message-received.v1",
        "time": "2026-11-25T12:00:07Z",
        "datacontenttype": "application/json",
        "sequence": "7",
        "sequencetype": "Integer",
        "data": {"text": "één"},
    }


def test_body_says_where_confidential_content_is_fetched() -> None:
    event = msgspec.structs.replace(EVENT, dataref="/v1/messages/7")
    dataref = json.loads(cloudevents.body(event, ARCHIVER))["dataref"]
    assert dataref == "https://archief.example/v1/messages/7"


def test_signature_covers_body_and_timestamp() -> None:
    signed = headers()
    assert signed["Content-Type"] == "application/cloudevents+json; charset=utf-8"
    assert signed["webhook-id"] == str(EVENT.id)
    assert signed["webhook-timestamp"] == "1795608000"
    assert is_signed(KEY, signed)
    assert not is_signed(KEY + b"x", signed)
    assert not is_signed(KEY, signed, BODY + b" ")
    assert not is_signed(KEY, signed | {"webhook-timestamp": "1795608001"})


def test_event_is_signed_with_both_secrets_during_rotation() -> None:
    signed = headers([KEY, b"the next one"])
    assert is_signed(KEY, signed) and is_signed(b"the next one", signed)
    assert not is_signed(b"another", signed)


def test_each_attempt_has_the_same_body_and_id_and_its_own_signature() -> None:
    assert cloudevents.body(EVENT, ARCHIVER) == BODY
    attempts = [headers(at=NOON + timedelta(hours=n)) for n in range(3)]
    assert len({each["webhook-id"] for each in attempts}) == 1
    assert len({each["webhook-signature"] for each in attempts}) == 3
    assert all(is_signed(KEY, each) for each in attempts)


@given(st.binary(min_size=1, max_size=80))
def test_secret_of_standard_webhooks_is_base64_and_any_other_is_itself(key: bytes) -> None:
    assert key_of("whsec_" + base64.b64encode(key).decode()) == key
    assert key_of(key.hex()) == key.hex().encode()
    assert is_signed(key, headers([key]))


@pytest.mark.parametrize("secret", ["whsec_", "whsec_hunter2", "whsec_====", "whsec_hünter2==="])
def test_malformed_secret_is_refused_and_not_quoted(secret: str) -> None:
    with pytest.raises(ValueError, match="whsec_") as raised:
        key_of(secret)
    assert "nter2" not in str(raised.value)
