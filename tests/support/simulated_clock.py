"""A clock that all processes of an installation go by, their database too, and that a test moves.

Neither a setting of the product's nor a fault in it: libfaketime (a package of Debian's) stands
before the C library of each process, and tells it another time of day. What measures how long
something takes does not notice. RabbitMQ stays with the real one: it stamps nothing of ours.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from services import clock

LIBRARIES = "*/faketime/libfaketimeMT.so.1"
FOLDER = Path("/usr/lib")


class SimulatedClock:
    """`folder` is open to whoever runs the database."""

    def __init__(self, folder: Path, at: datetime) -> None:
        libraries = sorted(FOLDER.glob(LIBRARIES))
        assert libraries, "libfaketime is missing: run `deploy/setup.sh clock`"
        self._file = folder / "offset"
        self.environment = {
            "LD_PRELOAD": str(libraries[0]),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",  # or processes would disagree for some seconds
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_DISABLE_SHM": "1",
        }
        self._move(at - clock.now())

    def set(self, at: datetime) -> None:
        """Set the time to `at`; it goes on from there. A clock never goes back."""
        assert at >= self.now(), "the simulated clock would go back"
        self._move(at - clock.now())

    def step(self, by: timedelta) -> None:
        """Set it forth or back at once, as an operator does with a clock that is wrong."""
        self._move(self._offset + by)

    def _move(self, offset: timedelta) -> None:
        self._offset = offset
        new = self._file.with_suffix(".new")
        new.write_text(f"{offset.total_seconds():+.3f}\n")
        new.chmod(0o644)
        os.replace(new, self._file)

    def now(self) -> datetime:
        return clock.now() + self._offset

    def passes(self, time: timedelta) -> None:
        self.set(self.now() + time)


@contextmanager
def simulated(at: datetime) -> Iterator[SimulatedClock]:
    folder = Path(tempfile.mkdtemp(prefix="postkamer-clock-"))
    folder.chmod(0o755)
    try:
        yield SimulatedClock(folder, at)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
