"""Async tests of the deliverer run on a clock that jumps to the next timer."""

from collections.abc import Callable
from typing import Any

from tests.support.virtual_clock import Loop


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], Any]]:
    return {"virtual clock": Loop}
