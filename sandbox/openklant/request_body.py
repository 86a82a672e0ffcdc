"""The body of a request as the server gets it: JSON with its names rewritten. Pure."""

import json
import re
from typing import Any


class Unreadable(Exception):
    """It is no JSON."""


def parsed(raw: bytes) -> Any:
    """The body; an empty one is an empty object, so that every field is missing from it."""
    if not raw:
        return {}
    try:
        return renamed(json.loads(raw.decode(), parse_constant=_no_number))
    except (ValueError, RecursionError) as error:
        raise Unreadable from error


def _no_number(name: str) -> object:
    raise ValueError(name)


WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z][a-z0-9]*|[0-9]+|[^A-Za-z0-9_]+")


def camel(name: str) -> str:
    """`snake_key` is snakeKey, `WAMID` is wamid: it goes through snake_case and back. Half a
    character, which JSON can bring, is a question mark then."""
    parts: list[str] = []
    for found in WORD.finditer(name.encode(errors="replace").decode()):
        word = found[0]
        begins = word[0].isupper() or name[found.start() - 1 : found.start()] == "_"
        parts.append(word.capitalize() if parts and begins else word.lower())
    return "".join(parts)


def renamed(value: Any) -> Any:
    """A body with all its keys so; those of `metadata` too, which is how the server has it."""
    if isinstance(value, dict):
        return {camel(name): renamed(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [renamed(inner) for inner in value]
    return value
