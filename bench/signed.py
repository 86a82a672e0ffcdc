"""Webhooks to load with: one text each, as Meta sends them, signed with the sandbox's secret."""

import hashlib
import hmac
from collections.abc import Iterator

import msgspec

SECRET = b"sandbox-app-secret"


def body(n: int) -> bytes:
    """The webhook of message `n`, of one of a thousand citizens."""
    citizen = n % 1000
    phone, user = f"3161{citizen:07}", f"NL.citizen{citizen}"
    message = {
        "id": f"wamid.bench.{n}",
        "from": phone,
        "from_user_id": user,
        "timestamp": "1795000000",
        "type": "text",
        "text": {"body": f"De container aan de Grotestraat is vol, kunt u komen? ({n})"},
    }
    value = {
        "messaging_product": "whatsapp",
        "metadata": {
            "display_phone_number": "31546541111",
            "phone_number_id": "106540352242922",
        },
        "contacts": [{"profile": {"name": "Sanne"}, "wa_id": phone, "user_id": user}],
        "messages": [message],
    }
    entry = {"id": "102290129340398", "changes": [{"field": "messages", "value": value}]}
    return msgspec.json.encode({"object": "whatsapp_business_account", "entry": [entry]})


def signed_lines(count: int) -> Iterator[bytes]:
    """Lines `signature<TAB>body` for wrk."""
    for n in range(count):
        content = body(n)
        signature = hmac.new(SECRET, content, hashlib.sha256).hexdigest()
        yield b"sha256=" + signature.encode() + b"\t" + content + b"\n"
