"""A web server that shows a certificate of a test's own authority."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from deploy.local.state import free_port


@asynccontextmanager
async def serve_by_tls(app: web.Application, context: ssl.SSLContext) -> AsyncIterator[int]:
    """Serve on a port of this machine, and return it."""
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port := free_port(), ssl_context=context).start()
        yield port
    finally:
        await runner.cleanup()
