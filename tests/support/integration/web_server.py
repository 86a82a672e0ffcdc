"""A web server in the process of a test, also by TLS."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from tests.support.observer import until_true

END_SECONDS = 10.0


@asynccontextmanager
async def serve_app(app: web.Application, context: ssl.SSLContext | None) -> AsyncIterator[int]:
    """Serve on a port of this machine, and return it."""
    runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    server = site._server
    assert isinstance(server, asyncio.Server)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        await runner.cleanup()
        await _end_handshakes(server)


async def _end_handshakes(server: asyncio.Server) -> None:
    """End the connections whose handshake is under way: the application does not know them yet, and
    a client makes more than it uses."""
    transports = asyncio.get_running_loop()._transports  # type: ignore[attr-defined]
    for transport in list(transports.values()):
        if transport._server is server:
            transport.abort()
    await until_true(lambda: server._active_count == 0, END_SECONDS)  # type: ignore[attr-defined]
