"""The small town's files: got from the sandbox's Graph API as an archiver does, and handed out."""

from typing import Any

import aiohttp
from aiohttp import web

from services.http.problems import problem_response
from tests.support.browser.record_entries import now

INFECTED = b"infected"
"""Bytes that this town's scanner finds."""


class Files:
    def __init__(self, token: dict[str, str]) -> None:
        self._token = token
        self._there: dict[str, tuple[str, bytes]] = {}

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/v1/media/{id}", self._file)]

    async def _file(self, request: web.Request) -> web.Response:
        if request.match_info["id"] not in self._there:
            return problem_response(404, "there is no such file")
        kind, content = self._there[request.match_info["id"]]
        return web.Response(body=content, content_type=kind)

    async def came(
        self, http: aiohttp.ClientSession, graph: str, message: dict[str, Any], id: str
    ) -> dict[str, Any] | None:
        """The CRM's view of a message's file once it is here; None where it has none."""
        about = message.get(message["type"])
        if not isinstance(about, dict) or "mime_type" not in about:
            return None
        async with http.get(f"{graph}/{about['id']}", headers=self._token) as answer:
            url = (await answer.json())["url"]
        async with http.get(url, headers=self._token) as answer:
            content = await answer.read()
        found = INFECTED in content
        if not found:
            self._there[id] = (about["mime_type"], content)
        return {
            "state": "quarantined" if found else "available",
            "reason": "media_malware: de virusscanner vond Eicar" if found else "",
            "scanned": True,
            "media": [{"id": id, "link": f"/v1/media/{id}", "mimeType": about["mime_type"]}],
            "at": now(),
        }
