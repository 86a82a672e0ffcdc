"""Webhooks for a load: texts as Meta sends them, signed with the sandbox's secret."""

import hashlib
import hmac
import re
from collections.abc import Iterator
from typing import Any

import msgspec

SECRET = b"sandbox-app-secret"
HEADER = "X-Hub-Signature-256"
CITIZENS = 1000
_FORM = re.compile(r"sha256=([0-9a-f]{64})")


def is_signed(body: bytes, signature: str) -> bool:
    """Check a signature: the least that a server must do to know that a webhook is Meta's."""
    form = _FORM.fullmatch(signature)
    if form is None:
        return False
    digest = hmac.digest(SECRET, body, "sha256")
    return hmac.compare_digest(digest, bytes.fromhex(form[1]))


def body(n: int, messages: int = 1) -> bytes:
    """Return webhook `n`, with so many messages of as many citizens."""
    numbers = range(n * messages, (n + 1) * messages)
    value = {
        "messaging_product": "whatsapp",
        "metadata": {
            "display_phone_number": "31546541111",
            "phone_number_id": "106540352242922",
        },
        "contacts": [_contact(citizen) for citizen in sorted({m % CITIZENS for m in numbers})],
        "messages": [_message(m) for m in numbers],
    }
    entry = {"id": "102290129340398", "changes": [{"field": "messages", "value": value}]}
    return msgspec.json.encode({"object": "whatsapp_business_account", "entry": [entry]})


def _contact(citizen: int) -> dict[str, Any]:
    return {"profile": {"name": "Sanne"}, "wa_id": _phone(citizen), "user_id": _user(citizen)}


def _message(n: int) -> dict[str, Any]:
    return {
        "id": f"wamid.bench.{n}",
        "from": _phone(n % CITIZENS),
        "from_user_id": _user(n % CITIZENS),
        "timestamp": "1795000000",
        "type": "text",
        "text": {"body": f"De container aan de Grotestraat is vol, kunt u komen? ({n})"},
    }


def _phone(citizen: int) -> str:
    return f"3161{citizen:07}"


def _user(citizen: int) -> str:
    return f"NL.citizen{citizen}"


def signed_lines(count: int, messages: int = 1) -> Iterator[bytes]:
    """Yield lines `signature<TAB>body` for the loads."""
    for n in range(count):
        content = body(n, messages)
        signature = hmac.new(SECRET, content, hashlib.sha256).hexdigest()
        yield b"sha256=" + signature.encode() + b"\t" + content + b"\n"
