"""Processes that are to end, and a wait for the end of one, a child of ours or not."""

import os
import select
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from deploy.local.process import Process
from deploy.local.process_tree import Family, descendants, identity


def processes(*roots: Process) -> Family:
    """These and all that descend from them."""
    found: Family = {}
    for root in roots:
        found |= {root.pid: identity(root.pid)} | descendants(root.pid)
    return found


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
