"""Fields of a form that a browser sent."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from aiohttp import web
from multidict import MultiDict

from desk.web.form_fields import clean, read_fields

MAX_FIELD = 20_000
"""Characters of one field: the longest answer, in a browser that counts otherwise than Meta."""
MAX_NUMBER = 2**62


class Form:
    def __init__(self, fields: Mapping[str, Any]) -> None:
        self._fields = MultiDict(fields)

    def has(self, name: str) -> bool:
        return name in self._fields

    def text(self, name: str) -> str:
        """Return a field; '' if it is not there. Line ends are those of WhatsApp."""
        value = self._fields.get(name, "")
        text = clean(value[:MAX_FIELD]) if isinstance(value, str) else ""
        return text.replace("\r\n", "\n").replace("\r", "\n")

    def texts(self, name: str) -> list[str]:
        """Return the fields of one name, as the boxes that are checked."""
        return [each for each in self._fields.getall(name, []) if isinstance(each, str)]

    def id(self, name: str) -> UUID | None:
        try:
            return UUID(self.text(name))
        except ValueError:
            return None

    def number(self, name: str) -> int:
        text = self.text(name)
        is_number = text.isascii() and text.isdecimal() and len(text) <= len(str(MAX_NUMBER))
        return min(int(text), MAX_NUMBER) if is_number else 0


NOTHING_TYPED = Form({})
"""Form of a page that is not drawn again because of a refusal."""


async def read_form(request: web.Request) -> Form:
    """Return the form of a request. Raises BadForm."""
    return Form(await read_fields(request))
