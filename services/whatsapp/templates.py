"""Message templates as Meta shows them: their parts, and the values that a sender must give. Pure.

Meta's words stay Meta's. A part that this release does not know is kept by its name alone, and
makes that the values are not known: nothing is guessed.
"""

import re
from typing import Any, Literal

import msgspec

from services.whatsapp.lenient_json import fields, make_storable, objects, text

NAME = re.compile(r"[a-z0-9_]{1,512}")
LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:_[A-Za-z]{2,4})?")
WORD = re.compile(r"[A-Z0-9_]{1,40}")
"""A word of Meta's vocabulary: a status, a category, the kind of a part."""
MAX_PARTS, MAX_BUTTONS = 10, 10
"""Components of a template, and buttons in one. Meta has four kinds that go together, and ten
buttons."""
LONGEST_TEXT = 4096
"""Characters of any text; Meta's own limits are 1,024 for a body, and 2,000 for an address."""
PLACEHOLDER = re.compile(r"\{\{\s*([^{}\s]{1,64})\s*\}\}")
PARAMETER_NAME = re.compile(r"[a-z][a-z0-9_]{0,59}")
"""Name of a parameter that our API can send (`gateway.requests.templates`)."""
POSITION = re.compile(r"[1-9][0-9]?")
APPROVED = "APPROVED"
"""The only status with which Meta sends a template ("Template quality rating", June 2026)."""
NAMED, POSITIONAL = "NAMED", "POSITIONAL"
WITHOUT_VALUE = frozenset(["PHONE_NUMBER", "QUICK_REPLY"])
"""Kinds of buttons that need no value; a quick reply may have a payload."""

ValueType = Literal["text", "image", "video", "document", "location", "coupon_code", "action"]
FILES: dict[str, ValueType] = {
    "IMAGE": "image",
    "VIDEO": "video",
    "DOCUMENT": "document",
    "LOCATION": "location",
}
"""Format of a header -> type of its one parameter."""


class TemplateButton(msgspec.Struct, frozen=True, omit_defaults=True):
    kind: str
    text: str = ""
    url: str = ""
    phone: str = ""
    example: str = ""
    """Example of the value that it takes, as whoever made the template gave it."""


class TemplatePart(msgspec.Struct, frozen=True, omit_defaults=True):
    """A component: HEADER, BODY, FOOTER, BUTTONS, or another of which only the kind is kept."""

    kind: str
    format: str = ""
    """Format of a header: TEXT, IMAGE, ..."""
    text: str = ""
    examples: dict[str, str] = {}
    """Name or position of a parameter -> example."""
    buttons: tuple[TemplateButton, ...] = ()


class MessageTemplate(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    language: str
    status: str
    category: str = ""
    quality: str = ""
    """GREEN, YELLOW, RED or UNKNOWN; '' if it was not told."""
    parameters: str = ""
    """NAMED or POSITIONAL; '' if it was not told."""
    parts: tuple[TemplatePart, ...] = ()


class RequiredValue(msgspec.Struct, frozen=True, kw_only=True):
    """A value that a message with the template must have."""

    component: Literal["header", "body", "button"]
    type: ValueType
    sub_type: str = ""
    """Kind of the button, as our API calls it."""
    index: int | None = None
    """Place of the button, from 0."""
    name: str = ""
    """Name of the parameter; '' if its place in the order counts."""
    example: str = ""


def read_template(shown: dict[str, Any]) -> MessageTemplate | None:
    """Read a template in Meta's list; None if it has no name, language or status, or does not keep
    to the bounds."""
    name, language = text(shown.get("name")), text(shown.get("language"))
    status, components = _word(shown, "status"), objects(shown.get("components"))
    if not (NAME.fullmatch(name) and LANGUAGE.fullmatch(language) and status):
        return None
    parts = [_read_part(component) for component in components[: MAX_PARTS + 1]]
    if len(parts) > MAX_PARTS or None in parts:
        return None
    return MessageTemplate(
        name=name,
        language=language,
        status=status,
        category=_word(shown, "category"),
        quality=_word(fields(shown.get("quality_score")), "score"),
        parameters=_word(shown, "parameter_format"),
        parts=tuple(filter(None, parts)),
    )


def required_values(template: MessageTemplate) -> tuple[RequiredValue, ...] | None:
    """Return the values that a message with this template must have, in the order of the parts;
    None if the template has no body, or a part or a placeholder that this release does not know."""
    if all(part.kind != "BODY" for part in template.parts):
        return None
    values: list[RequiredValue] = []
    for part in template.parts:
        found = _values_of(part, template.parameters)
        if found is None:
            return None
        values += found
    return tuple(values)


def _read_part(component: dict[str, Any]) -> TemplatePart | None:
    kind, format = _word(component, "type"), _word(component, "format")
    shown, buttons = _bounded(component.get("text")), objects(component.get("buttons"))
    if not kind or shown is None or len(buttons) > MAX_BUTTONS:
        return None
    if kind not in ("HEADER", "BODY", "FOOTER", "BUTTONS"):
        return TemplatePart(kind)
    read = [_read_button(button) for button in buttons]
    if None in read:
        return None
    examples = _examples(fields(component.get("example")), kind)
    return TemplatePart(kind, format, shown, examples, tuple(filter(None, read)))


def _read_button(button: dict[str, Any]) -> TemplateButton | None:
    kind = _word(button, "type")
    names = "text", "url", "phone_number"
    values = [_bounded(button.get(name)) for name in names]
    if not kind or None in values:
        return None
    title, url, phone = (value or "" for value in values)
    return TemplateButton(kind, title, url, phone, _suffix(_first(button.get("example")), url))


def _examples(example: dict[str, Any], kind: str) -> dict[str, str]:
    """Return the examples of the parameters in a header or body, by name or by position."""
    prefix = {"HEADER": "header_text", "BODY": "body_text"}.get(kind, "")
    named = objects(example.get(f"{prefix}_named_params"))
    found = {text(each.get("param_name")): text(each.get("example")) for each in named}
    listed = example.get(prefix)
    if isinstance(listed, list) and listed and isinstance(listed[0], list):
        listed = listed[0]
    for position, value in enumerate(listed if isinstance(listed, list) else (), 1):
        found[str(position)] = text(value)
    return {
        make_storable(name): make_storable(value)
        for name, value in found.items()
        if name and value and len(name) <= LONGEST_TEXT and len(value) <= LONGEST_TEXT
    }


def _suffix(example: str, url: str) -> str:
    """Return what an example adds to the fixed part of an address: Meta shows the whole address,
    and takes the end alone."""
    fixed = url.partition("{{")[0]
    return example.removeprefix(fixed) if url else example


def _first(value: Any) -> str:
    """Return the first text of a list, or the text itself; '' for a longer one than any may be."""
    first = text(value[0]) if isinstance(value, list) and value else text(value)
    return make_storable(first) if len(first) <= LONGEST_TEXT else ""


def _word(shown: dict[str, Any], name: str) -> str:
    """Return a word of Meta's, in capitals as its API has them, or '' for something else."""
    word = text(shown.get(name)).upper()
    return word if WORD.fullmatch(word) else ""


def _bounded(value: Any) -> str | None:
    """Return a text, '' if there is none, or None for a longer one than any may be."""
    shown = text(value)
    return make_storable(shown) if len(shown) <= LONGEST_TEXT else None


def _values_of(part: TemplatePart, parameters: str) -> list[RequiredValue] | None:
    match part.kind:
        case "FOOTER":
            return []
        case "BUTTONS":
            return _values_of_buttons(part.buttons)
        case "HEADER" if part.format in FILES:
            return [RequiredValue(component="header", type=FILES[part.format])]
        case "HEADER" | "BODY" if part.text and part.format in ("", "TEXT"):
            return _values_of_text(part, parameters)
    return None


def _values_of_text(part: TemplatePart, parameters: str) -> list[RequiredValue] | None:
    found = list(dict.fromkeys(PLACEHOLDER.findall(part.text)))
    is_named = parameters == NAMED or (parameters != POSITIONAL and not _are(POSITION, found))
    if not _are(PARAMETER_NAME if is_named else POSITION, found) or _has_rest(part.text):
        return None
    return [
        RequiredValue(
            component="header" if part.kind == "HEADER" else "body",
            type="text",
            name=name if is_named else "",
            example=part.examples.get(name, ""),
        )
        for name in (found if is_named else sorted(found, key=int))
    ]


def _has_rest(shown: str) -> bool:
    """Return True if a text has a place for a value that is in no form that we know."""
    return "{{" in PLACEHOLDER.sub("", shown)


def _are(form: re.Pattern[str], names: list[str]) -> bool:
    return all(form.fullmatch(name) for name in names)


def _values_of_buttons(buttons: tuple[TemplateButton, ...]) -> list[RequiredValue] | None:
    found: list[RequiredValue] = []
    for index, button in enumerate(buttons):
        value = _value_of_button(button, index)
        if value is None:
            return None
        found += value
    return found


def _value_of_button(button: TemplateButton, index: int) -> list[RequiredValue] | None:
    """Return the value that a button needs. A button that opens a flow must be named, or Meta
    refuses the message (131009)."""
    type: ValueType
    match button.kind:
        case "URL" if _has_rest(button.url):
            return None
        case "URL" if not PLACEHOLDER.search(button.url):
            return []
        case "URL":
            type = "text"
        case "COPY_CODE":
            type = "coupon_code"
        case "FLOW":
            type = "action"
        case kind:
            return [] if kind in WITHOUT_VALUE else None
    sub_type = button.kind.lower()
    return [
        RequiredValue(
            component="button", type=type, sub_type=sub_type, index=index, example=button.example
        )
    ]
