"""An employee at the desk, in a browser without JavaScript: cookies, links and forms."""

import re
from html import unescape
from http.cookies import SimpleCookie
from typing import Any

import aiohttp
from yarl import URL

from tests.support.observer import until

SECONDS = 15.0


class Employee:
    def __init__(self, session: aiohttp.ClientSession, desk: str) -> None:
        self.session, self.desk = session, desk
        self.cookies: dict[str, dict[str, str]] = {}
        """Origin -> its cookies."""
        self.page, self.status, self.url = "", 0, URL(desk)
        self.headers: Any = {}
        self.content = b""
        """Bytes of the page, or of a file."""

    async def log_in(self, person: str) -> None:
        """Log in as one of the people of the sandbox."""
        await self.get("/login")
        assert "Wie bent u?" in self.page, self.page
        await self.submit("/identity/authorize", {"person": person})
        assert self.url.path == "/inbox", (self.url, self.page)

    async def get(self, path: str, **headers: str) -> str:
        return await self._go("GET", URL(self.desk).join(URL(path)), None, headers)

    async def post(self, path: str, fields: dict[str, str], **headers: str) -> str:
        return await self._go("POST", URL(self.desk).join(URL(path)), fields, headers)

    async def submit(self, action: str, fields: dict[str, str]) -> str:
        """Send a form of the page, with these fields changed."""
        form = self.form(action)
        assert form is not None, f"no form {action} on the page: {self.page}"
        return await self._go("POST", self.url.join(URL(action)), form | fields, {})

    def form(self, action: str) -> dict[str, str] | None:
        """Fields of the form with this action; None if the page has none."""
        pattern = rf'<form\b[^>]*action="{re.escape(action)}"[^>]*>(.*?)</form>'
        found = re.search(pattern, self.page, re.S)
        if found is None:
            return None
        fields = {}
        for tag in re.findall(r"<input\b[^>]*>", found[1]):
            name, value = (re.search(rf'\b{each}="([^"]*)"', tag) for each in ("name", "value"))
            if name and 'type="file"' not in tag:  # a file is added by `upload`
                fields[name[1]] = unescape(value[1]) if value else ""
        areas = r'<textarea\b[^>]*name="([^"]*)"[^>]*>(.*?)</textarea>'
        for area in re.finditer(areas, found[1], re.S):
            fields[area[1]] = unescape(area[2])
        return fields

    async def upload(
        self, path: str, fields: dict[str, str], name: str, content: bytes, content_type: str
    ) -> str:
        """Send a form with a file, its last field."""
        form = aiohttp.FormData(fields)
        form.add_field("file", content, filename=name, content_type=content_type)
        return await self._go("POST", URL(self.desk).join(URL(path)), form, {})

    def links(self, start: str) -> list[str]:
        """Addresses of links of the page that begin so."""
        found = map(unescape, re.findall(r'href="([^"]+)"', self.page))
        return [each for each in found if each.startswith(start)]

    async def finds(self, text: str, filter: str = "waiting") -> str:
        """The path of the conversation in the inbox that shows this text."""

        async def look() -> str:
            page = await self.get(f"/inbox?filter={filter}")
            for item in re.findall(r'<li class="desk-item.*?</li>', page, re.S):
                if text in unescape(item):
                    return re.search(r'href="(/conversations/[^"]+)"', item)[1]  # type: ignore[index]
            return ""

        return await until(look, bool, SECONDS)

    async def reads(self, path: str, text: str) -> None:
        """Wait until the page of a conversation shows this text."""

        async def look() -> bool:
            return text in unescape(await self.get(path))

        await until(look, bool, SECONDS)

    async def _go(self, method: str, url: URL, fields: Any, headers: dict[str, str]) -> str:
        for _ in range(10):
            origin = str(url.origin())
            cookies = "; ".join(f"{k}={v}" for k, v in self.cookies.get(origin, {}).items())
            given = {"Accept-Language": "nl"} | headers | ({"Cookie": cookies} if cookies else {})
            async with self.session.request(
                method, url, data=fields, headers=given, allow_redirects=False
            ) as answer:
                self._keep(origin, answer.headers.getall("Set-Cookie", []))
                self.content = await answer.read()
                self.page, self.status = await answer.text(errors="replace"), answer.status
                self.headers, self.url = answer.headers, url
            if self.status != 303:
                return self.page
            method, fields = "GET", None
            url = url.join(URL(self.headers["Location"], encoded=True))
        raise AssertionError(f"redirected without end: {url}")

    def _keep(self, origin: str, headers: list[str]) -> None:
        jar = self.cookies.setdefault(origin, {})
        for header in headers:
            for name, morsel in SimpleCookie(header).items():
                if morsel["max-age"] == "0":
                    jar.pop(name, None)
                else:
                    jar[name] = morsel.coded_value
