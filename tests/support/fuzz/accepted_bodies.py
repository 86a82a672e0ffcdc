"""The books of a fuzz run: what the door has promised, to be compared with the archive.

Kept as hashes, so that a hundred thousand bodies fit.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from services.whatsapp.parser import Unparseable, identity_key, parse
from tests.support.installation import Installation

DECIDED = "kind in ('message', 'status', 'notice', 'quarantine') and receipt is not null"
"""The record of an item itself; beside it there may be those of its conversation."""
FAULTS = "kind = 'quarantine' and (data->>'reason' ~ 'fault in Postkamer|refused it|crashed')"
EMPTY = hashlib.sha256(b"").hexdigest()


def digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


class Accounts:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.answers: Counter[int] = Counter()
        self.taken: Counter[str] = Counter()
        """Bodies that were answered 200, how often."""
        self.doubtful: Counter[str] = Counter()
        """Those that were not, and may have been kept all the same."""
        self._items: dict[bytes, set[str]] = {}
        """Raw bytes of each item, by its identity."""
        self.unparseable = 0
        self.bytes = 0

    @property
    def inputs(self) -> int:
        return self.answers.total()

    @property
    def items(self) -> int:
        return len(self._items)

    def answered(self, status: int, body: bytes | None, refused: bool) -> None:
        self.answers[status] += 1
        if body is None:
            return
        self.bytes += len(body)
        if status == 200:
            self.taken[digest(body)] += 1
            self._expect(body)
        elif not refused:
            self.doubtful[digest(body)] += 1

    def _expect(self, body: bytes) -> None:
        try:
            items = parse(body)
        except Unparseable:
            self.unparseable += 1
            return
        for item in items:
            key = hashlib.sha256(repr(identity_key(item)).encode(errors="backslashreplace"))
            self._items.setdefault(key.digest()[:16], set()).add(digest(item.raw))

    def missing_receipts(self, town: Installation) -> list[str]:
        """Differences between the receipts in the archive and the answers."""
        kept = archived_receipts(town)
        wrong = [
            f"{body}: answered 200 {times} times, in the archive {kept[body]} times"
            for body, times in self.taken.items()
            if not times <= kept[body] <= times + self.doubtful[body]
        ]
        strange = kept.keys() - self.taken.keys() - self.doubtful.keys()
        return wrong + [f"{body}: in the archive, and never answered 200" for body in strange]

    def missing_items(self, town: Installation) -> Iterator[str]:
        """Faults of the records of items: each item has one record, in bytes that it came in."""
        rows = town.database.execute(
            f"select encode(sha256(raw), 'hex') from opened.record where {DECIDED}"
        ).splitlines()
        expected = self.items + self.unparseable
        if not expected <= len(rows) <= expected + 2 * self.doubtful.total():
            yield f"{expected} items and unreadable bodies, {len(rows)} records of them"
        kept = set(rows)
        lost = [raws for raws in self._items.values() if not raws & kept]
        yield from (f"no record of an item with the bytes {sorted(raws)[0]}" for raws in lost)
        known = set().union(*self._items.values()) if self._items else set()
        if not self.doubtful:
            strange = kept - known - {EMPTY}
            yield from (f"a record of bytes that nobody sent: {raw}" for raw in strange)


def archived_receipts(town: Installation) -> Counter[str]:
    """Bodies in the archive, how often."""
    rows = town.database.execute(
        "select encode(sha256(body), 'hex'), count(*) from opened.receipt group by 1"
    )
    pairs = (row.split("|") for row in rows.splitlines())
    return Counter({body: int(times) for body, times in pairs})


def faults(town: Installation) -> list[str]:
    """Records that were put aside by a fault of the software, and not for their content."""
    rows = town.database.execute(
        "select data->>'reason', left(encode(raw, 'escape'), 400) from opened.record"
        f" where {FAULTS} limit 20"
    ).splitlines()
    without = town.database.execute(
        "select count(*) from opened.record where kind = 'quarantine'"
        " and coalesce(data->>'reason', '') = ''"
    )
    refused = town.database.execute("select reason, count(*) from archiver.quarantine group by 1")
    more = [f"{without} put aside without a reason"] if without != "0" else []
    return rows + more + [f"by the archiver: {row}" for row in refused.splitlines()]
