"""Fields of a form that a browser sent."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from aiohttp import web

from desk.web.form_fields import clean, read_fields

MAX_FIELD = 20_000
"""Characters of one field: the longest answer, in a browser that counts otherwise than Meta."""
MAX_NUMBER = 2**62


class Form:
    def __init__(self, fields: Mapping[str, Any]) -> None:
        self._fields = fields

    def has(self, name: str) -> bool:
        return name in self._fields

    def text(self, name: str) -> str:
        """Return a field; '' if it is not there. Line ends are those of WhatsApp."""
        value = self._fields.get(name, "")
        text = clean(value[:MAX_FIELD]) if isinstance(value, str) else ""
        return text.replace("\r\n", "\n").replace("\r", "\n")

    def id(self, name: str) -> UUID | None:
        try:
            return UUID(self.text(name))
        except ValueError:
            return None

    def number(self, name: str) -> int:
        text = self.text(name)
        is_number = text.isascii() and text.isdecimal() and len(text) <= len(str(MAX_NUMBER))
        return min(int(text), MAX_NUMBER) if is_number else 0


async def read_form(request: web.Request) -> Form:
    """Return the form of a request. Raises BadForm."""
    return Form(await read_fields(request))
