"""Place of the tests' own files: the memory, where it has room.

PostgreSQL makes and removes files by the hundred with each copy of a database. On ext4 that takes
four times the work, because a new file looks for an inode that was not used of late.
"""

import os
import shutil
from pathlib import Path

MEMORY = Path("/dev/shm")
ROOM_BYTES = 8 * 2**30
"""Least room: the servers of three workers take some 3 GB, beside all that runs."""


def choose_scratch(memory: Path = MEMORY) -> str | None:
    """Return the folder for temporary files, if it is another than the usual one."""
    if "TMPDIR" in os.environ or not os.access(memory, os.W_OK | os.X_OK):
        return None
    return str(memory) if shutil.disk_usage(memory).free >= ROOM_BYTES else None
