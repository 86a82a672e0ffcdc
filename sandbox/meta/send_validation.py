"""Validate messages as Meta does: JSON in, a message to send or a refusal out.

The limits are those of the Cloud API's documentation; text is measured in code points and in
UTF-16 units, and the larger counts, because Meta only says "characters".
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from sandbox.meta import message_templates
from sandbox.meta.graph_errors import ERRORS, GraphError

Json = dict[str, Any]
Shape = int | str | Mapping[str, Any] | Callable[[Any], str]
"""Shape of a value: the most characters of a text, the one text that it may be, the shape of each
field of an object, or a function that returns the fault of a value."""

PHONE = re.compile(r"\+[1-9]\d{5,14}")
BSUID = re.compile(r"[A-Z]{2}\.(ENT\.)?[A-Za-z0-9]{1,128}")
MAX_OPAQUE = 512
TYPING = {"type": "text"}
"""The only typing indicator that Meta accepts."""


class Send(msgspec.Struct, frozen=True, kw_only=True):
    """A valid message; one of `phone` (digits) and `bsuid` is filled."""

    type: str
    content: Any
    phone: str = ""
    bsuid: str = ""
    opaque: str = ""
    context: str = ""
    category: str = ""
    """Category that asks for Direct Send; '' for any other message."""

    @property
    def is_template(self) -> bool:
        """True if it may arrive at any time: Meta makes a template of what has a category."""
        return self.type == "template" or self.category != ""


class Refusal(msgspec.Struct, frozen=True):
    error: GraphError
    details: str = ""


def validate(body: object) -> Send | Refusal:
    """Validate the body of a POST to /{number}/messages that is not a read receipt."""
    if not isinstance(body, dict):
        return Refusal(ERRORS[100], "The body must be a JSON object.")
    kind = body.get("type", "text")
    for code, details in _faults(body, kind):
        if details:
            return Refusal(ERRORS[code], details)
    phone = str(body.get("to") or "").removeprefix("+")
    return Send(
        type=kind,
        content=body[kind],
        phone=phone,
        bsuid="" if phone else body["recipient"],
        opaque=body.get("biz_opaque_callback_data", ""),
        context=body.get("context", {}).get("message_id", ""),
        category=body.get("category", ""),
    )


def is_read_receipt(body: object) -> bool:
    return isinstance(body, dict) and body.get("status") == "read"


def read_receipt_fault(body: Json) -> str:
    if body.get("messaging_product") != "whatsapp":
        return "messaging_product must be whatsapp."
    if not isinstance(body.get("message_id"), str):
        return "message_id is required."
    if body.get("typing_indicator", TYPING) != TYPING:
        return "typing_indicator must be of the type text."
    return ""


def _faults(body: Json, kind: object) -> list[tuple[int, str]]:
    """Return (error code, fault) of every check, in Meta's order; the fault is '' if it passes."""
    if not isinstance(kind, str) or kind not in CONTENT:
        return [(100, f"type must be one of {', '.join(sorted(CONTENT))}.")]
    content = body.get(kind)
    if kind == "contacts" and isinstance(content, list):
        content = {"contacts": content}
    envelope = {"recipient_type": "individual"} | body
    return [
        (100, shape_fault(ENVELOPE, envelope, "body")),
        _recipient_fault(body.get("to"), body.get("recipient")),
        (100, _opaque(body.get("biz_opaque_callback_data", ""))),
        (100, shape_fault({"message_id": _string}, {"message_id": ""} | _context(body), "context")),
        (131008, "" if isinstance(content, dict) else f"{kind} is required."),
        (100, shape_fault(CONTENT[kind], content, kind) if isinstance(content, dict) else ""),
        (100, _direct_send_fault(body, kind) if isinstance(content, dict) else ""),
    ]


def _direct_send_fault(body: Json, kind: str) -> str:
    """Return why a message cannot go by Direct Send, if it asks for that."""
    if "category" not in body:
        return "ttl_seconds goes with category only." if "ttl_seconds" in body else ""
    if body["category"] != DIRECT_CATEGORY:
        return f"category must be {DIRECT_CATEGORY}."
    if kind not in DIRECT_CONTENT:
        return f"Direct Send takes no message of type {kind}."
    if "context" in body:
        return "Direct Send takes no context."
    return shape_fault(DIRECT_CONTENT[kind], body[kind], kind) or _lifetime_fault(body)


def _lifetime_fault(body: Json) -> str:
    seconds = body.get("ttl_seconds", MIN_LIFETIME)
    if type(seconds) is int and MIN_LIFETIME <= seconds <= MAX_LIFETIME:
        return ""
    return f"The time-to-live value must be {MIN_LIFETIME} to {MAX_LIFETIME}."


def _recipient_fault(to: object, recipient: object) -> tuple[int, str]:
    if to is None and recipient is None:
        return 100, "to or recipient is required."
    if to is not None and not (isinstance(to, str) and PHONE.fullmatch(to)):
        return 131009, "to must be + and digits: without + Meta guesses the country."
    if to is None and not (isinstance(recipient, str) and BSUID.fullmatch(recipient)):
        return 131009, "recipient must be a business-scoped user id."
    return 100, ""


def _context(body: Json) -> Json:
    context = body.get("context", {})
    return context if isinstance(context, dict) else {"message_id": None}


def length(text: str) -> int:
    return max(len(text), len(text.encode("utf-16-le")) // 2)


def shape_fault(shape: Shape, value: object, name: str) -> str:
    """Return why a value has another shape; '' if it has this one."""
    if isinstance(shape, int):
        is_text = isinstance(value, str) and value.strip() and length(value) <= shape
        return "" if is_text else f"{name} must be a text of 1 to {shape} characters."
    if isinstance(shape, str):
        return "" if value == shape else f"{name} must be {shape}."
    if not isinstance(shape, Mapping):
        fault = shape(value)
        return f"{name} {fault}" if fault else ""
    if not isinstance(value, dict):
        return f"{name} must be an object."
    faults = (shape_fault(inner, value.get(key), f"{name}.{key}") for key, inner in shape.items())
    return next(filter(None, faults), "")


def list_of(shape: Shape, most: int) -> Callable[[object], str]:
    def fault(value: object) -> str:
        if not isinstance(value, list) or not 1 <= len(value) <= most:
            return f"must hold 1 to {most} entries."
        return next(filter(None, (shape_fault(shape, one, "an entry") for one in value)), "")

    return fault


def _string(value: object) -> str:
    return "" if isinstance(value, str) else "must be a text."


def _opaque(value: object) -> str:
    is_valid = isinstance(value, str) and length(value) <= MAX_OPAQUE
    return "" if is_valid else f"biz_opaque_callback_data: at most {MAX_OPAQUE} characters."


def _number(value: Any) -> str:
    try:
        float(value)
    except (TypeError, ValueError):
        return "must be a number."
    return ""


def _media(content: Any) -> str:
    if isinstance(content.get("id"), str) == isinstance(content.get("link"), str):
        return "needs either id or link."
    return shape_fault(1024, content.get("caption", "-"), "caption")


def _interactive(content: Any) -> str:
    kind = content.get("type")
    if not isinstance(kind, str) or kind not in INTERACTIVE:
        return f"type must be one of {', '.join(INTERACTIVE)}."
    shape = {"body": {"text": 1024}, "action": INTERACTIVE[kind]}
    return shape_fault(shape, content, "interactive")


def _direct_interactive(content: Any) -> str:
    """Return the fault of an interactive message that goes by Direct Send."""
    if content.get("type") not in DIRECT_INTERACTIVE:
        return f"type must be one of {', '.join(DIRECT_INTERACTIVE)}."
    header, footer = content.get("header"), content.get("footer")
    if header is not None and (
        fault := shape_fault({"type": "text", "text": 60}, header, "header")
    ):
        return fault
    return shape_fault({"text": 60}, footer, "footer") if footer is not None else ""


def _buttons(value: Any) -> str:
    if fault := list_of({"reply": {"id": 256, "title": 20}}, 3)(value):
        return fault
    titles = {button["reply"]["title"] for button in value}
    return "" if len(titles) == len(value) else "must have titles that differ."


def _sections(value: Any) -> str:
    if fault := list_of({}, 10)(value):
        return fault
    rows = [row for section in value for row in section.get("rows", [])]
    return list_of({"id": 200, "title": 24}, 10)(rows)


DIRECT_CATEGORY = "utility"
"""The only category of Direct Send that Meta opens to anyone."""
DIRECT_INTERACTIVE = ("button", "cta_url")
DIRECT_CONTENT: dict[str, Shape] = {"text": {"body": 1024}, "interactive": _direct_interactive}
"""Content that Direct Send takes. Meta takes some more: headers with a file, and a call."""
MIN_LIFETIME, MAX_LIFETIME = 30, 43_200
"""Seconds of `ttl_seconds`, for which Meta tries to deliver such a message."""
ENVELOPE = {"messaging_product": "whatsapp", "recipient_type": "individual"}
INTERACTIVE: dict[str, Mapping[str, Any]] = {
    "button": {"buttons": _buttons},
    "list": {"button": 20, "sections": _sections},
    "cta_url": {"name": "cta_url", "parameters": {"display_text": 20, "url": 2000}},
    "location_request_message": {"name": "send_location"},
    "request_contact_info": {"name": "request_contact_info"},
    "flow": {"name": "flow", "parameters": {"flow_message_version": 1, "flow_cta": 30}},
}
CONTENT: dict[str, Shape] = {
    "audio": _media,
    "contacts": {"contacts": list_of({}, 5)},
    "document": _media,
    "image": _media,
    "interactive": _interactive,
    "location": {"latitude": _number, "longitude": _number},
    "reaction": {"message_id": 1024, "emoji": _string},
    "sticker": _media,
    "template": message_templates.SHAPE,
    "text": {"body": 4096},
    "video": _media,
}
