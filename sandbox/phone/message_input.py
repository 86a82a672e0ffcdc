"""Translate a citizen's action on the phone, from the page's form to Meta's webhook. Pure."""

from collections.abc import Callable
from typing import Literal

import msgspec

from sandbox.meta import webhook_payloads
from sandbox.meta.webhook_payloads import Citizen
from sandbox.organisation import Number

TEXT_LONGEST = 65_536
"""Most characters that the app itself accepts in one message."""
COPIES_MOST = 10
"""Most copies of one body posted at the same time, to imitate Meta's repeats."""
LATE_MOST = WAIT_MOST = 600.0
"""Seconds; longer than any test of a number's move takes."""


class Outgoing(
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


Attach = Callable[[Outgoing], webhook_payloads.Json]
"""Returns the file of a message in a webhook's form; ValueError if there is none."""


def examine(outgoing: Outgoing) -> None:
    """Raise ValueError for a message that no phone could send."""
    if not outgoing.sender.removeprefix("+").isdecimal():
        raise ValueError("from: expected a phone number with country code")
    if not 1 <= outgoing.copies <= COPIES_MOST:
        raise ValueError(f"copies: expected 1 to {COPIES_MOST}")
    if len(outgoing.text) > TEXT_LONGEST:
        raise ValueError(f"text: expected at most {TEXT_LONGEST} characters")
    if outgoing.holder < 1:
        raise ValueError("holder: expected 1 or more")
    for name, value, most in (
        ("late", outgoing.late, LATE_MOST),
        ("wait", outgoing.wait, WAIT_MOST),
    ):
        if not 0 <= value <= most:
            raise ValueError(f"{name}: expected 0 to {most:.0f} seconds")


def citizen(outgoing: Outgoing, number: Number) -> Citizen:
    """Return the sender, as known in the number's portfolio."""
    return Citizen(
        outgoing.sender.removeprefix("+"),
        outgoing.name,
        outgoing.hidden,
        outgoing.holder,
        number.portfolio,
    )


def content(outgoing: Outgoing, number: Number, attach: Attach) -> webhook_payloads.Json:
    """Return the message in Meta's form; ValueError names what is missing."""
    made = CONTENT[outgoing.kind](outgoing, attach)
    if outgoing.about and outgoing.kind != "reaction":
        made = {"context": {"from": number.phone, "id": outgoing.about}} | made
    return made


def _text(outgoing: Outgoing, _: Attach) -> webhook_payloads.Json:
    return webhook_payloads.text(needed(outgoing.text, "text"))


def _media(outgoing: Outgoing, attach: Attach) -> webhook_payloads.Json:
    caption = outgoing.text if outgoing.kind not in {"audio", "sticker"} else ""
    return webhook_payloads.media(outgoing.kind, attach(outgoing), caption)


def _document(outgoing: Outgoing, attach: Attach) -> webhook_payloads.Json:
    about = attach(outgoing) | {"filename": outgoing.filename}
    return webhook_payloads.media("document", about, outgoing.text)


def _location(outgoing: Outgoing, _: Attach) -> webhook_payloads.Json:
    where = outgoing.latitude, outgoing.longitude, outgoing.place, outgoing.address
    return webhook_payloads.location(*where)


def _reaction(outgoing: Outgoing, _: Attach) -> webhook_payloads.Json:
    return webhook_payloads.reaction(needed(outgoing.about, "about"), outgoing.emoji)


def _choice(outgoing: Outgoing, _: Attach) -> webhook_payloads.Json:
    needed(outgoing.about, "about")
    row, title = needed(outgoing.row, "row"), needed(outgoing.text, "text")
    return webhook_payloads.choice(row, title, "button_reply" if outgoing.button else "list_reply")


def _button(outgoing: Outgoing, _: Attach) -> webhook_payloads.Json:
    needed(outgoing.about, "about")
    return webhook_payloads.button(needed(outgoing.row, "row"), needed(outgoing.text, "text"))


def _form(outgoing: Outgoing, _: Attach) -> webhook_payloads.Json:
    needed(outgoing.about, "about")
    return webhook_payloads.form(outgoing.row, needed(outgoing.text, "text"))


def _contact(outgoing: Outgoing, _: Attach) -> webhook_payloads.Json:
    phone = outgoing.sender.removeprefix("+")
    return webhook_payloads.card(phone, outgoing.name or phone, asked=bool(outgoing.about))


CONTENT: dict[str, Callable[[Outgoing, Attach], webhook_payloads.Json]] = {
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


def needed(value: str, name: str) -> str:
    if not value.strip():
        raise ValueError(f"{name}: is missing")
    return value
