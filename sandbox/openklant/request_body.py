"""Request bodies as the server sees them: JSON with rewritten keys. Pure."""

import re
from typing import Any

import msgspec


class Unreadable(Exception):
    """The body is not JSON."""


def parse(raw: bytes) -> Any:
    """Parse the body. An empty body is an empty object, so every required field is missing."""
    try:
        return rename_keys(msgspec.json.decode(raw)) if raw else {}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unreadable from error


WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z][a-z0-9]*|[0-9]+|[^A-Za-z0-9_]+")


def camel_case(name: str) -> str:
    """Rewrite a key through snake_case to camelCase: `snake_key` becomes snakeKey, `WAMID` becomes
    wamid."""
    parts: list[str] = []
    for match in WORD.finditer(name):
        word = match[0]
        begins = word[0].isupper() or name[match.start() - 1 : match.start()] == "_"
        parts.append(word.capitalize() if parts and begins else word.lower())
    return "".join(parts)


def rename_keys(value: Any) -> Any:
    """Rewrite all keys of a body; like the server, those of `metadata` too."""
    if isinstance(value, dict):
        return {camel_case(name): rename_keys(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [rename_keys(inner) for inner in value]
    return value
