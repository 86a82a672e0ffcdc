"""Client of Postkamer's own services for the desks; responses are passed on whole."""

import aiohttp
from aiohttp import web

from sandbox.settings import SandboxSettings
from services import clock
from services.http.problems import problem_response

OF_A_FILE = ("Content-Type", "Content-Length", "Content-Disposition", "X-Content-Type-Options")
"""Headers of a file that are passed on to the page."""
PIECE_BYTES = 64 * 1024
LOOKING = {"Postkamer-Employee": "sandbox", "Postkamer-Reason": "aan het bureau van de sandbox"}
"""Headers that name who reads the record, and why."""


class Asking:
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
        return await self._ask(method, url, body, headers, "the gateway does not answer")

    async def archiver(self, path: str) -> web.Response:
        url = self._settings.archiver_url + path
        return await self._ask("GET", url, None, LOOKING, "the archive does not answer")

    async def file(self, request: web.Request, path: str) -> web.StreamResponse:
        """Stream a file from the archiver; pass on a refusal as usual."""
        headers = LOOKING | {"Authorization": f"Bearer {self._settings.api_token}"}
        url = self._settings.archiver_url + path
        try:
            async with self._http.get(url, headers=headers) as given:
                if given.status != 200:
                    return await passed_on(given)
                kept = {name: given.headers[name] for name in OF_A_FILE if name in given.headers}
                answer = web.StreamResponse(headers=kept)
                await answer.prepare(request)
                async for piece in given.content.iter_chunked(PIECE_BYTES):
                    await answer.write(piece)
                await answer.write_eof()
                return answer
        except (aiohttp.ClientError, TimeoutError):
            return problem_response(502, "the archive does not answer", code="unreachable")

    async def _ask(
        self, method: str, url: str, body: bytes | None, headers: dict[str, str], silent: str
    ) -> web.Response:
        headers = headers | {"Authorization": f"Bearer {self._settings.api_token}"}
        try:
            async with self._http.request(method, url, data=body, headers=headers) as given:
                return await passed_on(given)
        except (aiohttp.ClientError, TimeoutError):
            return problem_response(502, silent, code="unreachable")


async def passed_on(given: aiohttp.ClientResponse) -> web.Response:
    """Pass on the response of a Postkamer service; a refusal without JSON becomes a problem."""
    body = await given.read()
    if "json" not in given.content_type:
        if given.status >= 300:
            return problem_response(given.status, given.reason or "refused")
        body = b"{}"
    headers = {"Content-Type": "application/json"}
    if given.content_type.endswith("problem+json"):
        headers["Content-Type"] = "application/problem+json"
    if location := given.headers.get("Location"):
        headers["Location"] = location
    return web.Response(status=given.status, body=body, headers=headers)
