"""Names of fields as the server has them in the end: lower camelCase, whatever was sent. Pure."""

import re
from typing import Any

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
