"""An API's document and its page over HTTP: for everybody, to be kept, and able to do nothing."""

import base64
import hashlib
import re
from collections.abc import AsyncIterator

import aiohttp
import pytest

from gateway.api_docs.document import document
from services.api.docs_page import routes
from services.http.application import api_app
from services.http.server import serve


@pytest.fixture
async def url() -> AsyncIterator[str]:
    async with serve(api_app(routes(document)), "127.0.0.1", 0) as port:
        yield f"http://127.0.0.1:{port}/v1"


async def test_openapi_document_is_cacheable_and_for_any_origin(url: str) -> None:
    async with aiohttp.ClientSession() as session, session.get(f"{url}/openapi.json") as answer:
        assert await answer.json() == document
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.headers["Cache-Control"].startswith("public, max-age=")
        assert answer.headers["API-Version"] == document["info"]["version"]
        tag = answer.headers["ETag"]
        known = {"If-None-Match": tag}
        async with session.get(f"{url}/openapi.json", headers=known) as again:
            assert again.status == 304
            assert again.headers["ETag"] == tag and await again.read() == b""


async def test_docs_page_may_only_show_its_own_style(url: str) -> None:
    async with aiohttp.ClientSession() as session, session.get(f"{url}/openapi.html") as answer:
        assert answer.content_type == "text/html"
        page = await answer.text()
        policy = answer.headers["Content-Security-Policy"]
    [style] = re.findall("<style>(.*?)</style>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in policy
    for rule in ("default-src 'none'", "base-uri 'none'", "form-action 'none'"):
        assert rule in policy
    assert "frame-ancestors 'none'" in policy and "unsafe" not in policy
