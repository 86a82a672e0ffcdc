"""Fields of a form as the browser, or whoever plays one, sent them."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web

FORM = "application/x-www-form-urlencoded"


class BadForm(Exception):
    """A body is not the form that it says it is."""


async def read_fields(request: web.Request) -> Mapping[str, Any]:
    """Return the fields of a form. Raises BadForm for bytes or a charset that are none."""
    try:
        given = await request.post()
    except (ValueError, LookupError) as error:
        raise BadForm from error
    return {name: clean(each) if isinstance(each, str) else each for name, each in given.items()}


def clean(text: str) -> str:
    """Return a text without what no table and no JSON takes, and nobody types."""
    return text.encode(errors="ignore").decode().replace("\0", "")
