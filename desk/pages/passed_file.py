"""Passing a file on from the archive to a browser, in pieces."""

from collections.abc import Mapping

import aiohttp
from aiohttp import web

PIECE_BYTES = 64 * 1024


async def pass_on(
    request: web.Request, source: aiohttp.ClientResponse, headers: Mapping[str, str]
) -> web.StreamResponse:
    """Answer with the body of another answer, and with these headers."""
    response = web.StreamResponse(headers=headers)
    await response.prepare(request)
    async for piece in source.content.iter_chunked(PIECE_BYTES):
        await response.write(piece)
    await response.write_eof()
    return response
