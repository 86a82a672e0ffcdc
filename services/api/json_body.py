"""Reading what a CRM sends: bytes in, a model or every fault of it out. Pure, and never raises.

A fault is a JSON pointer (RFC 6901) and a sentence of ours; what was sent stands in neither, but
for the name of a member that we do not know, where it looks like one.
"""

import json
import re
from collections.abc import Collection, Iterator
from typing import Any, TypeVar

import msgspec
from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from services.api.field_types import OURS
from services.api.operations import Refusal

T = TypeVar("T")

BODY_BYTES = 64 * 1024
"""Of one body: a text of 4,096 characters is under 25 KB, whatever its characters and escapes."""
DEPTH = 16
"""Of arrays and objects in each other; the deepest of ours has 7, and flows have their own data."""
DIGITS = 18
"""Of a whole number: what every reader of JSON holds exactly or nearly so."""
FAULTS = 100
"""In one answer; who has more will look again."""
NAME = re.compile(r"(?!(?:\D*\d){5})[A-Za-z_][A-Za-z0-9_-]{0,39}")
"""What the name of a member is like; all that we know are. Another may be what somebody is known by
(a telephone number, a wamid), and an answer is logged by proxies and shown on screens."""
UNNAMED = "*"
"""Stands in a pointer for a name that is not like one."""

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
    "uuid_parsing": "must be a UUID",
    "uuid_type": "must be a UUID",
}
"""Type of an error of pydantic's -> what we say. In braces stand limits of our models, never what
was sent."""
UNIONS = ("union_tag_invalid", "union_tag_not_found")
"""Errors of an object's `type` that pydantic places at the object."""
SLOW = Refusal("the body did not arrive in time", "The body did not arrive in time.")
LARGE = Refusal(f"a body is at most {BODY_BYTES} bytes", "The body is too large.")
NO_JSON = Refusal(
    "the body must be application/json",
    "The body is not application/json in UTF-8, or has a Content-Encoding.",
)
UNTAKEN: dict[int, list[Refusal]] = {408: [SLOW], 413: [LARGE], 415: [NO_JSON]}
"""For which a body is not even read."""

NO_TEXT = "holds U+0000 or half a character (an unpaired surrogate), which cannot be stored"
OTHERWISE = "is not what it should be"
"""For a type that is not in the table: none is known, and a test looks for them."""


class FieldError(msgspec.Struct, frozen=True, order=True, omit_defaults=True):
    """One thing wrong with a request: a JSON pointer, or the name of a header, and a sentence,
    never what was sent."""

    pointer: str
    detail: str
    parameter: str = ""

    @property
    def member(self) -> str:
        """The member of the body in which it is; '' for the body as a whole."""
        return self.pointer[1:].partition("/")[0]


class _Twice(dict[str, Any]):
    """An object with a name in it twice."""


class _Odd(msgspec.Struct, frozen=True):
    """What JSON can say and we do not take."""

    detail: str


def parse_body(
    body: bytes, kind: TypeAdapter[T], common: TypeAdapter[Any] | None = None
) -> T | list[FieldError]:
    """The `kind` that `body` holds, or all that is wrong with it. `common`: what is looked at all
    the same when nobody can tell of which kind it is."""
    given = _decoded(body)
    if isinstance(given, FieldError):
        return [given]
    faults: dict[str, str] = {}
    given = _mended(given, "", 1, faults)
    text = json.dumps(given) if faults else body
    made = _validated(text, kind, given, faults)
    if not faults:
        return made
    if common and "/type" in faults:
        _validated(text, common, given, faults)
    return sorted(map(FieldError, faults.keys(), faults.values()))[:FAULTS]


def parse_ignoring_faults(
    body: bytes, faults: Collection[FieldError], kind: TypeAdapter[T]
) -> T | None:
    """The `kind` that is in the members of a body without `faults`; None where nothing is."""
    given = _decoded(body)
    if not isinstance(given, dict):
        return None
    wrong = {fault.member for fault in faults}
    left = {name: one for name, one in given.items() if _token(name) not in wrong}
    try:
        return kind.validate_json(json.dumps(_mended(left, "", 1, {})))
    except ValidationError:
        return None


def _validated(
    text: str | bytes, kind: TypeAdapter[T], given: Any, faults: dict[str, str]
) -> T | Any:
    """The `kind` in `text`; what is wrong with it goes to `faults`, beside what was there."""
    try:
        return kind.validate_json(text)
    except ValidationError as error:
        for pointer, sentence in _told(error, given):
            faults.setdefault(pointer, sentence)
        return None


def _decoded(body: bytes) -> Any:
    """What stands in it as JSON, or the fault for which nothing does."""
    if len(body) > BODY_BYTES:
        return FieldError("", f"is over {BODY_BYTES} bytes")
    try:
        return json.loads(
            body.decode(),
            object_pairs_hook=_object,
            parse_int=_whole,
            parse_float=_real,
            parse_constant=lambda _: _Odd("is no number that JSON knows"),
        )
    except UnicodeDecodeError:
        return FieldError("", "is no UTF-8")
    except RecursionError:
        return FieldError("", f"is nested over {DEPTH} deep")
    except ValueError:
        return FieldError("", "is no JSON")


def _object(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(members)
    return found if len(found) == len(members) else _Twice(found)


def _whole(digits: str) -> int | _Odd:
    return int(digits) if len(digits) <= DIGITS else _Odd(f"has over {DIGITS} digits")


def _real(digits: str) -> float | _Odd:
    number = float(digits)
    return number if abs(number) < float("inf") else _Odd("is too large")


def _mended(value: Any, pointer: str, depth: int, faults: dict[str, str]) -> Any:
    """`value` without what no model looks at, which becomes a fault."""
    if isinstance(value, list | dict) and depth > DEPTH:
        faults[pointer] = f"is nested over {DEPTH} deep"
        return None
    match value:
        case _Odd(detail):
            faults[pointer] = detail
            return None
        case str() if not _is_text(value):
            faults[pointer] = NO_TEXT
            return None
        case list():
            return [
                _mended(one, f"{pointer}/{n}", depth + 1, faults) for n, one in enumerate(value)
            ]
        case dict():
            if isinstance(value, _Twice):
                faults[pointer] = "has a name twice"
            if not all(map(_is_text, value)):
                faults[pointer] = f"has a name that {NO_TEXT}"
            return {
                name: _mended(one, f"{pointer}/{_token(name)}", depth + 1, faults)
                for name, one in value.items()
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
    """One step of a pointer."""
    return str(name) if isinstance(name, int) or NAME.fullmatch(name) else UNNAMED


def _told(error: ValidationError, given: Any) -> Iterator[tuple[str, str]]:
    """Pointer and sentence of each error. Of a list that is said to be too short because only its
    right ones were counted, nothing is told but what is wrong with the others."""
    told = [
        (_pointer(one, given), one) for one in error.errors(include_url=False, include_input=False)
    ]
    for pointer, one in told:
        inside = f"{pointer}/"
        if one["type"] != "too_short" or not any(other.startswith(inside) for other, _ in told):
            yield pointer, _sentence(one)


def _pointer(error: ErrorDetails, given: Any) -> str:
    """Where in `given` it is. pydantic's location also has the tags of unions: the value of an
    object's `type` or `kind`, which stands before the object's member."""
    steps: list[str | int] = []
    here, tags = given, _tags(given)
    for step in error["loc"]:
        if tags[:1] == [step]:
            tags = tags[1:]
            continue
        steps.append(step)
        here = _member(here, step)
        tags = _tags(here)
    if error["type"] == "extra_forbidden" and (not steps or steps[-1] != error["loc"][-1]):
        steps.append(error["loc"][-1])  # a stranger that is called as its object's type
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
    if error["type"] == OURS:
        return error["msg"]
    return SENTENCES.get(error["type"], OTHERWISE).format_map(error.get("ctx", {}))
