"""Webhooks that Meta posts to a business: bodies, encoding and signatures. Pure."""

import base64
import hashlib
import hmac
import json
from datetime import datetime
from random import Random
from typing import Any

import msgspec

from sandbox.meta.graph_errors import status_error
from sandbox.meta.message_templates import TemplateChange
from sandbox.organisation import Carrier, Number

Json = dict[str, Any]

PRICED = ("sent", "delivered")
"""Statuses with a price. At Meta `read` has one only if there was no `delivered`."""


class Citizen(msgspec.Struct, frozen=True):
    """A citizen with a phone, as known in one portfolio."""

    phone: str
    """Phone number, digits only, with country code."""
    name: str = ""
    hidden: bool = False
    """True if they have a username and hide their phone number from businesses."""
    holder: int = 1
    """Ordinal of this holder of the phone number: numbers are given to new holders."""
    portfolio: str = ""

    @property
    def bsuid(self) -> str:
        """Business-scoped user id: always the same, and not reversible to the phone number."""
        # Ids of first holders in a portfolio without a name must not change.
        parts = (
            [self.portfolio, str(self.holder)] if (self.portfolio, self.holder) != ("", 1) else []
        )
        text = ":".join(["postkamer-sandbox", *parts, self.phone])
        return "NL." + hashlib.sha256(text.encode()).hexdigest()[:24].upper()


def wamid(phone: str, chance: Random, *, outgoing: bool) -> str:
    """Make a message id in Meta's form: base64 of the phone number and random hex."""
    middle, size = (b"\x15\x02\x00\x11\x18", 18) if outgoing else (b"\x15\x02\x00\x12\x18", 20)
    random = f"{chance.getrandbits(size * 4):0{size}X}".encode()
    packed = b"\x1c\x18" + bytes([len(phone)]) + phone.encode() + middle
    return "wamid." + base64.b64encode(packed + bytes([size]) + random + b"\x00").decode()


def template_id(content: Any) -> str:
    """Return the id of the template that Direct Send makes of a content: one for the same words."""
    hashed = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).digest()
    return str(10**15 + int.from_bytes(hashed[:6]))


def encode(body: Json) -> bytes:
    """Encode JSON as Meta does: no spaces, non-ASCII as \\uXXXX, slashes as \\/."""
    return json.dumps(body, separators=(",", ":")).replace("/", "\\/").encode()


def sign(body: bytes, secret: str) -> str:
    """Return the value of X-Hub-Signature-256."""
    return f"sha256={digest(body, secret)}"


def digest(body: bytes, secret: str) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def headers(provider: Carrier, body: bytes, secret: str) -> dict[str, str]:
    """Return the headers of a post. 360dialog has its own signature header, with a bare digest."""
    if provider == "360dialog":
        return {"Content-Type": "application/json", "x-360dialog-signature": digest(body, secret)}
    return {
        "Content-Type": "application/json",
        "User-Agent": "facebookexternalua",
        "X-Hub-Signature-256": sign(body, secret),
    }


def incoming(number: Number, citizen: Citizen, message: Json) -> Json:
    """Return the body with one message of a citizen."""
    return _envelope(number, {"contacts": [_contact(citizen)], "messages": [message]})


def message(citizen: Citizen, wamid: str, at: datetime, content: Json) -> Json:
    """Return one entry of `messages`; `content` has its type and fields."""
    sender = {} if citizen.hidden else {"from": citizen.phone}
    ids = {"from_user_id": citizen.bsuid, "id": wamid, "timestamp": _seconds(at)}
    return sender | ids | content


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """A message of the municipality that the stand-in accepted."""

    wamid: str
    number: Number
    """Number as it was when the message was sent: its carrier then sends the statuses."""
    phone: str
    """Phone number of the recipient; '' if only the bsuid is known."""
    bsuid: str
    holder: str = ""
    """Phone that receives the message, which the sandbox knows even if the citizen hides it."""
    opaque: str = ""
    to_bsuid: bool = False
    """True if the sender addressed the recipient by bsuid."""
    pricing: Json = {}
    """Pricing in the statuses; {} for none."""
    template_id: str = ""
    """Template that Direct Send made of the message; '' for any other message."""

    @property
    def chat(self) -> tuple[str, str]:
        """The number and the phone of this chat."""
        return self.number.id, self.holder or self.phone or self.bsuid


def status(sent: Sent, name: str, at: datetime, code: int = 0) -> Json:
    """Return the body with a status of `sent`; `code` is the error of a `failed` status."""
    entry: Json = {"id": sent.wamid, "status": name, "timestamp": _seconds(at)}
    failed = name == "failed"
    if sent.phone:
        entry["recipient_id"] = sent.phone
    if sent.to_bsuid or not failed:
        entry["recipient_user_id"] = sent.bsuid
    if sent.opaque:
        entry["biz_opaque_callback_data"] = sent.opaque
    if sent.template_id:
        entry["template_id"] = sent.template_id
    if name in PRICED and sent.pricing:
        entry["pricing"] = sent.pricing
    if failed:
        entry["errors"] = [status_error(code)]
        return _envelope(sent.number, {"statuses": [entry]})
    contact = {"user_id": sent.bsuid} | ({"wa_id": sent.phone} if sent.phone else {})
    return _envelope(sent.number, {"contacts": [contact], "statuses": [entry]})


def template_notices(before: Json, change: TemplateChange) -> list[tuple[str, Json]]:
    """Return field and value of what Meta reports when a template changes."""
    value: Json = {
        "message_template_id": int(before["id"]),
        "message_template_name": change.name,
        "message_template_language": change.language,
    }
    notices: list[tuple[str, Json]] = []
    if change.status:
        status = {"event": change.status, "reason": change.reason}
        category = {"message_template_category": before["category"]}
        notices.append(("message_template_status_update", value | status | category))
    if change.quality:
        scores = {
            "previous_quality_score": before["quality_score"]["score"],
            "new_quality_score": change.quality,
        }
        notices.append(("message_template_quality_update", value | scores))
    return notices


def account_notice(number: Number, field: str, value: Json, at: datetime) -> Json:
    """Return the body with a notice about the account of a number."""
    entry = {"id": number.account, "time": int(at.timestamp())}
    return {
        "object": "whatsapp_business_account",
        "entry": [entry | {"changes": [{"value": value, "field": field}]}],
    }


def _envelope(number: Number, part: Json) -> Json:
    metadata = {"display_phone_number": number.phone, "phone_number_id": number.meta_id}
    value = {"messaging_product": "whatsapp", "metadata": metadata} | part
    changes = [{"value": value, "field": "messages"}]
    return {
        "object": "whatsapp_business_account",
        "entry": [{"id": number.account, "changes": changes}],
    }


def _contact(citizen: Citizen) -> Json:
    profile: Json = {"name": citizen.name}
    if citizen.hidden:
        profile["username"] = citizen.bsuid[3:].lower()
        return {"profile": profile, "user_id": citizen.bsuid}
    return {"profile": profile, "wa_id": citizen.phone, "user_id": citizen.bsuid}


def _seconds(at: datetime) -> str:
    return str(int(at.timestamp()))
