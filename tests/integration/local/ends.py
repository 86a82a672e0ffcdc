"""Waiting for the end of any process, a child of ours or not."""

import os
import select
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def an_end_of(pid: int) -> Iterator[Callable[[float], bool]]:
    """Gives what waits so many seconds and says whether the end came."""
    descriptor = os.pidfd_open(pid)
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    try:
        yield lambda seconds: bool(poll.poll(seconds * 1000))
    finally:
        os.close(descriptor)
