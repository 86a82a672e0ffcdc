"""Media routes of both APIs of Meta: upload, describe, download and delete files."""

from http import HTTPStatus

from aiohttp import BodyPartReader, web

from sandbox.meta import graph_errors, media_store
from sandbox.meta.access import ApiAccess, Caller
from sandbox.meta.media_store import Medium
from sandbox.meta.send_validation import Refusal
from sandbox.meta.world import World
from services import clock
from services.http.problems import json_response

CHUNK_BYTES = 64 * 1024
LARGEST_UPLOAD_BYTES = 100 * media_store.MEGABYTE
DOWNLOAD = "/whatsapp_business/attachments/"
META_HOST = "https://lookaside.invalid"
"""Host in the download addresses that 360dialog passes on from Meta; a client replaces it by
360dialog's host. This is not Meta's real host, so that no key is ever sent there."""


class MediaRoutes:
    def __init__(self, world: World) -> None:
        self._world = world
        self._access = ApiAccess(world)

    def routes(self) -> list[web.RouteDef]:
        graph, d360 = "/graph/{version}", "/d360"
        meta, bsp = self._access.meta, self._access.bsp
        return [
            web.post(graph + "/{number}/media", meta(self._upload)),
            web.get(graph + "/download/{id}", meta(self._download)),
            web.delete(graph + "/{id}", meta(self._remove)),
            web.post(d360 + "/media", bsp(self._upload)),
            web.get(d360 + DOWNLOAD, bsp(self._download)),
            # Path of a download address of which only the host was replaced.
            web.get(DOWNLOAD, bsp(self._download)),
            web.get(d360 + "/{id}", bsp(self.describe)),
            web.delete(d360 + "/{id}", bsp(self._remove)),
        ]

    async def _upload(self, request: web.Request, _: Caller) -> web.StreamResponse:
        if not request.content_type.startswith("multipart/"):
            return self._refuse(100, "Expected multipart/form-data.")
        fields: dict[str, str] = {}
        content, mime_type = b"", ""
        async for part in await request.multipart():
            if not isinstance(part, BodyPartReader):
                continue
            if part.name == "file":
                mime_type = part.headers.get("Content-Type", "").partition(";")[0]
                content = await read_part(part, LARGEST_UPLOAD_BYTES)
            else:
                value = await read_part(part, CHUNK_BYTES)
                fields[part.name or ""] = value.decode(errors="replace")
        if fields.get("messaging_product") != "whatsapp":
            return self._refuse(100, "messaging_product is required.")
        mime_type = fields.get("type") or mime_type
        if fault := media_store.upload_fault(mime_type, len(content)):
            return self._refuse(131053, fault)
        return json_response({"id": self._world.media.add(mime_type, content).id})

    async def describe(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        if not (medium := self._world.media.get(request.match_info["id"])):
            return self._missing()
        return json_response(medium.description(download_url(request, caller, medium)))

    async def _download(self, request: web.Request, _: Caller) -> web.StreamResponse:
        expires = request.query.get("ext", "")
        fresh = expires.isdecimal() and int(expires) >= clock.now().timestamp()
        medium = self._world.media.get(request.match_info.get("id", request.query.get("mid", "")))
        if not fresh or not medium:
            return web.Response(status=HTTPStatus.NOT_FOUND)
        return web.Response(body=medium.content, content_type=medium.mime_type)

    async def _remove(self, request: web.Request, _: Caller) -> web.StreamResponse:
        if not self._world.media.remove(request.match_info["id"]):
            return self._missing()
        return json_response({"success": True})

    def _missing(self) -> web.Response:
        return self._refuse(100, "There is no object with this id.")

    def _refuse(self, code: int, details: str) -> web.Response:
        return self._access.refuse(Refusal(graph_errors.ERRORS[code], details))


def download_url(request: web.Request, caller: Caller, medium: Medium) -> str:
    """Return the address from which the file can be downloaded for a few minutes."""
    expires = int(clock.now().timestamp()) + media_store.URL_SECONDS
    if caller.carrier == "360dialog":
        return f"{META_HOST}{DOWNLOAD}?mid={medium.id}&ext={expires}&hash={medium.id}"
    path = f"/graph/{request.match_info['version']}/download/{medium.id}"
    return str(request.url.origin().with_path(path).with_query(ext=expires))


async def read_part(part: BodyPartReader, most: int) -> bytes:
    """Read a part of a form. A part over `most` bytes is cut off shortly after, still too long to
    be accepted."""
    content = bytearray()
    while len(content) <= most and (chunk := await part.read_chunk(CHUNK_BYTES)):
        content += chunk
    return bytes(content)
