"""Translate a citizen's action on the phone, from the page's form to Meta's webhook. Pure."""

import json
from collections.abc import Callable
from typing import Annotated, Any, Literal

import msgspec

from sandbox.meta.webhook_payloads import Citizen, Json
from sandbox.organisation import Number

MAX_TEXT = 65_536
"""Most characters that the app itself accepts in one message."""
MAX_COPIES = 10
"""Most copies of one body posted at the same time, to imitate Meta's repeats."""
LONGEST_SECONDS = 600.0
"""Longer than any test of a number's move takes."""
Seconds = Annotated[float, msgspec.Meta(ge=0, le=LONGEST_SECONDS)]


class PhoneMessage(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"sender": "from"}
):
    """The body of POST /phone/messages."""

    sender: Annotated[str, msgspec.Meta(pattern=r"^\+?[0-9]+$")]
    """Phone number with country code."""
    number: str
    name: str = ""
    hidden: bool = False
    """True to hide the phone number from the municipality, as usernames allow."""
    holder: Annotated[int, msgspec.Meta(ge=1)] = 1
    """Ordinal of the phone number's holder; 2 is a person who got the number after another."""
    kind: Literal[
        "text", "image", "document", "audio", "video", "sticker", "location", "reaction",
        "choice", "button", "form", "contact",
    ] = "text"  # fmt: skip
    """choice: from a menu; button: of a template; form: completed; contact: the citizen's card."""
    text: Annotated[str, msgspec.Meta(max_length=MAX_TEXT)] = ""
    """Body of a text, caption of a picture, title of a choice, or answer in a form."""
    media: str = ""
    """Id of a file from POST /phone/media."""
    filename: str = "bijlage.pdf"
    """File name of a document."""
    sample: str = ""
    """Name of a picture that is part of the sandbox."""
    latitude: float = 52.3508
    longitude: float = 6.6617
    place: str = "Marktplein"
    address: str = "Marktplein 1"
    about: str = ""
    """Wamid of the message that this one quotes or answers."""
    emoji: str = ""
    row: str = ""
    """Id of the chosen row or button, or token of a form."""
    button: bool = False
    """True if the choice was a button, not a row of a list."""
    copies: Annotated[int, msgspec.Meta(ge=1, le=MAX_COPIES)] = 1
    late: Seconds = 0.0
    """Seconds that the number's present carrier delays the message. It also signs the message, even
    if the number moves meanwhile."""
    wait: Seconds = 0.0
    """Seconds to wait for the gateway to accept the message before the response."""


Attach = Callable[[PhoneMessage], Json]
"""Returns the file of a message in a webhook's form; ValueError if there is none."""


def make_citizen(outgoing: PhoneMessage, number: Number) -> Citizen:
    """Return the sender, as known in the number's portfolio."""
    return Citizen(
        outgoing.sender.removeprefix("+"),
        outgoing.name,
        outgoing.hidden,
        outgoing.holder,
        number.portfolio,
    )


def make_content(outgoing: PhoneMessage, number: Number, attach: Attach) -> Json:
    """Return the message in Meta's form; ValueError names what is missing."""
    if outgoing.kind in NEED_ABOUT:
        require(outgoing.about, "about")
    type, make = CONTENT[outgoing.kind]
    message: Json = {"type": type, type: make(outgoing, attach)}
    if outgoing.about and outgoing.kind != "reaction":
        message = {"context": {"from": number.phone, "id": outgoing.about}} | message
    return message


def _text(outgoing: PhoneMessage, _: Attach) -> Json:
    return {"body": require(outgoing.text, "text")}


def _media(outgoing: PhoneMessage, attach: Attach) -> Json:
    file = attach(outgoing)
    if outgoing.kind == "document":
        file |= {"filename": outgoing.filename}
    has_caption = outgoing.text and outgoing.kind not in {"audio", "sticker"}
    return file | ({"caption": outgoing.text} if has_caption else {})


def _location(outgoing: PhoneMessage, _: Attach) -> Json:
    point = {"latitude": outgoing.latitude, "longitude": outgoing.longitude}
    return point | {"name": outgoing.place, "address": outgoing.address}


def _reaction(outgoing: PhoneMessage, _: Attach) -> Json:
    """Return a reaction; without an emoji it takes an earlier one back."""
    return {"message_id": outgoing.about} | ({"emoji": outgoing.emoji} if outgoing.emoji else {})


def _choice(outgoing: PhoneMessage, _: Attach) -> Json:
    kind = "button_reply" if outgoing.button else "list_reply"
    reply = {"id": require(outgoing.row, "row"), "title": require(outgoing.text, "text")}
    return {"type": kind, kind: reply if outgoing.button else reply | {"description": ""}}


def _button(outgoing: PhoneMessage, _: Attach) -> Json:
    return {"payload": require(outgoing.row, "row"), "text": require(outgoing.text, "text")}


def _form(outgoing: PhoneMessage, _: Attach) -> Json:
    """Return a completed flow, with the answers as a string of JSON, as Meta sends them."""
    filled = {"flow_token": outgoing.row, "answer": require(outgoing.text, "text")}
    reply = {"name": "flow", "body": "Sent", "response_json": json.dumps(filled)}
    return {"type": "nfm_reply", "nfm_reply": reply}


def _contact(outgoing: PhoneMessage, _: Attach) -> list[Json]:
    """Return the citizen's own card, which says if the municipality requested it."""
    phone = outgoing.sender.removeprefix("+")
    name = outgoing.name or phone
    card: Json = {
        "name": {"formatted_name": name, "first_name": name.split()[0]},
        "phones": [{"phone": f"+{phone}", "wa_id": phone, "type": "CELL"}],
    }
    return [card | ({"origin": "contact_request"} if outgoing.about else {})]


NEED_ABOUT = frozenset({"reaction", "choice", "button", "form"})
"""Kinds that answer a message, or react to one."""
CONTENT: dict[str, tuple[str, Callable[[PhoneMessage, Attach], Any]]] = {
    "text": ("text", _text),
    "image": ("image", _media),
    "video": ("video", _media),
    "audio": ("audio", _media),
    "sticker": ("sticker", _media),
    "document": ("document", _media),
    "location": ("location", _location),
    "reaction": ("reaction", _reaction),
    "choice": ("interactive", _choice),
    "button": ("button", _button),
    "form": ("interactive", _form),
    "contact": ("contacts", _contact),
}
"""Kind of a message -> its type at Meta, and the function that makes its content."""


def require(value: str, name: str) -> str:
    if not value.strip():
        raise ValueError(f"{name}: is missing")
    return value
