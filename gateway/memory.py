"""Memory that was freed goes back to the system, soon after many connections or large bodies ended.

The allocator keeps what was freed for itself: connections that end together leave cycles that
Python looks for only after many new objects, and half a page in use keeps all memory below it.
"""

import asyncio
import gc
from pathlib import Path

from services.instance import give_back_free_memory

LOOK_SECONDS = 10.0
"""Pause between two looks at the memory, each of some 20 us."""
GROWN_BYTES = 8 * 1024 * 1024
"""Growth since the last time after which memory is given back: a tenth of an idle gateway."""
PAGE_BYTES = 4096


def should_give_back(resident: int, left: int) -> bool:
    """Return True if a process of `resident` bytes grew, since `left` bytes were left. Pure."""
    return resident >= left + GROWN_BYTES


async def give_back_memory() -> None:
    """Give memory back each time that the process has grown, as long as the service runs."""
    left = _resident_bytes()
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        if should_give_back(_resident_bytes(), left):
            gc.collect()
            give_back_free_memory()
            left = _resident_bytes()


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_BYTES
