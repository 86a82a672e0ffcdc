"""A file that a browser sends in a form, passed on as it comes."""

import hmac
from collections.abc import AsyncIterator
from typing import NamedTuple

from aiohttp import BodyPartReader, web
from multidict import MultiDict

from desk.pages.forms import Form
from desk.postkamer.client import Refused
from desk.web.form_fields import BadForm
from desk.web.security import FORM_TOKEN

FIELD_BYTES = 64 * 1024
"""Largest field before the file."""
MAX_FIELDS = 10
PIECE_BYTES = 64 * 1024
MAX_NAME = 200
FILE = "file"


class Upload(NamedTuple):
    """The fields of a form, and the file after them, which is still on its way; without a name if
    none was chosen."""

    form: Form
    filename: str
    content_type: str
    pieces: AsyncIterator[bytes]


async def read_upload(request: web.Request, form_token: str) -> Upload | None:
    """Read a form up to its file, the last field; None if it has none. Raises Refused if the form
    is none of ours, before anything of the file is read."""
    if request.content_type != "multipart/form-data":
        return None
    fields: MultiDict[str] = MultiDict()
    try:
        reader = await request.multipart()
    except (ValueError, AssertionError) as error:
        raise BadForm from error
    for _ in range(MAX_FIELDS):
        part = await reader.next()
        if not isinstance(part, BodyPartReader):
            return None
        if part.name == FILE:
            given = fields.get(FORM_TOKEN, "")
            if not hmac.compare_digest(given.encode(errors="replace"), form_token.encode()):
                raise Refused(403, "", {})
            name = (part.filename or "")[-MAX_NAME:]
            kind = part.headers.get("Content-Type", "application/octet-stream")
            return Upload(Form(fields), name, kind, _pieces(part))
        content = await _read_field(part)
        if content is None:
            return None
        fields.add(part.name or "", content.decode(errors="replace"))
    return None


async def _read_field(part: BodyPartReader) -> bytes | None:
    """Return a whole field, which may come in several pieces; None if it is too large."""
    content = b""
    while piece := await part.read_chunk(PIECE_BYTES):
        content += piece
        if len(content) > FIELD_BYTES:
            return None
    return content


async def _pieces(part: BodyPartReader) -> AsyncIterator[bytes]:
    while piece := await part.read_chunk(PIECE_BYTES):
        yield piece
