"""Translate a citizen's action on the phone, from the page's form to Meta's webhook. Pure."""

from collections.abc import Callable
from typing import Literal

import msgspec

from sandbox.meta import webhook_payloads
from sandbox.meta.webhook_payloads import Citizen
from sandbox.organisation import Number

MAX_TEXT = 65_536
"""Most characters that the app itself accepts in one message."""
MAX_COPIES = 10
"""Most copies of one body posted at the same time, to imitate Meta's repeats."""
MAX_LATE = MAX_WAIT = 600.0
"""Seconds; longer than any test of a number's move takes."""


class PhoneMessage(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"sender": "from"}
):
    """The body of POST /phone/messages."""

    sender: str
    number: str
    name: str = ""
    hidden: bool = False
    """True to hide the phone number from the municipality, as usernames allow."""
    holder: int = 1
    """Ordinal of the phone number's holder; 2 is a person who got the number after another."""
    kind: Literal[
        "text", "image", "document", "audio", "video", "sticker", "location", "reaction",
        "choice", "button", "form", "contact",
    ] = "text"  # fmt: skip
    """choice: from a menu; button: of a template; form: completed; contact: the citizen's card."""
    text: str = ""
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
    copies: int = 1
    late: float = 0.0
    """Seconds that the number's present carrier delays the message. It also signs the message, even
    if the number moves meanwhile."""
    wait: float = 0.0
    """Seconds to wait for the gateway to accept the message before the response."""


Attach = Callable[[PhoneMessage], webhook_payloads.Json]
"""Returns the file of a message in a webhook's form; ValueError if there is none."""


def validate(outgoing: PhoneMessage) -> None:
    """Raise ValueError for a message that no phone could send."""
    if not outgoing.sender.removeprefix("+").isdecimal():
        raise ValueError("from: expected a phone number with country code")
    if not 1 <= outgoing.copies <= MAX_COPIES:
        raise ValueError(f"copies: expected 1 to {MAX_COPIES}")
    if len(outgoing.text) > MAX_TEXT:
        raise ValueError(f"text: expected at most {MAX_TEXT} characters")
    if outgoing.holder < 1:
        raise ValueError("holder: expected 1 or more")
    for name, value, longest in (
        ("late", outgoing.late, MAX_LATE),
        ("wait", outgoing.wait, MAX_WAIT),
    ):
        if not 0 <= value <= longest:
            raise ValueError(f"{name}: expected 0 to {longest:.0f} seconds")


def make_citizen(outgoing: PhoneMessage, number: Number) -> Citizen:
    """Return the sender, as known in the number's portfolio."""
    return Citizen(
        outgoing.sender.removeprefix("+"),
        outgoing.name,
        outgoing.hidden,
        outgoing.holder,
        number.portfolio,
    )


def make_content(outgoing: PhoneMessage, number: Number, attach: Attach) -> webhook_payloads.Json:
    """Return the message in Meta's form; ValueError names what is missing."""
    message = CONTENT[outgoing.kind](outgoing, attach)
    if outgoing.about and outgoing.kind != "reaction":
        message = {"context": {"from": number.phone, "id": outgoing.about}} | message
    return message


def _text(outgoing: PhoneMessage, _: Attach) -> webhook_payloads.Json:
    return webhook_payloads.text(require(outgoing.text, "text"))


def _media(outgoing: PhoneMessage, attach: Attach) -> webhook_payloads.Json:
    caption = outgoing.text if outgoing.kind not in {"audio", "sticker"} else ""
    return webhook_payloads.media(outgoing.kind, attach(outgoing), caption)


def _document(outgoing: PhoneMessage, attach: Attach) -> webhook_payloads.Json:
    file = attach(outgoing) | {"filename": outgoing.filename}
    return webhook_payloads.media("document", file, outgoing.text)


def _location(outgoing: PhoneMessage, _: Attach) -> webhook_payloads.Json:
    place = outgoing.latitude, outgoing.longitude, outgoing.place, outgoing.address
    return webhook_payloads.location(*place)


def _reaction(outgoing: PhoneMessage, _: Attach) -> webhook_payloads.Json:
    return webhook_payloads.reaction(require(outgoing.about, "about"), outgoing.emoji)


def _choice(outgoing: PhoneMessage, _: Attach) -> webhook_payloads.Json:
    require(outgoing.about, "about")
    row, title = require(outgoing.row, "row"), require(outgoing.text, "text")
    return webhook_payloads.choice(row, title, "button_reply" if outgoing.button else "list_reply")


def _button(outgoing: PhoneMessage, _: Attach) -> webhook_payloads.Json:
    require(outgoing.about, "about")
    return webhook_payloads.button(require(outgoing.row, "row"), require(outgoing.text, "text"))


def _form(outgoing: PhoneMessage, _: Attach) -> webhook_payloads.Json:
    require(outgoing.about, "about")
    return webhook_payloads.form(outgoing.row, require(outgoing.text, "text"))


def _contact(outgoing: PhoneMessage, _: Attach) -> webhook_payloads.Json:
    phone = outgoing.sender.removeprefix("+")
    return webhook_payloads.card(phone, outgoing.name or phone, is_requested=bool(outgoing.about))


CONTENT: dict[str, Callable[[PhoneMessage, Attach], webhook_payloads.Json]] = {
    "text": _text,
    "image": _media,
    "video": _media,
    "audio": _media,
    "sticker": _media,
    "document": _document,
    "location": _location,
    "reaction": _reaction,
    "choice": _choice,
    "button": _button,
    "form": _form,
    "contact": _contact,
}


def require(value: str, name: str) -> str:
    if not value.strip():
        raise ValueError(f"{name}: is missing")
    return value
