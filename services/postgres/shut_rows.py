"""Rows that do not open: each stays in its place or fails alone, and holds up no other.

A row does not open if it was altered, or if its working key is gone. One that stays is passed over
for a while and tried again, since an operator may give the key back.
"""

import asyncio
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from operator import itemgetter
from typing import Any, TypeVar

import msgspec
import structlog

from services import metrics
from services.sealing.key_ring import RING, KeyUnknown, NoWorkingKey, Unsealable

PASS_OVER_SECONDS = 600.0
"""Time for which a row that does not open is left out. Shorter than the window of the alarm, 15
minutes, so that the alarm stays on as long as the row is there."""
PASSED_OVER = 10_000
"""Rows of one reader that are left out, 160 KB of ids in its query: more than are on their way
between two services at the peak of a day. Beyond it the first ones are tried before their time."""
READ_SECONDS = 10.0
"""Longest wait for the next read of the keys, which follows within a second of the first miss."""
SHUT = KeyUnknown, Unsealable, msgspec.DecodeError, UnicodeDecodeError
"""Errors of a row that does not open. Altered bytes may lose the mark of a sealed value too."""

Row = TypeVar("Row")
T = TypeVar("T")

log = structlog.get_logger()


class RowShut(Exception):
    """A row does not open that the work at hand cannot do without."""

    def __init__(self, table: str, key: object, *, lacks_key: bool = False) -> None:
        super().__init__(table)
        self.table, self.key, self.lacks_key = table, key, lacks_key


class ShutRows:
    """Rows of one table that its reader passes over."""

    def __init__(self, table: str, key: Callable[[Any], Hashable] = itemgetter("id")) -> None:
        self._table, self._key = table, key
        self._until: dict[Hashable, float] = {}

    def passed_over(self) -> list[Any]:
        """Return the keys of the rows that the next query leaves out."""
        now = asyncio.get_running_loop().time()
        self._until = {key: until for key, until in self._until.items() if until > now}
        return list(self._until)

    async def open_others(self, rows: Sequence[Row], read: Callable[[Row], T]) -> list[T]:
        """Return what `read` makes of the rows that open, and pass over the others from now on."""
        opened, shut = await open_rows(rows, read)
        now = asyncio.get_running_loop().time()
        for key in map(self._key, shut):
            if self._until.get(key, 0.0) <= now:
                report_shut(self._table, key)
                self._until[key] = now + PASS_OVER_SECONDS
        for key in list(self._until)[:-PASSED_OVER]:
            del self._until[key]
        return opened


async def open_rows(rows: Sequence[Row], read: Callable[[Row], T]) -> tuple[list[T], list[Row]]:
    """Return what `read` makes of the rows that open, and the rows that do not.

    If a key is unknown, all are tried once more after the next read of the keys: another process
    may have made it a moment ago. Raises NoWorkingKey while the keys are not read.
    """
    opened, shut = _open(rows, read)
    if any(isinstance(error, KeyUnknown) for _, error in shut):
        await wait_for_keys()
        opened, shut = _open(rows, read)
    return opened, [row for row, _ in shut]


def _open(
    rows: Sequence[Row], read: Callable[[Row], T]
) -> tuple[list[T], list[tuple[Row, Exception]]]:
    opened: list[T] = []
    shut: list[tuple[Row, Exception]] = []
    for row in rows:
        try:
            opened.append(read(row))
        except SHUT as error:
            shut.append((row, error))
    return opened, shut


async def wait_for_keys() -> None:
    """Return when the keys were read after a miss; at once if that read did not find the key.
    Raises NoWorkingKey if they are not read in time."""
    try:
        async with asyncio.timeout(READ_SECONDS):
            await RING.complete.wait()
    except TimeoutError:
        raise NoWorkingKey("the keys are not read again yet") from None


@contextmanager
def opening(table: str, key: object, error_type: type[RowShut] = RowShut) -> Iterator[None]:
    """Raise RowShut, or a kind of it, if this row of a table does not open."""
    try:
        yield
    except SHUT as error:
        raise error_type(table, key, lacks_key=isinstance(error, KeyUnknown)) from error


def report_shut(table: str, *keys: object) -> None:
    """Count and log rows of this table that did not open."""
    for key in keys:
        metrics.rows_shut.labels(table=table).inc()
        log.error("row.shut", what=table, record=key)
