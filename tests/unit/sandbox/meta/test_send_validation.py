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


def interactive(content: dict[str, Any]) -> dict[str, Any]:
    return TEXT | {"type": "interactive", "interactive": {"body": {"text": "Kies"}} | content}


def buttons(*titles: str) -> dict[str, Any]:
    replies = [{"type": "reply", "reply": {"id": t[:5] or "x", "title": t}} for t in titles]
    return interactive({"type": "button", "action": {"buttons": replies}})


def rows(n: int) -> dict[str, Any]:
    many = [{"id": str(i), "title": f"Rij {i}"} for i in range(n)]
    action = {"button": "Kies", "sections": [{"title": "Alles", "rows": many}]}
    return interactive({"type": "list", "action": action})


def test_a_text_with_a_number_or_a_bsuid_may_go_out() -> None:
    by_number = send_validation.validate(TEXT)
    assert isinstance(by_number, Send)
    assert (by_number.phone, by_number.bsuid, by_number.opaque) == ("31600000011", "", "0190.1")
    by_bsuid = send_validation.validate(
        {k: v for k, v in TEXT.items() if k != "to"} | {"recipient": "NL.A1"}
    )
    assert isinstance(by_bsuid, Send)
    assert (by_bsuid.phone, by_bsuid.bsuid) == ("", "NL.A1")


def test_with_both_a_number_and_a_bsuid_the_number_wins() -> None:
    both = send_validation.validate(TEXT | {"recipient": "NL.A1"})
    assert isinstance(both, Send)
    assert (both.phone, both.bsuid) == ("31600000011", "")


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
    ],
)
def test_what_meta_takes_is_taken(body: dict[str, Any]) -> None:
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
    ],
)
def test_what_meta_refuses_is_refused_with_its_code(body: object, code: int) -> None:
    refusal = send_validation.validate(body)
    assert isinstance(refusal, Refusal)
    assert refusal.error.code == code
    assert refusal.details


def test_a_read_receipt_is_no_message() -> None:
    receipt = {"messaging_product": "whatsapp", "status": "read", "message_id": "wamid.X"}
    assert send_validation.is_read_receipt(receipt)
    assert send_validation.read_receipt_fault(receipt) == ""
    assert send_validation.read_receipt_fault(receipt | {"message_id": None})
    assert not send_validation.is_read_receipt(TEXT)


@pytest.mark.parametrize("typing", [None, True, {}, {"type": "audio"}, {"type": "text", "x": 1}])
def test_one_is_seen_typing_a_text_and_nothing_else(typing: object) -> None:
    receipt = {"messaging_product": "whatsapp", "status": "read", "message_id": "wamid.X"}
    assert (
        send_validation.read_receipt_fault(receipt | {"typing_indicator": {"type": "text"}}) == ""
    )
    assert send_validation.read_receipt_fault(receipt | {"typing_indicator": typing})
