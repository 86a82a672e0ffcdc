"""The primary among the servers that a database URL names, comma separated."""

from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import asyncpg
from asyncpg.connect_utils import SessionAttribute

ServerConnection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
NO_PRIMARY = asyncpg.TargetServerAttributeNotMatched
"""Error of a connection when only stand-bys answer."""
UNUSABLE = asyncpg.PostgresError, asyncpg.InterfaceError, NO_PRIMARY, OSError, TimeoutError
"""Errors of a host after which the next one is asked."""


def split_hosts(url: str) -> list[str]:
    """Return a URL for each host of `url`."""
    parts = urlsplit(url)
    user, at, hosts = parts.netloc.rpartition("@")
    if "," not in hosts:
        return [url]
    return [parts._replace(netloc=f"{user}{at}{host}").geturl() for host in hosts.split(",")]


def primary_connector(url: str) -> Callable[..., Coroutine[Any, Any, ServerConnection]]:
    """Return a function that connects to the primary among the hosts of `url`.

    Each host has its share of the time: asyncpg alone gives all of it to the first one, and a
    server that is frozen or cut off uses it up. The host that was the primary last is asked first.
    """
    urls = split_hosts(url)

    async def connect(*_: str, timeout: float, **options: Any) -> ServerConnection:
        share = timeout / len(urls)
        failure: Exception | None = None
        for each in list(urls):
            try:
                connection: ServerConnection = await asyncpg.connect(
                    each, timeout=share, target_session_attrs=SessionAttribute.primary, **options
                )
            except UNUSABLE as error:
                failure = error
                continue
            urls.sort(key=lambda other: other != each)
            return connection
        assert failure
        raise failure

    return connect


async def connect_to_primary(url: str, timeout: float, **options: Any) -> ServerConnection:
    """Connect once."""
    return await primary_connector(url)(timeout=timeout, **options)
