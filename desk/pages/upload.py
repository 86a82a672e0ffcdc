"""A file that a browser sends in a form, passed on as it comes."""

import hmac
from collections.abc import AsyncIterator
from typing import NamedTuple

from aiohttp import BodyPartReader, web

from desk.pages.forms import Form
from desk.web.form_fields import FORM_WITH_FILE, PIECE_BYTES, StaleForm, clean, read_up_to_file
from desk.web.security import FORM_TOKEN
from services.files.filenames import shorten_filename


class Upload(NamedTuple):
    """The fields of a form, and the file after them, which is still on its way; without a name if
    none was chosen."""

    form: Form
    filename: str
    content_type: str
    pieces: AsyncIterator[bytes]


async def read_upload(request: web.Request, form_token: str) -> Upload | None:
    """Read a form up to its file, the last field; None if it has none. Raises BadForm, and
    StaleForm if the form is none of ours, before anything of the file is read."""
    if request.content_type != FORM_WITH_FILE:
        return None
    fields, file = await read_up_to_file(request)
    if file is None:
        return None
    given = fields.get(FORM_TOKEN, "")
    if not hmac.compare_digest(given.encode(errors="replace"), form_token.encode()):
        raise StaleForm(fields)
    name = shorten_filename(clean(file.filename or ""))  # the gateway bounds the header with it
    kind = file.headers.get("Content-Type", "application/octet-stream")
    return Upload(Form(fields), name, kind, _pieces(file))


async def _pieces(part: BodyPartReader) -> AsyncIterator[bytes]:
    while piece := await part.read_chunk(PIECE_BYTES):
        yield piece
