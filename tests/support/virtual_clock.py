"""An event loop whose clock jumps to the next timer, so that waiting takes no time and no luck."""

import asyncio
import functools
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _Jumps(selectors.DefaultSelector):
    """Does not wait for a timer; says instead that it has come."""

    now = 1000.0

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise AssertionError("everything waits for something that will never happen")
        self.now += max(timeout, 0)
        return super().select(0)


class Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jumps = _Jumps()
        super().__init__(self._jumps)

    def time(self) -> float:
        return self._jumps.now


def run(work: Coroutine[Any, Any, T]) -> T:
    """Return the result of `work`, as soon as the processor allows."""
    with asyncio.Runner(loop_factory=Loop) as runner:
        return runner.run(work)


def on_virtual_clock(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """An async test, run by that clock."""

    @functools.wraps(test)
    def in_no_time(*args: Any, **kwargs: Any) -> None:
        run(test(*args, **kwargs))

    return in_no_time
