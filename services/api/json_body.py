"""Parsing of request bodies: bytes in, a model or all faults out. Pure, and never raises.

A fault is a JSON pointer (RFC 6901) and a sentence. Neither contains the input, except the
name of an unknown member if it looks like a name.
"""

import json
import re
from collections.abc import Collection, Iterator
from typing import Any, TypeVar

import msgspec
from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from services.api.field_types import OURS, OURS_OF_OBJECT
from services.api.operations import ProblemExample

T = TypeVar("T")

BODY_BYTES = 64 * 1024
"""Largest body: a text of 4,096 characters is under 25 KB, with any characters and escapes."""
DEPTH = 16
"""Deepest nesting of arrays and objects: our deepest model has 7, and flows add their own data."""
DIGITS = 18
"""Most digits of a whole number: every JSON parser keeps so many exactly, or nearly so."""
FAULTS = 100
"""Most faults in one answer; the caller can send the request again for the rest."""
NAME = re.compile(r"(?!(?:\D*\d){5})[A-Za-z_][A-Za-z0-9_-]{0,39}")
"""Form of the name of a member; all known names have it. Another name may identify a person (a
telephone number, a wamid), and answers are logged by proxies and shown on screens."""
UNNAMED = "*"
"""Replaces a name in a pointer that does not match NAME."""

SENTENCES = {
    "bool_type": "must be true or false",
    "dict_type": "must be an object",
    "extra_forbidden": "is not known",
    "float_type": "must be a number",
    "greater_than_equal": "must be at least {ge}",
    "int_type": "must be a whole number",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be {expected}",
    "missing": "must be given",
    "model_type": "must be an object",
    "string_type": "must be a text",
    "too_long": "must have at most {max_length}",
    "too_short": "must have at least {min_length}",
    "tuple_type": "must be a list",
    "union_tag_invalid": "must be one of {expected_tags}",
    "union_tag_not_found": "must be given, as one of those in the documentation",
    "uuid_type": "must be a UUID",
}
"""Type of pydantic's error -> our sentence. The braces hold limits of our models, never the input.
"""
UNIONS = ("union_tag_invalid", "union_tag_not_found")
"""Errors of an object's `type` that pydantic places at the object."""
SLOW = ProblemExample("the body did not arrive in time", "The body did not arrive in time.")
LARGE = ProblemExample(f"a body is at most {BODY_BYTES} bytes", "The body is too large.")
NO_JSON = ProblemExample(
    "the body must be application/json",
    "The body is not application/json in UTF-8, or has a Content-Encoding.",
)
UNREAD_REFUSALS: dict[int, list[ProblemExample]] = {408: [SLOW], 413: [LARGE], 415: [NO_JSON]}
"""Refusals that are made without reading the whole body."""

NO_TEXT = "holds U+0000 or half a character (an unpaired surrogate), which cannot be stored"
OTHERWISE = "is not what it should be"
"""Sentence for a type that the table lacks. None is known to occur, and a test searches for them.
"""


class FieldError(msgspec.Struct, frozen=True, order=True, omit_defaults=True):
    """One fault of a request: a JSON pointer, or the name of a header, and a sentence that never
    contains the input."""

    pointer: str
    detail: str
    parameter: str = ""

    @property
    def member(self) -> str:
        """Top-level member of the body that has the fault; '' for the body as a whole."""
        return self.pointer[1:].partition("/")[0]


class _RepeatedName(dict[str, Any]):
    """An object in which a name occurs twice."""


class _Unsupported(msgspec.Struct, frozen=True):
    """A value that is valid JSON, or nearly so, but that we do not accept."""

    detail: str


def parse_body(
    body: bytes, kind: TypeAdapter[T], common: TypeAdapter[Any] | None = None
) -> T | list[FieldError]:
    """Parse `body` as `kind`, or return all faults in it. `common` is the model of the members that
    are still checked when the `type` of the body is missing or unknown."""
    decoded = _decode(body)
    if isinstance(decoded, FieldError):
        return [decoded]
    faults: dict[str, str] = {}
    value = _repair(decoded, "", 1, faults)
    text = json.dumps(value) if faults else body
    parsed = _validate(text, kind, value, faults)
    if not faults:
        return parsed
    if common and "/type" in faults:
        _validate(text, common, value, faults)
    return sorted(map(FieldError, faults.keys(), faults.values()))[:FAULTS]


def parse_ignoring_faults(
    body: bytes, faults: Collection[FieldError], kind: TypeAdapter[T]
) -> T | None:
    """Parse the members of a body without `faults` as `kind`; None if that is not possible."""
    decoded = _decode(body)
    if not isinstance(decoded, dict):
        return None
    faulty = {fault.member for fault in faults}
    sound = {name: member for name, member in decoded.items() if _token(name) not in faulty}
    try:
        return kind.validate_json(json.dumps(_repair(sound, "", 1, {})))
    except ValidationError:
        return None


def _validate(
    text: str | bytes, kind: TypeAdapter[T], value: Any, faults: dict[str, str]
) -> T | Any:
    """Parse `text` as `kind`; add its faults to `faults`, except at pointers that have one."""
    try:
        return kind.validate_json(text)
    except ValidationError as error:
        for pointer, sentence in _explain(error, value):
            faults.setdefault(pointer, sentence)
        return None


def _decode(body: bytes) -> Any:
    """Decode the JSON of a body, or return the fault for which it cannot be decoded."""
    if len(body) > BODY_BYTES:
        return FieldError("", f"is over {BODY_BYTES} bytes")
    try:
        return json.loads(
            body.decode(),
            object_pairs_hook=_object,
            parse_int=_whole,
            parse_float=_real,
            parse_constant=lambda _: _Unsupported("is no number that JSON knows"),
        )
    except UnicodeDecodeError:
        return FieldError("", "is no UTF-8")
    except RecursionError:
        return FieldError("", f"is nested over {DEPTH} deep")
    except ValueError:
        return FieldError("", "is no JSON")


def _object(members: list[tuple[str, Any]]) -> dict[str, Any]:
    unique = dict(members)
    return unique if len(unique) == len(members) else _RepeatedName(unique)


def _whole(digits: str) -> int | _Unsupported:
    return int(digits) if len(digits) <= DIGITS else _Unsupported(f"has over {DIGITS} digits")


def _real(digits: str) -> float | _Unsupported:
    number = float(digits)
    return number if abs(number) < float("inf") else _Unsupported("is too large")


def _repair(value: Any, pointer: str, depth: int, faults: dict[str, str]) -> Any:
    """Return `value` without the parts that no model can check; each of these becomes a fault."""
    if isinstance(value, list | dict) and depth > DEPTH:
        faults[pointer] = f"is nested over {DEPTH} deep"
        return None
    match value:
        case _Unsupported(detail):
            faults[pointer] = detail
            return None
        case str() if not _is_text(value):
            faults[pointer] = NO_TEXT
            return None
        case list():
            return [
                _repair(item, f"{pointer}/{n}", depth + 1, faults) for n, item in enumerate(value)
            ]
        case dict():
            if isinstance(value, _RepeatedName):
                faults[pointer] = "has a name twice"
            if not all(map(_is_text, value)):
                faults[pointer] = f"has a name that {NO_TEXT}"
            return {
                name: _repair(member, f"{pointer}/{_token(name)}", depth + 1, faults)
                for name, member in value.items()
                if _is_text(name)
            }
    return value


def _is_text(text: str) -> bool:
    if "\0" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _token(name: str | int) -> str:
    """Return one step of a pointer."""
    return str(name) if isinstance(name, int) or NAME.fullmatch(name) else UNNAMED


def _explain(error: ValidationError, value: Any) -> Iterator[tuple[str, str]]:
    """Yield the pointer and the sentence of each error.

    pydantic counts only the valid items of a list. A list that is too short for that reason is not
    reported, only its invalid items are.
    """
    details = [
        (_pointer(each, value), each)
        for each in error.errors(include_url=False, include_input=False)
    ]
    for pointer, detail in details:
        inside = f"{pointer}/"
        if detail["type"] != "too_short" or not any(
            other.startswith(inside) for other, _ in details
        ):
            yield pointer, _sentence(detail)


def _pointer(error: ErrorDetails, value: Any) -> str:
    """Return the pointer to an error in `value`. pydantic's location also has the tags of unions,
    which must be skipped: the value of an object's `type` or `kind`, before the object's member."""
    steps: list[str | int] = []
    here, tags = value, _tags(value)
    for step in error["loc"][:-1] if error["type"] == OURS_OF_OBJECT else error["loc"]:
        if tags[:1] == [step]:
            tags = tags[1:]
            continue
        steps.append(step)
        here = _member(here, step)
        tags = _tags(here)
    if error["type"] == "extra_forbidden" and (not steps or steps[-1] != error["loc"][-1]):
        steps.append(error["loc"][-1])  # an unknown member with the name of its object's type
    if error["type"] in UNIONS:
        steps.append(error["ctx"]["discriminator"].strip("'"))
    return "".join(f"/{_token(step)}" for step in steps)


def _tags(value: Any) -> list[str]:
    members = value if isinstance(value, dict) else {}
    return [members[name] for name in ("type", "kind") if name in members]


def _member(value: Any, step: str | int) -> Any:
    try:
        return value[step]
    except (LookupError, TypeError):
        return None


def _sentence(error: ErrorDetails) -> str:
    if error["type"] in (OURS, OURS_OF_OBJECT):
        return error["msg"]
    return SENTENCES.get(error["type"], OTHERWISE).format_map(error.get("ctx", {}))
