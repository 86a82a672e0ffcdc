"""No unit test reaches out: what needs a network belongs in tests/integration."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

# Drawing a frame around each traceback takes a second.
plain = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
structlog.configure(processors=[structlog.processors.add_log_level, plain])

_connect = socket.socket.connect


def _only_to_this_process(self: socket.socket, address: Any) -> None:
    if self.family != socket.AF_UNIX:
        raise AssertionError("a unit test tried to connect to something")
    _connect(self, address)


@pytest.fixture(autouse=True, scope="module")
def _no_network() -> Iterator[None]:
    """AF_UNIX stays: an event loop wakes itself through a pair of such sockets."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", _only_to_this_process)
        yield
