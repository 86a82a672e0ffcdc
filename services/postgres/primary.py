"""The primary among the servers that a database URL names, comma separated.

Where there are several, this also looks for the synchronous stand-by: without it a fail-over
forgets what was confirmed. A service starts and goes on without it all the same, because after a
fail-over there is none until the operator has made a new one.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, TypeAlias
from urllib.parse import urlsplit
from weakref import WeakSet

import asyncpg
import structlog
from asyncpg.connect_utils import SessionAttribute

from services import metrics

CONNECT_SECONDS = 5.0
"""Timeout of connecting to whichever server is the primary."""
LOOK_SECONDS = 5.0
"""Pause between looks at which server is the primary. Statements to one that is frozen or cut off
would wait a minute: half of it for an answer, the other half for an end of the question."""
ANSWER_SECONDS = 2.0
"""Timeout of a look, on a server that has just let us in."""
IS_GUARDED = "select current_setting('synchronous_standby_names') <> '' as guarded"
Address = str | Callable[[], str]
"""A URL, or a function that returns the one of now: its password may be exchanged."""
ServerConnection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
NO_PRIMARY = asyncpg.TargetServerAttributeNotMatched
"""Error of a connection when only stand-bys answer."""
UNUSABLE = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)
"""Errors of a host after which the next one is asked."""

log = structlog.get_logger()


def split_hosts(url: str) -> list[str]:
    """Return a URL for each host of `url`."""
    parts = urlsplit(url)
    user, at, hosts = parts.netloc.rpartition("@")
    if "," not in hosts:
        return [url]
    return [parts._replace(netloc=f"{user}{at}{host}").geturl() for host in hosts.split(",")]


def hosts_as_before(previous: Sequence[str], url: str) -> list[str]:
    """Return a URL for each host of `url`: those of `previous` first, in the same order. Pure."""
    places = {_host(each): place for place, each in enumerate(previous)}
    return sorted(split_hosts(url), key=lambda each: places.get(_host(each), len(places)))


def _host(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2]


class Primary:
    """Connects to the primary, and drops the connections to one that is it no more."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self.url = self._read()
        """The address that was used last."""
        self._urls = split_hosts(self.url)
        """The last primary first."""
        self._connections: WeakSet[ServerConnection] = WeakSet()
        """Connections to it."""

    async def connect(
        self, dsn: str | None = None, *, timeout: float = CONNECT_SECONDS, **options: Any
    ) -> ServerConnection:
        """Connect within `timeout`, of which each host has its share. A pool passes `dsn`, which
        is our URL.

        asyncpg alone gives all of it to the first one, and a server that is frozen or cut off uses
        it up.
        """
        self._update()
        share = timeout / len(self._urls)
        failure: Exception | None = None
        for url in list(self._urls):
            try:
                connection: ServerConnection = await asyncpg.connect(
                    url, timeout=share, target_session_attrs=SessionAttribute.primary, **options
                )
            except UNUSABLE as error:
                failure = error
            else:
                self._follow(url)
                self._connections.add(connection)
                return connection
        assert failure
        raise failure

    def _read(self) -> str:
        return self._address() if callable(self._address) else self._address

    def _update(self) -> None:
        """Go by the address of now. Connections that were made by the one before stay."""
        if (url := self._read()) != self.url:
            self.url, self._urls = url, hosts_as_before(self._urls, url)

    def _follow(self, url: str) -> None:
        """Drop the connections to another server: work on them fails at once, and is repeated."""
        if url == self._urls[0]:
            return
        self._urls.sort(key=lambda other: other != url)
        if self._connections:
            log.warning("database.moved", count=len(self._connections))
        for connection in list(self._connections):
            connection.terminate()
        self._connections.clear()

    async def watch(self, **options: Any) -> None:
        """Look where the primary is, and if commits wait for a stand-by, for as long as this runs.

        One server is always the primary, and has no stand-by that we would know of.
        """
        was_guarded = True
        while len(self._urls) > 1:
            with suppress(*UNUSABLE):
                is_guarded = await self._look(options)
                metrics.database_unguarded.set(not is_guarded)
                if was_guarded and not is_guarded:
                    log.warning("database.unguarded")
                was_guarded = is_guarded
            await asyncio.sleep(LOOK_SECONDS)

    async def _look(self, options: dict[str, Any]) -> bool:
        connection = await self.connect(**options)
        try:
            return bool(await connection.fetchval(IS_GUARDED, timeout=ANSWER_SECONDS))
        finally:
            connection.terminate()
