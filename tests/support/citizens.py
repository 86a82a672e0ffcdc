"""Citizens who write: webhook bodies as Meta sends them, posted until they are taken."""

import asyncio
import hashlib
import hmac
import io
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import msgspec

from services import clock

NUMBER = "106540352242922"
WABA = "102290129340398"
SECRET = b"sandbox-app-secret"
TOKEN = "sandbox-api-token"
NEIGHBOUR_TOKEN = "neighbour-api-token"
WRITTEN = int(clock.now().timestamp()) - 2 * 3600
"""Two hours ago: within Meta's 24, and too old for texts to go out by themselves."""


def phone(n: int) -> str:
    """The phone of citizen number n; none of the sandbox's that misbehave."""
    return f"3161{n:07}"


def text(body: str, wamid: str, citizen: int, at: int = WRITTEN) -> dict[str, Any]:
    """One message object."""
    return {
        "id": wamid,
        "from": phone(citizen),
        "from_user_id": f"NL.citizen{citizen}",
        "timestamp": str(at),
        "type": "text",
        "text": {"body": body},
    }


def webhook(*messages: dict[str, Any], number: str = NUMBER) -> bytes:
    """A body with these messages."""
    contacts = [
        {
            "profile": {"name": "Sanne de Vries"},
            "wa_id": message["from"],
            "user_id": message["from_user_id"],
        }
        for message in messages
    ]
    value = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "31546541111", "phone_number_id": number},
        "contacts": contacts,
        "messages": list(messages),
    }
    change = {"field": "messages", "value": value}
    entry = {"id": WABA, "changes": [change]}
    return msgspec.json.encode({"object": "whatsapp_business_account", "entry": [entry]})


def signature(body: bytes, secret: bytes = SECRET) -> str:
    return "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()


async def post(
    session: aiohttp.ClientSession, gateway: str, body: bytes, signed: str | None = None
) -> int:
    """Post a webhook once; its status, 0 when there was no answer."""
    headers = {"X-Hub-Signature-256": signed if signed is not None else signature(body)}
    try:
        async with session.post(
            f"{gateway}/webhooks/whatsapp", data=io.BytesIO(body), headers=headers
        ) as answer:
            await answer.read()
            return answer.status
    except (aiohttp.ClientError, TimeoutError):
        return 0


async def write(
    session: aiohttp.ClientSession, gateway: str, citizen: int, count: int, run: str
) -> AsyncIterator[int]:
    """One citizen's messages, one after the other, each until it is taken, as Meta does."""
    for n in range(count):
        body = webhook(text(f"{run} {citizen} {n}", f"wamid.{run}.{citizen}.{n}", citizen))
        while await post(session, gateway, body) != 200:
            await asyncio.sleep(0.05)  # Meta's wait between two attempts, not a condition of ours
        yield n
