"""Words that were typed into a form which came without a session, or from the page of an ended one.
They are shown to their writer again, and stored nowhere."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from aiohttp import web

from desk.web.form_fields import (
    FORM,
    FORM_WITH_FILE,
    BadForm,
    read_fields,
    read_up_to_file,
)
from desk.web.security import FORM_TOKEN

FORM_SECONDS = 10.0
"""Longest wait for the form of somebody who is not logged in; it has at most FORM_BYTES."""
MAX_FIELDS = 60
"""Fields that are shown again: a template has 50 values, and some hidden ones."""
CAPTION = "caption"
"""Field of the words beside a file, in the form of a file alone."""
TYPED = ("text", "note", "reason", "explanation", "zaak", "title", CAPTION)
"""Fields into which people type, beside the values of a template."""


class UnsentField(NamedTuple):
    name: str
    value: str
    is_typed: bool


def unsent_fields(fields: Iterable[tuple[str, Any]]) -> list[UnsentField]:
    """Return the fields of a form but its token; none if nothing was typed in it. Pure."""
    found = [
        UnsentField(name, value, name in TYPED or name.startswith("value-"))
        for name, value in fields
        if isinstance(value, str) and name != FORM_TOKEN
    ]
    has_words = any(each.is_typed and each.value.strip() for each in found)
    return found[:MAX_FIELDS] if has_words else []


async def read_unsent(request: web.Request) -> list[UnsentField]:
    """Return what was typed into the form of a request, which may be anybody's."""
    if request.method != "POST" or request.content_type not in (FORM, FORM_WITH_FILE):
        return []
    given: Mapping[str, Any]
    try:
        async with asyncio.timeout(FORM_SECONDS):
            if request.content_type == FORM:
                given = await read_fields(request)
            else:  # the file itself stays unread: it is chosen again
                given, _ = await read_up_to_file(request)
    except (TimeoutError, BadForm):
        return []
    return unsent_fields(given.items())
