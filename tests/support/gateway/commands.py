"""Orders to test with: the examples of the API, and ways to change them."""

import copy
import json
from collections.abc import Iterator
from typing import Any

from pydantic import TypeAdapter

from gateway.api_docs import examples
from gateway.requests import changes, messages
from services.api.json_body import parse_body

Json = dict[str, Any]

ORDERS: list[tuple[str, TypeAdapter[Any], Json]] = [
    *((name, messages.MESSAGE, example) for name, example in examples.MESSAGES.items()),
    *(
        (f"{verb} {name}", changes.VERBS[verb].kind, example)
        for verb, named in examples.CHANGES.items()
        for name, example in named.items()
    ),
    ("notice", changes.NOTICE, examples.NOTICE),
    ("no notice", changes.CLEAR_NOTICE, examples.CLEAR_NOTICE),
    *((f"state {name}", changes.STATE, example) for name, example in examples.STATES.items()),
]
"""Name, what it is read as, body."""

Path = tuple[str | int, ...]


def paths(value: Any, path: Path = ()) -> Iterator[Path]:
    """The way to every value in a body."""
    yield path
    items = value.items() if isinstance(value, dict) else ()
    items = enumerate(value) if isinstance(value, list) else items
    for step, inner in items:
        yield from paths(inner, (*path, step))


def at(body: Any, path: Path) -> Any:
    """The value there."""
    for step in path:
        body = body[step]
    return body


def changed(body: Json, path: Path, value: Any) -> Any:
    """A copy with another value there."""
    if not path:
        return value
    made = copy.deepcopy(body)
    at(made, path[:-1])[path[-1]] = value
    return made


def message(name: str, **members: Any) -> messages.Message:
    """An example as it is read, with other members."""
    made = parse_body(json.dumps(examples.MESSAGES[name] | members).encode(), messages.MESSAGE)
    assert not isinstance(made, list), made
    return made


def faults(body: Any, kind: TypeAdapter[Any] = messages.MESSAGE) -> dict[str, str]:
    """Pointer -> sentence of all that is wrong."""
    found = parse_body(json.dumps(body).encode(), kind)
    return {one.pointer: one.detail for one in found} if isinstance(found, list) else {}
