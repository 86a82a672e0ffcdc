"""Client of an Open Klant, as ITA calls it."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
from yarl import URL

Json = dict[str, Any]


class ApiError(Exception):
    """Open Klant did not answer 2xx."""

    def __init__(self, status: int, faults: list[tuple[str, str]]) -> None:
        super().__init__(f"Open Klant answers {status} {faults}")
        self.status = status


class OpenKlantClient:
    def __init__(self, http: aiohttp.ClientSession, url: str, token: str) -> None:
        self._http, self._url = http, url.rstrip("/")
        self._headers = {"Authorization": f"Token {token}"}

    async def ask(
        self, method: str, url: str | URL, body: Json | None = None, **query: str
    ) -> Json:
        """Send a request and return its response. Raises ApiError."""
        request = self._http.request(
            method, url, json=body, params=query or None, headers=self._headers
        )
        async with request as response:
            is_json = response.content_type == "application/json"
            found: Json = await response.json() if is_json else {}
            if response.status >= 300:
                faults = [(one["name"], one["code"]) for one in found.get("invalidParams", ())]
                raise ApiError(response.status, faults)
            return found

    async def get(self, path: str, **query: str) -> Json:
        return await self.ask("GET", f"{self._url}/{path}", None, **query)

    async def post(self, resource: str, body: Json) -> Json:
        return await self.ask("POST", f"{self._url}/{resource}", body)

    async def patch(self, resource: str, uuid: str, body: Json) -> Json:
        return await self.ask("PATCH", f"{self._url}/{resource}/{uuid}", body)

    async def first_page(self, resource: str, **query: str) -> list[Json]:
        """Return the first page of a list."""
        results: list[Json] = (await self.get(resource, **query))["results"]
        return results

    async def pages(self, resource: str, **query: str) -> AsyncIterator[list[Json]]:
        """Yield each page of a list."""
        page = await self.get(resource, **query)
        yield page["results"]
        while page["next"]:
            page = await self.ask("GET", URL(page["next"], encoded=True))
            yield page["results"]
