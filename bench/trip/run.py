"""One load on a trip, followed to both ends: the CRM and the archive."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import asyncpg
import msgspec

from bench.servers import ROOT
from bench.trip import lag
from bench.trip.crm import Count
from bench.trip.findings import ARCHIVE, CRM, DOOR, ENDS, LOAD
from bench.trip.load import Phase, Sent, moments_of
from bench.trip.town import Town, Trip, cpu_of
from bench.usage import cpu_seconds

ARRIVE_SECONDS = 120.0
"""Wait for the last messages after the last answer, without anything new: longer than a consumer
that died keeps what it took."""
STILL_SECONDS = 1.0
"""Time without a new entry after which the archive has everything: its longest pause is 0.1 s."""
POLL_SECONDS = 0.2


class Moments(msgspec.Struct):
    """Moments of each message on the monotonic clock; 0 for one that did not come."""

    due: Sequence[float]
    answered: Sequence[float]
    """-1 for an answer other than 200."""
    at_desk: list[float]
    in_archive: list[float]

    @property
    def latencies(self) -> dict[str, list[float]]:
        """Return the seconds from due to each end, of the messages that reached it."""
        ends = dict(zip(ENDS, (self.answered, self.at_desk, self.in_archive), strict=True))
        return {
            name: [end - due for due, end in zip(self.due, moments, strict=True) if end > 0]
            for name, moments in ends.items()
            if any(moments)
        }

    @property
    def unanswered(self) -> int:
        return sum(moment <= 0 for moment in self.answered)

    @property
    def lags(self) -> dict[str, lag.Samples]:
        """Return the lag of each end over the time in which webhooks were due."""
        begin, end = (self.due[0], self.due[-1]) if self.due else (0.0, 0.0)
        accepted = _known(self.answered)
        ends = {DOOR: (self.due, accepted), CRM: (accepted, _known(self.at_desk))}
        if any(self.in_archive):
            ends[ARCHIVE] = (accepted, _known(self.in_archive))
        return {name: lag.curve(*pair, begin, end) for name, pair in ends.items()}


class Run(msgspec.Struct):
    """A load that has ended."""

    rate: float
    """Messages/s of the last phase."""
    moments: Moments
    spent: Mapping[str, float]
    """CPU seconds of each process, from before the first message to after the last."""
    again: int
    disorder: int
    missing: int
    """Messages that were answered 200, and are not at the CRM."""
    unarchived: int
    """Messages that were answered 200, and are not in the archive; 0 if there is none."""

    @property
    def losses(self) -> list[str]:
        """Return the messages that did not get everywhere; nothing if all did."""
        counts = {
            "not answered 200": self.moments.unanswered,
            "not at the CRM": self.missing,
            "not in the archive": self.unarchived,
        }
        return [f"{count:,} {words}" for words, count in counts.items() if count]

    @property
    def faults(self) -> list[str]:
        """Return why a rate is not held; nothing if it is."""
        return self.losses + [
            f"the {name} falls behind by {lag.slope(lag.second_half(samples)).value:,.0f}/s"
            for name, samples in self.moments.lags.items()
            if lag.grows(samples, self.rate)
        ]


def _known(moments: Sequence[float]) -> list[float]:
    return [moment for moment in moments if moment > 0]


Beside = Callable[[], None]
"""Called a few times a second while a load runs."""


class Sending(msgspec.Struct):
    """A load that was sent and is not followed to its ends yet."""

    first: int
    sent: Sent
    rate: float
    archived_before: int
    cpu_before: Mapping[str, float]
    seen: Count
    cpu_of_load: float

    @property
    def accepted(self) -> int:
        return _count_known(self.sent.answered)


def run_load(trip: Trip, phases: Sequence[Phase], beside: Beside = lambda: None) -> Run:
    """Send webhooks, and wait until those that were answered 200 have reached both ends."""
    return follow(trip, send(trip, phases, beside), beside)


def send(trip: Trip, phases: Sequence[Phase], beside: Beside = lambda: None) -> Sending:
    """Send webhooks, and wait for their answers."""
    lines, out = trip.folder / "webhooks.txt", trip.folder / "sent.bin"
    first = trip.workload.write(lines, len(moments_of(phases)))
    archived, before, seen = _archive_size(trip), cpu_of(trip), trip.desk.count()
    with _load_process(trip, lines, out, phases) as load:
        spent_by_load = 0.0
        while load.poll() is None:
            spent_by_load = cpu_seconds(load.pid) or spent_by_load
            trip.must_run()
            beside()
            time.sleep(POLL_SECONDS)
    if load.returncode:
        raise RuntimeError(f"the load ended with exit code {load.returncode}")
    lines.unlink()
    rate = phases[-1].rate
    return Sending(first, Sent.read(out), rate, archived, before, seen, spent_by_load)


def follow(trip: Trip, sending: Sending, beside: Beside = lambda: None) -> Run:
    """Wait until the webhooks that were answered 200 have reached both ends."""
    sent, seen, accepted = sending.sent, sending.seen, sending.accepted
    _wait_at_ends(trip, seen.messages + accepted, beside)
    spent = {name: used - sending.cpu_before[name] for name, used in cpu_of(trip).items()}
    at_desk, ids = _read_desk(trip, seen.messages, sending.first, len(sent.due))
    archived = _read_commits(trip, sending.archived_before)
    in_archive = [archived.get(id, 0.0) for id in ids]
    now = trip.desk.count()
    return Run(
        rate=sending.rate,
        moments=Moments(sent.due, sent.answered, at_desk, in_archive),
        spent=spent | {LOAD: sending.cpu_of_load},
        again=now.again - seen.again,
        disorder=now.disorder - seen.disorder,
        missing=accepted - _count_known(at_desk),
        unarchived=accepted - _count_known(in_archive) if isinstance(trip, Town) else 0,
    )


def _count_known(moments: Sequence[float]) -> int:
    return sum(moment > 0 for moment in moments)


@contextmanager
def _load_process(
    trip: Trip, lines: Path, out: Path, phases: Sequence[Phase]
) -> Iterator[subprocess.Popen[bytes]]:
    """Run the load, from the moment that it begins; end it with the context."""
    command = [sys.executable, "-m", "bench.trip.load", str(trip.port), str(lines), str(out)]
    load = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT)
    assert load.stdin and load.stdout
    try:
        load.stdin.write(msgspec.json.encode(phases))
        load.stdin.close()
        load.stdout.readline()
        yield load
    finally:
        load.kill()
        load.wait()
        load.stdout.close()


def _wait_at_ends(trip: Trip, due: int, beside: Beside) -> None:
    """Wait until so many messages are at the CRM and the archive stands still, or until nothing
    new comes any more."""
    reached, changed = (-1, -1), time.monotonic()
    while True:
        now = trip.desk.count().messages, _archive_size(trip)
        if now != reached:
            reached, changed = now, time.monotonic()
        if time.monotonic() - changed > (STILL_SECONDS if now[0] >= due else ARRIVE_SECONDS):
            return
        trip.must_run()
        beside()
        time.sleep(POLL_SECONDS)


def _archive_size(trip: Trip) -> int:
    """Return the number of entries in the archive; 0 for a peer, which has none."""
    if not isinstance(trip, Town):
        return 0
    (head,) = asyncio.run(_fetch(trip, "select size from archiver.head"))
    return int(head["size"])


def _read_desk(trip: Trip, seen: int, first: int, count: int) -> tuple[list[float], list[UUID]]:
    """Return when each message came to the CRM, and the id it has there."""
    at_desk, ids = [0.0] * count, [UUID(int=0)] * count
    for arrival in trip.desk.arrivals(seen):
        if 0 <= (place := arrival.number - first) < count:
            at_desk[place], ids[place] = arrival.at, arrival.message
    return at_desk, ids


def _read_commits(trip: Trip, first: int) -> dict[UUID, float]:
    """Return when each message from a place in the archive on was committed, on our clock.

    PostgreSQL notes the moment of each commit. `written_at` is the beginning of its transaction.
    """
    if not isinstance(trip, Town):
        return {}
    ahead = time.time() - time.monotonic()
    rows = asyncio.run(_fetch(trip, _COMMITS, first))
    return {row["message"]: row["committed"] - ahead for row in rows}


async def _fetch(town: Town, sql: str, *arguments: object) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(town.stage.database.url)
    try:
        rows: list[asyncpg.Record] = await connection.fetch(sql, *arguments)
    finally:
        await connection.close()
    return rows


_COMMITS = """
select message, extract(epoch from pg_xact_commit_timestamp(xmin))::float8 as committed
from archiver.entry where kind = 'message' and position >= $1
"""
