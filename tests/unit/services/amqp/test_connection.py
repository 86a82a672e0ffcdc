"""A connection to the broker that fails."""

import asyncio
import gc

import pytest
from yarl import URL

from services.amqp import connection
from services.amqp.connection import open_connection


async def _fail(*_: object, **__: object) -> None:
    raise ConnectionRefusedError


def test_connection_that_fails_leaves_nothing_to_close(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library closes an open one when it is collected, and warns where no loop runs."""
    monkeypatch.setattr(connection.aio_pika.Connection, "connect", _fail)

    async def fail() -> Exception:
        try:
            await open_connection(URL("amqp://127.0.0.1:1/"))
        except ConnectionRefusedError as error:
            return error
        raise AssertionError

    with asyncio.Runner() as runner:
        error: Exception | None = runner.run(fail())
        assert error and error.__traceback__, "its frames hold the connection"
        asyncio.set_event_loop(None)
        error = None
        gc.collect()
