"""Validate messages as Meta does: JSON in, a message to send or a refusal out.

The limits are those of the Cloud API's documentation; text is measured in code points and in
UTF-16 units, and the larger counts, because Meta only says "characters".
"""

import re
from collections.abc import Callable
from typing import Any

import msgspec

from sandbox.meta.graph_errors import ERRORS, GraphError

Json = dict[str, Any]

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


class Refusal(msgspec.Struct, frozen=True):
    error: GraphError
    details: str = ""


def length(text: str) -> int:
    return max(len(text), len(text.encode("utf-16-le")) // 2)


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
    return [
        (100, _product(body)),
        *_recipient(body),
        (100, _opaque(body)),
        (100, _context(body)),
        (131008, "" if isinstance(content, dict) else f"{kind} is required."),
        (100, CONTENT[kind](content) if isinstance(content, dict) else ""),
    ]


def _product(body: Json) -> str:
    return "" if body.get("messaging_product") == "whatsapp" else "messaging_product is required."


def _recipient(body: Json) -> list[tuple[int, str]]:
    to, recipient = body.get("to"), body.get("recipient")
    if body.get("recipient_type", "individual") != "individual":
        return [(100, "recipient_type must be individual.")]
    if to is None and recipient is None:
        return [(100, "to or recipient is required.")]
    if to is not None and not (isinstance(to, str) and PHONE.fullmatch(to)):
        return [(131009, "to must be + and digits: without + Meta guesses the country.")]
    if to is None and not (isinstance(recipient, str) and BSUID.fullmatch(recipient)):
        return [(131009, "recipient must be a business-scoped user id.")]
    return []


def _opaque(body: Json) -> str:
    opaque = body.get("biz_opaque_callback_data", "")
    if isinstance(opaque, str) and length(opaque) <= MAX_OPAQUE:
        return ""
    return f"biz_opaque_callback_data must be at most {MAX_OPAQUE} characters."


def _context(body: Json) -> str:
    context = body.get("context", {})
    if isinstance(context, dict) and isinstance(context.get("message_id", ""), str):
        return ""
    return "context.message_id must be a string."


def _bounded(value: object, name: str, longest: int) -> str:
    if isinstance(value, str) and value.strip() and length(value) <= longest:
        return ""
    return f"{name} must be a text of 1 to {longest} characters."


def _text(content: Json) -> str:
    return _bounded(content.get("body"), "text.body", 4096)


def _media(content: Json) -> str:
    if isinstance(content.get("id"), str) == isinstance(content.get("link"), str):
        return "media needs either id or link."
    if "caption" in content:
        return _bounded(content["caption"], "caption", 1024)
    return ""


def _location(content: Json) -> str:
    numbers = [content.get("latitude"), content.get("longitude")]
    if all(isinstance(n, int | float | str) and _is_number(n) for n in numbers):
        return ""
    return "location needs latitude and longitude."


def _is_number(value: float | str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True


def _contacts(content: Json) -> str:
    cards = content.get("contacts", [])
    return "" if 1 <= len(cards) <= 5 else "contacts must hold 1 to 5 cards."


def _reaction(content: Json) -> str:
    if isinstance(content.get("emoji"), str) and content.get("message_id"):
        return ""
    return "reaction needs message_id and emoji."


def _template(content: Json) -> str:
    language = content.get("language")
    if content.get("name") and isinstance(language, dict) and language.get("code"):
        return ""
    return "template needs name and language.code."


def _interactive(content: Json) -> str:
    kind, action, body = content.get("type"), content.get("action"), content.get("body")
    if not isinstance(action, dict) or not isinstance(body, dict):
        return "interactive needs action and body."
    if fault := _bounded(body.get("text"), "interactive.body.text", 1024):
        return fault
    check = INTERACTIVE.get(kind) if isinstance(kind, str) else None
    return check(action) if check else f"interactive.type must be one of {', '.join(INTERACTIVE)}."


def _buttons(action: Json) -> str:
    buttons = action.get("buttons")
    if not isinstance(buttons, list) or not 1 <= len(buttons) <= 3:
        return "action.buttons must hold 1 to 3 buttons."
    replies = [b.get("reply", {}) if isinstance(b, dict) else {} for b in buttons]
    if len({reply.get("title") for reply in replies}) < len(replies):
        return "button titles must differ."
    faults = [_bounded(r.get("title"), "button title", 20) for r in replies]
    faults += [_bounded(r.get("id"), "button id", 256) for r in replies]
    return next(filter(None, faults), "")


def _sections(action: Json) -> str:
    sections = action.get("sections")
    if not isinstance(sections, list) or not 1 <= len(sections) <= 10:
        return "action.sections must hold 1 to 10 sections."
    rows = [row for s in sections if isinstance(s, dict) for row in s.get("rows", [])]
    if not 1 <= len(rows) <= 10:
        return "a list must hold 1 to 10 rows in all."
    faults = [_bounded(action.get("button"), "action.button", 20)]
    faults += [_bounded(row.get("title"), "row title", 24) for row in rows]
    faults += [_bounded(row.get("id"), "row id", 200) for row in rows]
    return next(filter(None, faults), "")


def _action_check(name: str, **texts: int) -> Callable[[Json], str]:
    """Return the check of an action with this name; `texts` are the longest lengths of the texts in
    its parameters."""

    def check(action: Json) -> str:
        if action.get("name") != name:
            return f"action.name must be {name}."
        parameters = action.get("parameters", {})
        if not isinstance(parameters, dict):
            return "action.parameters must be an object."
        faults = [_bounded(parameters.get(text), text, most) for text, most in texts.items()]
        return next(filter(None, faults), "")

    return check


INTERACTIVE: dict[str, Callable[[Json], str]] = {
    "button": _buttons,
    "list": _sections,
    "cta_url": _action_check("cta_url", display_text=20, url=2000),
    "location_request_message": _action_check("send_location"),
    "request_contact_info": _action_check("request_contact_info"),
    "flow": _action_check("flow", flow_message_version=1, flow_cta=30),
}

CONTENT: dict[str, Callable[[Json], str]] = {
    "audio": _media,
    "contacts": _contacts,
    "document": _media,
    "image": _media,
    "interactive": _interactive,
    "location": _location,
    "reaction": _reaction,
    "sticker": _media,
    "template": _template,
    "text": _text,
    "video": _media,
}
