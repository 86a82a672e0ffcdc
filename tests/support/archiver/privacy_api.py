"""The API of the privacy officer over HTTP, by the archiver's role, for a token of some rights."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp
import msgspec

from archiver.api.access_log import access_log
from archiver.api.queries import RecordReader
from archiver.api.routes import RecordRoutes
from archiver.log.writer import Writer
from archiver.privacy.archive import PrivacyArchive
from archiver.search.routes import SearchRoutes
from archiver.search.search import Search
from archiver.service import privacy_routes
from services.config import loader
from services.files.object_store import ObjectStore
from services.http.application import api_app
from services.http.server import serve
from services.http.token_store import TokenStore
from services.postgres.database import connection_pool
from tests.support.archiver.desk import TENANT
from tests.support.decrypted_record import keys_of
from tests.support.installation import EXAMPLE
from tests.support.tokens import GENEROUS, bearer, key

WHO, WHY = {"Postkamer-Employee": "w.dekker"}, {"Postkamer-Reason": "verzoek 12"}
BOTH = WHO | WHY


class PrivacyApi:
    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self._url, self._session = url, session

    async def ask(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] = BOTH
    ) -> tuple[int, Any]:
        """Status and body; of a file its bytes."""
        url, given = f"{self._url}/v1/{path}", bearer("t") | headers
        async with self._session.request(method, url, json=body, headers=given) as answer:
            content = await answer.read()
            is_json = answer.content_type.endswith("json")
            return answer.status, msgspec.json.decode(content) if is_json else content

    async def get(self, path: str, **headers: str) -> tuple[int, Any]:
        return await self.ask("GET", path, headers=headers or BOTH)

    async def post(self, path: str, **body: Any) -> tuple[int, Any]:
        return await self.ask("POST", path, body)


@asynccontextmanager
async def privacy_api(url: str, objects: str = "", **rights: Any) -> AsyncIterator[PrivacyApi]:
    given = {"roles": frozenset(["privacy"]), "tenant": TENANT, "departments": None}
    config = loader.load(EXAMPLE).config
    async with (
        connection_pool(f"{url}?role=postkamer_archiver", "test", 6) as pool,
        AsyncExitStack() as stack,
    ):
        store = objects or Path(stack.enter_context(TemporaryDirectory())).as_uri()
        keys = await keys_of(pool)
        tokens = TokenStore(pool, [key("t", **(given | GENEROUS | rights))], config)
        reader = RecordReader(pool, keys)
        log = access_log(Writer(pool, keys), tokens.asking_departments)
        async with log as views, aiohttp.ClientSession() as session:
            archive = PrivacyArchive(pool, keys, lambda: config, ObjectStore(store))
            routes = privacy_routes(archive, views, tokens)
            search = SearchRoutes(Search(pool, keys, reader), reader, views, tokens)
            record = RecordRoutes(reader, views, tokens, lambda: timedelta())
            routes += [*search.routes(), *record.routes()]
            async with serve(api_app(routes), "127.0.0.1", 0) as port:
                yield PrivacyApi(f"http://127.0.0.1:{port}", session)
