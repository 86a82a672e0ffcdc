"""Free space of the volume of a folder, measured again and again by a task.

A volume on the network may hang. Then one thread waits for it, and nothing else does.
"""

import asyncio
import os
from pathlib import Path

from services.disk_space import DiskSpace

MEASURE_SECONDS = 30.0
"""Interval between two measurements."""


def read_disk_space(folder: Path) -> DiskSpace | None:
    """Return the space of the volume of `folder`, for us and not for root; None if unknown."""
    try:
        volume = os.statvfs(folder)
    except OSError:
        return None
    used = (volume.f_blocks - volume.f_bfree) * volume.f_frsize
    free = volume.f_bavail * volume.f_frsize
    return DiskSpace(free, used + free)


class VolumeWatch:
    """Knows the space of one volume; None as folder is a store that is no folder."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self.space: DiskSpace | None = None

    async def run(self) -> None:
        """Measure for as long as the service runs."""
        while True:
            if self._folder:
                self.space = await asyncio.to_thread(read_disk_space, self._folder)
            await asyncio.sleep(MEASURE_SECONDS)
