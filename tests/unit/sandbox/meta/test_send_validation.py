from typing import Any

import pytest

from sandbox.meta import send_validation
from sandbox.meta.send_validation import Refusal, Send

TEXT: dict[str, Any] = {
    "messaging_product": "whatsapp",
    "recipient_type": "individual",
    "to": "+31600000011",
    "type": "text",
    "text": {"body": "Goedemorgen"},
    "biz_opaque_callback_data": "0190.1",
}
DIRECT = TEXT | {"category": "utility"}


def interactive(content: dict[str, Any]) -> dict[str, Any]:
    return TEXT | {"type": "interactive", "interactive": {"body": {"text": "Kies"}} | content}


def buttons(*titles: str) -> dict[str, Any]:
    replies = [{"type": "reply", "reply": {"id": t[:5] or "x", "title": t}} for t in titles]
    return interactive({"type": "button", "action": {"buttons": replies}})


def with_parts(**parts: Any) -> dict[str, Any]:
    """Buttons by Direct Send with more parts."""
    body = buttons("Ja")
    return body | {"interactive": body["interactive"] | parts, "category": "utility"}


def rows(n: int) -> dict[str, Any]:
    many = [{"id": str(i), "title": f"Rij {i}"} for i in range(n)]
    action = {"button": "Kies", "sections": [{"title": "Alles", "rows": many}]}
    return interactive({"type": "list", "action": action})


@pytest.mark.parametrize(
    ("recipient", "phone", "bsuid"),
    [
        ({"to": "+31600000011"}, "31600000011", ""),
        ({"to": None, "recipient": "NL.A1"}, "", "NL.A1"),
        ({"to": "+31600000011", "recipient": "NL.A1"}, "31600000011", ""),
    ],
)
def test_a_message_is_sent_to_a_number_else_to_a_bsuid(
    recipient: dict[str, Any], phone: str, bsuid: str
) -> None:
    send = send_validation.validate(TEXT | recipient)
    assert isinstance(send, Send)
    assert (send.phone, send.bsuid, send.opaque) == (phone, bsuid, "0190.1")


@pytest.mark.parametrize(
    "body",
    [
        TEXT | {"text": {"body": "x" * 4096}},
        TEXT | {"text": {"body": "😀" * 2048}},
        TEXT | {"type": "image", "image": {"id": "1", "caption": "x" * 1024}},
        TEXT | {"type": "document", "document": {"link": "https://example.nl/a.pdf"}},
        TEXT | {"type": "location", "location": {"latitude": 52.3, "longitude": "6.6"}},
        TEXT | {"type": "reaction", "reaction": {"message_id": "wamid.X", "emoji": ""}},
        TEXT | {"type": "contacts", "contacts": [{"name": {"formatted_name": "A"}}]},
        TEXT | {"type": "template", "template": {"name": "a", "language": {"code": "nl"}}},
        TEXT | {"context": {"message_id": "wamid.X"}},
        buttons("Ja", "Nee", "Weet niet"),
        rows(10),
        DIRECT | {"text": {"body": "x" * 1024}, "ttl_seconds": 43_200},
        buttons("Ja") | {"category": "utility"},
    ],
)
def test_a_valid_message_is_accepted(body: dict[str, Any]) -> None:
    assert isinstance(send_validation.validate(body), Send)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ([], 100),
        ({}, 100),
        (TEXT | {"messaging_product": "sms"}, 100),
        (TEXT | {"recipient_type": "group"}, 100),
        (TEXT | {"to": None}, 100),
        (TEXT | {"to": "31600000011"}, 131009),
        (TEXT | {"to": "+31 6 0000 0011"}, 131009),
        (TEXT | {"to": None, "recipient": "31600000011"}, 131009),
        (TEXT | {"type": "fax"}, 100),
        (TEXT | {"type": 5}, 100),
        (TEXT | {"type": "image"}, 131008),
        (TEXT | {"type": "image", "image": {}}, 100),
        (TEXT | {"type": "image", "image": {"id": "1", "link": "https://x"}}, 100),
        (TEXT | {"type": "image", "image": {"id": "1", "caption": "x" * 1025}}, 100),
        (TEXT | {"text": {"body": ""}}, 100),
        (TEXT | {"text": {"body": "x" * 4097}}, 100),
        (TEXT | {"text": {"body": "😀" * 2049}}, 100),
        (TEXT | {"biz_opaque_callback_data": "x" * 513}, 100),
        (TEXT | {"biz_opaque_callback_data": 5}, 100),
        (TEXT | {"context": "wamid.X"}, 100),
        (TEXT | {"type": "location", "location": {"latitude": "noord", "longitude": 6}}, 100),
        (TEXT | {"type": "contacts", "contacts": []}, 100),
        (TEXT | {"type": "reaction", "reaction": {"emoji": "x"}}, 100),
        (TEXT | {"type": "template", "template": {"name": "a"}}, 100),
        (interactive({"type": "button"}), 100),
        (buttons("Ja", "Ja"), 100),
        (buttons("1", "2", "3", "4"), 100),
        (buttons("x" * 21), 100),
        (rows(11), 100),
        (rows(0), 100),
        (TEXT | {"category": "marketing"}, 100),
        (TEXT | {"ttl_seconds": 600}, 100),
        (DIRECT | {"ttl_seconds": 29}, 100),
        (DIRECT | {"ttl_seconds": 43_201}, 100),
        (DIRECT | {"ttl_seconds": "600"}, 100),
        (DIRECT | {"text": {"body": "x" * 1025}}, 100),
        (DIRECT | {"context": {"message_id": "wamid.X"}}, 100),
        (DIRECT | {"type": "image", "image": {"id": "1"}}, 100),
        (rows(1) | {"category": "utility"}, 100),
        (with_parts(header={"type": "image", "image": {"id": "1"}}), 100),
        (with_parts(header={"type": "text", "text": "x" * 61}), 100),
        (with_parts(footer={"text": "x" * 61}), 100),
    ],
)
def test_an_invalid_message_is_refused_with_its_code(body: object, code: int) -> None:
    refusal = send_validation.validate(body)
    assert isinstance(refusal, Refusal)
    assert refusal.error.code == code
    assert refusal.details


RECEIPT = {"messaging_product": "whatsapp", "status": "read", "message_id": "wamid.X"}
TYPING = {"typing_indicator": {"type": "text"}}


@pytest.mark.parametrize(
    ("changed", "is_valid"),
    [
        ({}, True),
        (TYPING, True),
        ({"message_id": None}, False),
        ({"messaging_product": "sms"}, False),
        ({"typing_indicator": None}, False),
        ({"typing_indicator": {"type": "audio"}}, False),
        ({"typing_indicator": TYPING["typing_indicator"] | {"x": 1}}, False),
    ],
)
def test_a_read_receipt_is_validated_apart_from_messages(
    changed: dict[str, Any], is_valid: bool
) -> None:
    assert send_validation.is_read_receipt(RECEIPT | changed)
    assert (send_validation.read_receipt_fault(RECEIPT | changed) == "") is is_valid
    assert not send_validation.is_read_receipt(TEXT)
