"""Entries in the record of a small town, as the archiver would show them."""

import json
import os
from base64 import b32encode
from datetime import UTC, datetime
from typing import Any

from router.rules.reasons import DUTCH
from sandbox.crm.event_validation import signature
from services import clock

SECRET = b"sandbox-crm-secret"


def new_conversation(number: str) -> str:
    """An id as the router makes them."""
    random = b32encode(os.urandom(16)).decode().rstrip("=").lower()
    return f"{number}-{random}"


def words_of(message: dict[str, Any]) -> str:
    text: str = message.get("text", {}).get("body") or message.get("image", {}).get("caption", "")
    return text


def incoming(conversation: str, message: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": str(clock.new_id()),
        "wamid": message["id"],
        "conversationId": conversation,
        "direction": "in",
        "type": message["type"],
        "text": words_of(message),
        "status": "received",
        "statuses": [],
        "deliveries": [],
        "receivedAt": now(),
        "sentAt": iso(message["timestamp"]),
        "raw": message,
    }


def outgoing(conversation: str, text: str, kind: str = "text") -> dict[str, Any]:
    return {
        "id": str(clock.new_id()),
        "wamid": "",
        "conversationId": conversation,
        "direction": "out",
        "author": {"kind": "employee"},
        "type": kind,
        "text": text,
        "status": "accepted",
        "statuses": [],
        "deliveries": [],
        "receivedAt": now(),
    }


def identities(contact: dict[str, Any]) -> list[dict[str, str]]:
    found = [{"kind": "bsuid", "value": contact["user_id"]}]
    return found + ([{"kind": "phone", "value": contact["wa_id"]}] if "wa_id" in contact else [])


def media(message: dict[str, Any], id: str) -> list[dict[str, str]]:
    about = message.get(message["type"])
    if not isinstance(about, dict) or "mime_type" not in about:
        return []
    link = f"/v1/media/{id}"
    return [{"id": id, "link": link, "mimeType": about["mime_type"], "filename": ""}]


def reason(word: str) -> str:
    """Sentence of the router's for this word."""
    return f'"{word}" staat erin (regel {word})' if word else DUTCH.fallback


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def iso(seconds: str) -> str:
    return datetime.fromtimestamp(int(seconds), UTC).isoformat().replace("+00:00", "Z")


def signed_event(
    kind: str, data: dict[str, Any], sequence: int, secret: bytes = SECRET
) -> tuple[bytes, dict[str, str]]:
    """A CloudEvent as the deliverer signs it: its body and headers."""
    id, timestamp = str(clock.new_id()), str(int(datetime.now(UTC).timestamp()))
    event = {
        "specversion": "1.0",
        "id": id,
        "source": "urn:nld:oin:00000001234567890000:systeem:postkamer",
        "type": kind,
        "time": now(),
        "datacontenttype": "application/json",
        "sequence": str(sequence),
        "sequencetype": "Integer",
        "data": data,
    }
    body = json.dumps(event).encode()
    headers = {
        "Content-Type": "application/cloudevents+json",
        "webhook-id": id,
        "webhook-timestamp": timestamp,
        "webhook-signature": signature(secret, id, timestamp, body),
    }
    return body, headers
