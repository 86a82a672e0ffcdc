"""Fields of a form as the browser, or whoever plays one, sent them."""

from collections.abc import Mapping
from typing import Any

from aiohttp import BodyPartReader, web
from multidict import MultiDict

FORM = "application/x-www-form-urlencoded"
FORM_WITH_FILE = "multipart/form-data"
FILE = "file"
"""Name of the field with a file, the last one."""
FIELD_BYTES = 64 * 1024
"""Largest field before the file."""
MAX_FIELDS = 10
"""Fields before a file: the hidden ones of a conversation, and a caption."""
PIECE_BYTES = 64 * 1024


class BadForm(Exception):
    """A body is not the form that it says it is."""


class StaleForm(Exception):
    """A form with a file, of which nothing was read, has not the token of this session."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__()
        self.fields = fields


async def read_fields(request: web.Request) -> MultiDict[Any]:
    """Return the fields of a form; boxes that are checked have one name. Raises BadForm for bytes
    or a charset that are none."""
    try:
        given = await request.post()
    except (ValueError, LookupError) as error:
        raise BadForm from error
    return MultiDict(
        (name, clean(each) if isinstance(each, str) else each) for name, each in given.items()
    )


async def read_up_to_file(
    request: web.Request,
) -> tuple[MultiDict[str], BodyPartReader | None]:
    """Return the fields of a form, and the file after them, which is still on its way; None if
    there is none. Raises BadForm."""
    fields: MultiDict[str] = MultiDict()
    try:
        reader = await request.multipart()
        for _ in range(MAX_FIELDS):
            part = await reader.next()
            if not isinstance(part, BodyPartReader):
                break
            if part.name == FILE:
                return fields, part
            content = await _read_field(part)
            if content is None:
                break
            fields.add(part.name or "", clean(content.decode(errors="replace")))
    except (ValueError, AssertionError) as error:
        raise BadForm from error
    return fields, None


async def _read_field(part: BodyPartReader) -> bytes | None:
    """Return a whole field, which may come in several pieces; None if it is too large."""
    content = b""
    while piece := await part.read_chunk(PIECE_BYTES):
        content += piece
        if len(content) > FIELD_BYTES:
            return None
    return content


def clean(text: str) -> str:
    """Return a text without what no table and no JSON takes, and nobody types."""
    return text.encode(errors="ignore").decode().replace("\0", "")
