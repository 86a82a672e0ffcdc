"""What Meta posts to a business: bodies, their bytes on the wire, their signature. Pure."""

import base64
import hashlib
import hmac
import json
from datetime import datetime
from random import Random
from typing import Any

import msgspec

from sandbox.meta.graph_errors import status_error
from sandbox.organisation import Carrier, Number

Json = dict[str, Any]

PRICED = ("sent", "delivered")
"""Statuses that a price comes with; `read` only has one where it comes without `delivered`."""


class Citizen(msgspec.Struct, frozen=True):
    """Somebody with a phone, as they are known in one portfolio."""

    phone: str
    """Digits only, with country code."""
    name: str = ""
    hidden: bool = False
    """Has a username and shows no phone number to businesses."""
    holder: int = 1
    """The how manieth to hold this phone number: numbers are given out anew."""
    portfolio: str = ""

    @property
    def bsuid(self) -> str:
        """The business-scoped user id: always the same, and not to be turned around."""
        # The first holder in a portfolio without a name is written as it always was.
        parts = (
            [self.portfolio, str(self.holder)] if (self.portfolio, self.holder) != ("", 1) else []
        )
        known = ":".join(["postkamer-sandbox", *parts, self.phone])
        return "NL." + hashlib.sha256(known.encode()).hexdigest()[:24].upper()


def bsuid(phone: str) -> str:
    """Of the first holder of a number, in a portfolio without a name."""
    return Citizen(phone).bsuid


def wamid(phone: str, chance: Random, *, outgoing: bool) -> str:
    """A message id as Meta makes them: base64 around the phone number and random hex."""
    middle, size = (b"\x15\x02\x00\x11\x18", 18) if outgoing else (b"\x15\x02\x00\x12\x18", 20)
    random = f"{chance.getrandbits(size * 4):0{size}X}".encode()
    packed = b"\x1c\x18" + bytes([len(phone)]) + phone.encode() + middle
    return "wamid." + base64.b64encode(packed + bytes([size]) + random + b"\x00").decode()


def wire(body: Json) -> bytes:
    """JSON as Meta writes it: no spaces, non-ASCII as \\uXXXX, slashes as \\/."""
    return json.dumps(body, separators=(",", ":")).replace("/", "\\/").encode()


def sign(body: bytes, secret: str) -> str:
    """The value of X-Hub-Signature-256."""
    return f"sha256={digest(body, secret)}"


def digest(body: bytes, secret: str) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def headers(provider: Carrier, body: bytes, secret: str) -> dict[str, str]:
    """With which the provider posts: 360dialog writes its digits bare, under a name of its own."""
    if provider == "360dialog":
        return {"Content-Type": "application/json", "x-360dialog-signature": digest(body, secret)}
    return {
        "Content-Type": "application/json",
        "User-Agent": "facebookexternalua",
        "X-Hub-Signature-256": sign(body, secret),
    }


def incoming(number: Number, citizen: Citizen, message: Json) -> Json:
    """The body that brings one message of a citizen."""
    return _envelope(number, {"contacts": [_contact(citizen)], "messages": [message]})


def message(citizen: Citizen, wamid: str, at: datetime, content: Json) -> Json:
    """One entry of `messages`; `content` is one of the shapes below."""
    sender = {} if citizen.hidden else {"from": citizen.phone}
    ids = {"from_user_id": citizen.bsuid, "id": wamid, "timestamp": _seconds(at)}
    return sender | ids | content


def text(body: str) -> Json:
    return {"type": "text", "text": {"body": body}}


def media(kind: str, about: Json, caption: str = "") -> Json:
    """`about` has mime_type, sha256 (base64) and id."""
    return {"type": kind, kind: about | ({"caption": caption} if caption else {})}


def location(latitude: float, longitude: float, name: str, address: str) -> Json:
    where = {"latitude": latitude, "longitude": longitude, "name": name, "address": address}
    return {"type": "location", "location": where}


def reaction(about: str, emoji: str) -> Json:
    """Without `emoji` the reaction is taken back."""
    content = {"message_id": about} | ({"emoji": emoji} if emoji else {})
    return {"type": "reaction", "reaction": content}


def choice(row: str, title: str, kind: str) -> Json:
    """An answer to an interactive message; kind: list_reply or button_reply."""
    reply = {"id": row, "title": title} | ({"description": ""} if kind == "list_reply" else {})
    return {"type": "interactive", "interactive": {"type": kind, kind: reply}}


def button(payload: str, text: str) -> Json:
    """An answer with a button of a template."""
    return {"type": "button", "button": {"payload": payload, "text": text}}


def form(token: str, answer: str) -> Json:
    """A flow that was filled in: Meta brings the answers as a text of JSON."""
    filled = json.dumps({"flow_token": token, "answer": answer})
    reply = {"name": "flow", "body": "Sent", "response_json": filled}
    return {"type": "interactive", "interactive": {"type": "nfm_reply", "nfm_reply": reply}}


def card(phone: str, name: str, *, asked: bool) -> Json:
    """A citizen's own contact card; `asked` for by the municipality."""
    person: Json = {
        "name": {"formatted_name": name, "first_name": name.split()[0]},
        "phones": [{"phone": f"+{phone}", "wa_id": phone, "type": "CELL"}],
    }
    if asked:
        person["origin"] = "contact_request"
    return {"type": "contacts", "contacts": [person]}


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """A message of the municipality that the stand-in accepted."""

    wamid: str
    number: Number
    """As it was known when this went out: what becomes of it is told by who carried it."""
    phone: str
    """Of the recipient, '' where only the bsuid is known."""
    bsuid: str
    holder: str = ""
    """The phone that it lands on, which the sandbox knows even where it is hidden."""
    opaque: str = ""
    to_bsuid: bool = False
    """The sender named the recipient by bsuid."""
    pricing: Json = {}
    """How it is charged; {} where no status says so."""

    @property
    def chat(self) -> tuple[str, str]:
        """The number and the phone between which it is."""
        return self.number.id, self.holder or self.phone or self.bsuid


def status(sent: Sent, name: str, at: datetime, code: int = 0) -> Json:
    """The body that tells what became of `sent`; `code` is the error of a `failed`."""
    entry: Json = {"id": sent.wamid, "status": name, "timestamp": _seconds(at)}
    failed = name == "failed"
    if sent.phone:
        entry["recipient_id"] = sent.phone
    if sent.to_bsuid or not failed:
        entry["recipient_user_id"] = sent.bsuid
    if sent.opaque:
        entry["biz_opaque_callback_data"] = sent.opaque
    if name in PRICED and sent.pricing:
        entry["pricing"] = sent.pricing
    if failed:
        entry["errors"] = [status_error(code)]
        return _envelope(sent.number, {"statuses": [entry]})
    contact = {"user_id": sent.bsuid} | ({"wa_id": sent.phone} if sent.phone else {})
    return _envelope(sent.number, {"contacts": [contact], "statuses": [entry]})


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
