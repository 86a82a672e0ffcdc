import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from random import Random

import msgspec
import pytest

from sandbox.meta import webhook_payloads
from sandbox.meta.pricing import MonthlyPrices
from sandbox.meta.webhook_payloads import Citizen, Sent
from sandbox.organisation import Number

AT = datetime(2026, 11, 20, 8, 14, 3, tzinfo=UTC)
NUMBER = Number("106540352242922", "almelo")
CITIZEN = Citizen("31600000011", "Fatima")
HELLO = {"type": "text", "text": {"body": "hoi"}}
SENT = Sent(
    wamid="wamid.X", number=NUMBER, phone=CITIZEN.phone, bsuid=CITIZEN.bsuid, opaque="0190.1"
)


def value(body: webhook_payloads.Json) -> webhook_payloads.Json:
    found: webhook_payloads.Json = body["entry"][0]["changes"][0]["value"]
    return found


def test_a_webhook_is_ascii_without_spaces_and_bare_slashes() -> None:
    body = webhook_payloads.encode({"text": "€ 5 / één 😀"})
    assert body == rb'{"text":"\u20ac 5 \/ \u00e9\u00e9n \ud83d\ude00"}'
    assert json.loads(body) == {"text": "€ 5 / één 😀"}


def test_the_signature_covers_the_encoded_bytes() -> None:
    expected = hmac.new(b"secret", rb'{"a":"\/"}', hashlib.sha256).hexdigest()
    assert (
        webhook_payloads.sign(webhook_payloads.encode({"a": "/"}), "secret") == f"sha256={expected}"
    )


def test_a_wamid_has_the_phone_number_and_is_unique() -> None:
    chance = Random(1)
    ids = {webhook_payloads.wamid(CITIZEN.phone, chance, outgoing=False) for _ in range(100)}
    assert len(ids) == 100
    assert all(CITIZEN.phone.encode() in base64.b64decode(id.removeprefix("wamid.")) for id in ids)
    assert all(id.startswith("wamid.HBgL") for id in ids)


def test_a_message_has_the_phone_number_and_bsuid_of_its_sender() -> None:
    message = webhook_payloads.message(CITIZEN, "wamid.X", AT, HELLO)
    assert message == {
        "from": "31600000011",
        "from_user_id": CITIZEN.bsuid,
        "id": "wamid.X",
        "timestamp": "1795162443",
        "type": "text",
        "text": {"body": "hoi"},
    }
    contact = value(webhook_payloads.incoming(NUMBER, CITIZEN, message))["contacts"][0]
    assert (contact["wa_id"], contact["user_id"]) == (CITIZEN.phone, CITIZEN.bsuid)


def test_a_hidden_phone_number_is_nowhere_in_a_webhook() -> None:
    hidden = Citizen("31600000015", "Noor", hidden=True)
    message = webhook_payloads.message(hidden, "wamid.X", AT, HELLO)
    body = webhook_payloads.encode(webhook_payloads.incoming(NUMBER, hidden, message))
    assert hidden.phone.encode() not in body
    assert hidden.bsuid.encode() in body


def test_a_bsuid_is_stable_and_starts_with_the_country() -> None:
    assert Citizen(CITIZEN.phone).bsuid == CITIZEN.bsuid
    assert CITIZEN.bsuid.startswith("NL.")
    assert Citizen("31600000012").bsuid != CITIZEN.bsuid


def test_sent_and_delivered_have_a_price_and_each_status_our_value() -> None:
    sent = msgspec.structs.replace(SENT, pricing=MonthlyPrices().price(SENT, "text", AT))
    found = {
        name: value(webhook_payloads.status(sent, name, AT))["statuses"][0]
        for name in ("sent", "delivered", "read")
    }
    assert [n for n, status in found.items() if "pricing" in status] == ["sent", "delivered"]
    assert {s["biz_opaque_callback_data"] for s in found.values()} == {"0190.1"}


@pytest.mark.parametrize(("to_bsuid", "named"), [(False, False), (True, True)])
def test_a_failed_status_has_no_contact_and_a_bsuid_only_if_it_was_sent_to_one(
    to_bsuid: bool, named: bool
) -> None:
    sent = Sent(wamid="wamid.X", number=NUMBER, phone="", bsuid=CITIZEN.bsuid, to_bsuid=to_bsuid)
    found = value(webhook_payloads.status(sent, "failed", AT, 131047))
    assert "contacts" not in found
    assert ("recipient_user_id" in found["statuses"][0]) is named
    assert found["statuses"][0]["errors"][0]["code"] == 131047
