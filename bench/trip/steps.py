"""The steps of a trip's measurement, each on a trip that runs."""

import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence

from bench.servers import ROOT
from bench.trip import lag
from bench.trip.findings import HeldRate, Instances, LatencyAt, Restart, Soak, Storm
from bench.trip.histogram import summarise
from bench.trip.load import Phase, moments_of
from bench.trip.rate_search import BACK, LEAST, Try, best, next_rate
from bench.trip.run import Beside, Run, follow, run_load, send
from bench.trip.town import Town, Trip, memory_of
from deploy.local.plan import REAL

SHARES = (0.1, 0.5, 0.8)
"""Shares of the held rate at which latency is measured."""
STORM_MESSAGES, MINUTE = 2_500, 60.0
SAMPLE_SECONDS = 1.0
HOUR = 3600.0
WARM_UP = Phase(100.0, 5.0)
"""Load before the first measurement: caches, prepared statements, first pages of tables."""
FIRST_DAY = Phase(200.0, 20.0)
"""Load after which PostgreSQL analyses the tables. While they are new it plans as if they were
empty, and keeps that plan; autovacuum looks once a minute."""
COUNTS = 1, 2, 4
"""Instances of each service between which the cost of a message is compared."""
BACKLOG_SECONDS = 12.0
"""Seconds of messages that wait for them: more than one of each is needed, so batches are full."""
PROBES = 2
"""Tries of a rate in the search. Something else on the machine may disturb one, and the search
would end far below what is held. The rate that it finds is held for long after it."""
Say = Callable[[str], None]


class MemoryLog:
    """Memory of each process, sampled each second while a load runs."""

    def __init__(self, trip: Trip) -> None:
        self._trip = trip
        self._next = 0.0
        self.samples: dict[str, lag.Samples] = {}

    def __call__(self) -> None:
        if (now := time.monotonic()) < self._next:
            return
        self._next = now + SAMPLE_SECONDS
        for name, value in memory_of(self._trip).items():
            samples = self.samples.setdefault(name, lag.Samples([], []))
            samples.moments.append(now)
            samples.values.append(value)

    @property
    def most(self) -> dict[str, float]:
        return {name: max(samples.values) for name, samples in self.samples.items()}


def find_held_rate(trip: Trip, probe: float, hold: float, say: Say) -> HeldRate:
    """Search for the highest rate that a trip holds, and hold it; a rate of 0 if there is none."""
    tries: list[Try] = []
    while rate := next_rate(tries):
        is_held = any(not _load(trip, rate, probe, say).faults for _ in range(PROBES))
        tries.append(Try(rate, is_held))
    rate = best(tries)
    while rate >= LEAST:
        memory = MemoryLog(trip)
        run = _load(trip, rate, hold, say, memory)
        if not run.faults:
            return _held(run, hold, tries, memory.most)
        tries.append(Try(rate, is_held=False))
        rate *= BACK
    return HeldRate(0.0, hold, tries, {}, {}, 0, 0)


def _load(trip: Trip, rate: float, seconds: float, say: Say, beside: Beside = lambda: None) -> Run:
    """Send at one rate, and say if it was held."""
    run = run_load(trip, [Phase(rate, seconds)], beside)
    say(f"{trip.name}, {rate:,.0f}/s for {seconds:.0f} s: {'; '.join(run.faults) or 'held'}")
    return run


def hold_rate(trip: Trip, rate: float, hold: float, say: Say) -> HeldRate:
    """Hold a rate that was given, and report it as held whatever happens."""
    memory = MemoryLog(trip)
    run = _load(trip, rate, hold, say, memory)
    return _held(run, hold, [Try(rate, not run.faults)], memory.most)


def _held(run: Run, seconds: float, tries: Sequence[Try], memory: Mapping[str, float]) -> HeldRate:
    return HeldRate(run.rate, seconds, tries, cost_of(run), memory, run.again, run.disorder)


def cost_of(run: Run) -> dict[str, float]:
    """Return the CPU microseconds of a message, by process. Instances of a service count as one."""
    count, cost = len(run.moments.due), dict[str, float]()
    for name, used in run.spent.items():
        service = name.rstrip(" 0123456789")
        cost[service] = cost.get(service, 0.0) + used / count * 1e6
    return cost


def measure_latencies(town: Town, held: float, seconds: float) -> list[LatencyAt]:
    """Measure the latency to each end at shares of the held rate."""
    found = []
    for share in SHARES:
        run = run_load(town, [Phase(share * held, seconds)])
        ends = {name: summarise(each) for name, each in run.moments.latencies.items()}
        found.append(LatencyAt(share, share * held, ends, run.losses))
    return found


def warm_up(town: Town) -> None:
    """Let a town come to the state in which it spends its days."""
    run_load(town, [WARM_UP, FIRST_DAY])
    town.stage.database.execute("analyze")


def measure_instances(town: Town, held: float) -> list[Instances]:
    """Measure the cost of a message with several instances of each service, on a backlog."""
    found = []
    for count in COUNTS:
        with town.instances(count):
            run_load(town, [WARM_UP])
            with town.frozen("router"):
                sending = send(town, [Phase(held, BACKLOG_SECONDS)])
            run = follow(town, sending)
        found.append(Instances(count, len(run.moments.due), cost_of(run), run.losses))
    return found


def measure_restart(town: Town, backlog: int, rate: float) -> Restart:
    """Let webhooks wait at the broker, and start all services on them."""
    town.stop([name for name in REAL if name != "gateway"])
    sending = send(town, [Phase(rate, backlog / rate)])
    town.stop(["gateway"])
    began = time.monotonic()
    ready = town.start()
    memory = MemoryLog(town)
    run = follow(town, sending, memory)
    drained = max(run.moments.at_desk, default=began) - began
    return Restart(sending.accepted, ready, drained, memory.most, run.losses)


def measure_storm(town: Town, hour: float) -> Storm:
    """Send some messages in an hour, then as many in a minute."""
    phases = [Phase(STORM_MESSAGES / hour, hour), Phase(STORM_MESSAGES / MINUTE, MINUTE)]
    run = run_load(town, phases)
    moments = run.moments
    began = moments.due[0] - moments_of(phases)[0] + hour
    minute = [
        end - due
        for due, end in zip(moments.due, moments.at_desk, strict=True)
        if due >= began and end > 0
    ]
    last = max(moments.at_desk) - moments.due[-1]
    return Storm(len(moments.due), hour, last, summarise(minute), run.losses)


def measure_soak(town: Town, rate: float, seconds: float) -> Soak:
    """Keep a rate for a long time; sample memory each second, and draw up the balance after it."""
    memory = MemoryLog(town)
    run = run_load(town, [Phase(rate, seconds)], memory)
    lags = run.moments.lags
    command = [sys.executable, "-m", "cli.main", "balance"]
    settings = town.stage.settings
    drawn = subprocess.run(
        command, env=settings, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False
    )
    return Soak(
        rate=rate,
        seconds=seconds,
        memory=memory.samples,
        memory_slopes=_slopes_an_hour(memory.samples),
        lags=lags,
        lag_slopes=_slopes_an_hour(lags),
        faults=run.faults,
        is_balance_closed=drawn.returncode == 0,
        balance=drawn.stdout.strip().rpartition("\n")[2],
    )


def _slopes_an_hour(samples: Mapping[str, lag.Samples]) -> dict[str, lag.Slope]:
    slopes = {name: lag.slope(lag.second_half(each)) for name, each in samples.items()}
    return {name: lag.Slope(each.value * HOUR, each.error * HOUR) for name, each in slopes.items()}
