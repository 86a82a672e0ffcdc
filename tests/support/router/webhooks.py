"""Entries that Meta causes: receipts with its message and status objects, and send outcomes."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from services.contract import Receipt, SendOutcome
from tests.support.router.names import ANNA, NUMBER, WABA, at, id_of, stamp


def text(
    wamid: str, body: str, *, bsuid: str = "", phone: str = "", kind: str = "text", sent: float = 0
) -> dict[str, Any]:
    """A message object as Meta sends it."""
    people = {"from_user_id": bsuid, "from": phone}
    content = {"body": body} if kind == "text" else {"caption": body, "id": "media-1"}
    return {name: value for name, value in people.items() if value} | {
        "id": wamid,
        "timestamp": stamp(sent),
        "type": kind,
        kind: content,
    }


def content_of(
    type: str, text: str = "", *, choice: str = "", kind: str = "edit", to: str = ""
) -> Any:
    """Return the content of a citizen's message of this type, as far as it has words."""
    media = {"id": "media-1", "mime_type": "image/jpeg"}
    contents: dict[str, Any] = {
        "text": {"body": text},
        "reaction": {"message_id": "wamid.0", "emoji": text},
        "location": {"latitude": 52.3, "longitude": 6.6, "name": text or "container"},
        "button": {"text": text or "Stop", "payload": choice or text},
        "interactive": {"type": "list_reply", "list_reply": {"id": choice, "title": text}},
        "unsupported": {"type": kind},
        "contacts": [{"name": {"formatted_name": text or "paspoort"}, "phones": []}],
        "edit": {"message": {"type": "text", "text": {"body": text or "ik wil dood"}}},
        "sticker": media,
        "audio": media | {"voice": True},
        "voice": media,
        "revoke": {"original_message_id": "wamid.1"},
        "request_welcome": {},
        "system": {"body": "x is nu y", "type": "user_changed_number"}
        | ({"wa_id": to, "user_id": f"NL.{to}"} if to else {}),
    }
    return contents.get(type, media | {"caption": text})


def status(wamid: str, word: str, opaque: str = "", code: int = 0) -> dict[str, Any]:
    """A status object as Meta sends it."""
    said: dict[str, Any] = {"id": wamid, "status": word, "timestamp": "1795600001"}
    if opaque:
        said["biz_opaque_callback_data"] = opaque
    if code:
        said["errors"] = [{"code": code, "title": "Message undeliverable"}]
    return said


def change(number: str, field: str = "messages", **lists: Any) -> dict[str, Any]:
    metadata = {"display_phone_number": "31546541111", "phone_number_id": number}
    return {"field": field, "value": {"metadata": metadata} | lists}


def body(*changes: dict[str, Any]) -> bytes:
    entry = {"id": WABA, "changes": list(changes)}
    return msgspec.json.encode({"object": "whatsapp_business_account", "entry": [entry]})


def receipt(
    content: bytes, *, second: float = 0, name: str = "", keys: Sequence[str] = ()
) -> Receipt:
    return Receipt(
        id=id_of("receipt", name or content, second),
        received_at=at(second),
        door="/webhooks/whatsapp",
        proof="meta-sha256",
        signature="sha256=00",
        body=content,
        keys=list(keys),
    )


def inbound(*messages: dict[str, Any], second: float = 0, number: str = NUMBER) -> Receipt:
    return receipt(body(change(number, messages=list(messages))), second=second)


def writes(n: int, words: str, **who: str) -> Receipt:
    """Message number n of Anna, or of another citizen."""
    return inbound(text(f"wamid.{n}", words, **(who or ANNA)), second=n)


def statuses(*given: dict[str, Any], second: float = 0, number: str = NUMBER) -> Receipt:
    return receipt(body(change(number, statuses=list(given))), second=second)


def outcome(message: UUID, state: Any, *, second: float = 0, **more: Any) -> SendOutcome:
    return SendOutcome(
        id=id_of("outcome", message, state, second),
        message=message,
        number=NUMBER,
        conversation="",
        at=at(second),
        state=state,
        **more,
    )
