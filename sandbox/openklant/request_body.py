"""The body of a request as the server gets it: JSON with its names rewritten. Pure."""

import json
from typing import Any

from sandbox.openklant.names import renamed


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
