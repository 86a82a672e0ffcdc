"""Words that were typed into a form which came without a session, or from the page of an ended one.
They are shown to their writer again, and stored nowhere."""

import asyncio
from collections.abc import Iterable
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
MAX_FIELDS = 120
"""Fields that are shown again: a page of a list has 100 boxes, and some other fields; a template
has 50 values."""
CAPTION = "caption"
"""Field of the words beside a file, in the form of a file alone."""
TYPED = ("text", "note", "reason", "explanation", "zaak", "title", CAPTION)
"""Fields into which people type, beside the values of a template."""


class UnsentField(NamedTuple):
    name: str
    value: str
    is_typed: bool


def unsent_fields(fields: Iterable[tuple[str, Any]]) -> list[UnsentField]:
    """Return the fields of a form but its token; none if nothing was typed in it, or if it has more
    than a form of ours: a part of it would be another order. Pure."""
    found = [
        UnsentField(name, value, name in TYPED or name.startswith("value-"))
        for name, value in fields
        if isinstance(value, str) and name != FORM_TOKEN
    ]
    has_words = any(each.is_typed and each.value.strip() for each in found)
    return found if has_words and len(found) <= MAX_FIELDS else []


async def read_unsent(request: web.Request) -> list[UnsentField]:
    """Return what was typed into the form of a request, which may be anybody's."""
    if request.method != "POST" or request.content_type not in (FORM, FORM_WITH_FILE):
        return []
    try:
        async with asyncio.timeout(FORM_SECONDS):
            if request.content_type == FORM:
                return unsent_fields((await read_fields(request)).items())
            fields, _ = await read_up_to_file(request)  # the file itself is chosen again
            return unsent_fields(fields.items())
    except (TimeoutError, BadForm):
        return []
