"""Client of Postkamer's own services for the desks; responses are passed on whole."""

import aiohttp
from aiohttp import web

from sandbox.settings import SandboxSettings
from services import clock
from services.http.problems import problem_response

FILE_HEADERS = ("Content-Type", "Content-Length", "Content-Disposition", "X-Content-Type-Options")
"""Headers of a file that are passed on to the page."""
PIECE_BYTES = 64 * 1024
ACCESS_HEADERS = {
    "Postkamer-Employee": "sandbox",
    "Postkamer-Reason": "aan het bureau van de sandbox",
}
"""Headers that name who reads the record, and why."""


class PostkamerClient:
    def __init__(self, settings: SandboxSettings, http: aiohttp.ClientSession) -> None:
        self._settings = settings
        self._http = http

    async def gateway(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        key: str = "",
        kind: str = "application/json",
    ) -> web.Response:
        """Send a request to the gateway. `key` is the idempotency key; without one, a body gets a
        new key."""
        headers: dict[str, str] = {}
        if body is not None:
            headers = {"Content-Type": kind, "Idempotency-Key": key or str(clock.new_id())}
        url = self._settings.gateway_url + path
        return await self._request(method, url, body, headers, "the gateway does not answer")

    async def archiver(self, path: str) -> web.Response:
        url = self._settings.archiver_url + path
        return await self._request("GET", url, None, ACCESS_HEADERS, "the archive does not answer")

    async def search(self, body: bytes) -> web.Response:
        """Search the archive. The conditions are in the body, and in no address."""
        url = self._settings.archiver_url + "/v1/messages/_search"
        headers = ACCESS_HEADERS | {"Content-Type": "application/json"}
        return await self._request("POST", url, body, headers, "the archive does not answer")

    async def file(self, request: web.Request, path: str) -> web.StreamResponse:
        """Stream a file from the archiver; pass on a refusal as usual."""
        headers = ACCESS_HEADERS | {"Authorization": f"Bearer {self._settings.api_token}"}
        url = self._settings.archiver_url + path
        try:
            async with self._http.get(url, headers=headers) as source:
                if source.status != 200:
                    return await pass_on(source)
                headers_kept = {
                    name: source.headers[name] for name in FILE_HEADERS if name in source.headers
                }
                response = web.StreamResponse(headers=headers_kept)
                await response.prepare(request)
                async for piece in source.content.iter_chunked(PIECE_BYTES):
                    await response.write(piece)
                await response.write_eof()
                return response
        except (aiohttp.ClientError, TimeoutError):
            return problem_response(502, "the archive does not answer", code="unreachable")

    async def _request(
        self, method: str, url: str, body: bytes | None, headers: dict[str, str], failure: str
    ) -> web.Response:
        headers = headers | {"Authorization": f"Bearer {self._settings.api_token}"}
        try:
            async with self._http.request(method, url, data=body, headers=headers) as response:
                return await pass_on(response)
        except (aiohttp.ClientError, TimeoutError):
            return problem_response(502, failure, code="unreachable")


async def pass_on(response: aiohttp.ClientResponse) -> web.Response:
    """Pass on the response of a Postkamer service; a refusal without JSON becomes a problem."""
    body = await response.read()
    if "json" not in response.content_type:
        if response.status >= 300:
            return problem_response(response.status, response.reason or "refused")
        body = b"{}"
    headers = {"Content-Type": "application/json"}
    if response.content_type.endswith("problem+json"):
        headers["Content-Type"] = "application/problem+json"
    if location := response.headers.get("Location"):
        headers["Location"] = location
    return web.Response(status=response.status, body=body, headers=headers)
