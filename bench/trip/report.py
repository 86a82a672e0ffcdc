"""Report of the whole trip: findings in, tables and targets out. Pure."""

from collections.abc import Iterator, Mapping, Sequence

from bench.reports.results import Line, at_least, at_most, target_line
from bench.trip.findings import (
    CRM,
    DESK,
    FASTSTREAM,
    LOAD,
    Findings,
    HeldRate,
    Instances,
    LatencyAt,
    Restart,
    Soak,
    Storm,
)
from bench.trip.histogram import draw
from deploy.local.plan import REAL

COST, HELD = 600.0, 2_500.0
"""Targets: CPU microseconds of a message, and messages/s."""
LATENCIES = {0.1: (25.0, 60.0), 0.5: (40.0, 120.0), 0.8: (80.0, 400.0)}
"""Targets: share of the held rate -> p50 and p99 in ms, from due to accepted by the CRM."""
FLAT = 1.15
"""Target: cost of a message with several instances of each service, relative to one of each."""
MEMORY = {"gateway": 220.0, "router": 130.0, "deliverer": 130.0, "archiver": 160.0}
"""Targets: MiB of each service while a backlog of any length drains. Each needs some 60 by itself.
Gateway: 1,024 requests in hand and 2,560 connections. Router: 16 batches of 256 KiB of each of two
partitions, four times over: as they came, decided, as rows, as output. Deliverer: 16 batches of
each of four destinations, twice. Archiver: 128 batches, and three sets of 4 MiB that are sealed,
ready and written, three times over."""
APART = (DESK, LOAD)
"""Processes that stand in for others: they are shown, and not counted."""
ERRORS = 3.0
"""Standard errors within which a slope is noise."""
MIB_AN_HOUR = 1.0
"""Slope of memory below which nobody asks if it is noise."""


def total_cost(found: HeldRate | Instances) -> float:
    """Return the CPU microseconds of a message, without load and stand-in."""
    return sum(used for name, used in found.cost.items() if name not in APART)


def table(findings: Findings) -> Iterator[Line]:
    """Yield everything that was measured, then the targets."""
    held = findings.held
    yield from _held_table(held, "postkamer")
    for latency in findings.latencies:
        yield from _latency_table(latency)
    if findings.ceilings:
        yield from _ceilings_table(findings.ceilings, total_cost(held))
    for name, peer in findings.peers.items():
        yield from _held_table(peer, name)
    if findings.peers:
        yield from _peers_table(held, findings.peers)
    yield from _instances_table(findings.instances)
    if findings.restart:
        yield from _restart_lines(findings.restart)
    if findings.storm:
        yield from _storm_lines(findings.storm)
    if findings.soak:
        yield from _soak_table(findings.soak)
    yield from findings.losses
    yield ""
    yield f"{'The whole trip':44}{'target':>10}{'measured':>10}"
    yield from targets(findings)


def _held_table(held: HeldRate, name: str) -> Iterator[str]:
    yield ""
    yield f"{name}: held {held.rate:,.0f} messages/s for {held.seconds:.0f} s"
    if held.cost:
        yield f"{held.disorder:,} out of order, {held.again:,} twice at the CRM"
        yield f"{'':14}{'us a message':>14}{'MiB at most':>14}"
        for process, used in held.cost.items():
            memory = f"{held.memory[process]:14.0f}" if process in held.memory else ""
            yield f"{process:14}{used:14.0f}{memory}"
        yield f"{'in all':14}{total_cost(held):14.0f}  without load and stand-in CRM"


def _latency_table(latency: LatencyAt) -> Iterator[str]:
    yield ""
    yield f"At {latency.share:.0%} of it, {latency.rate:,.0f}/s; ms from the moment it was due"
    yield f"{'to':12}{'p50':>10}{'p99':>10}{'longest':>10}{'messages':>12}"
    for end, each in latency.ends.items():
        yield f"{end:12}{each.p50:10.1f}{each.p99:10.1f}{each.highest:10.1f}{each.count:12,}"
    yield from draw(latency.ends)


def _ceilings_table(ceilings: Mapping[str, float], cost: float) -> Iterator[str]:
    yield ""
    yield f"{'Bare ceilings':34}{'us a message':>14}"
    for step, used in ceilings.items():
        yield f"{step:34}{used:14.0f}"
    total = sum(ceilings.values())
    yield f"{'in all':34}{total:14.0f}"
    yield f"{'the whole trip, of it':34}{cost / total:14.2f}"


def _peers_table(held: HeldRate, peers: Mapping[str, HeldRate]) -> Iterator[str]:
    yield ""
    yield f"{'':16}{'held/s':>10}{'us':>8}{'times their rate':>18}{'times their cost':>18}"
    yield f"{'postkamer':16}{held.rate:10,.0f}{total_cost(held):8.0f}"
    for name, peer in peers.items():
        rate = f"{held.rate / peer.rate:.2f}" if peer.rate else "-"
        cost = f"{total_cost(held) / total_cost(peer):.2f}" if peer.cost else "-"
        yield f"{name:16}{peer.rate:10,.0f}{total_cost(peer):8.0f}{rate:>18}{cost:>18}"


def _instances_table(found: Sequence[Instances]) -> Iterator[str]:
    if not found:
        return
    yield ""
    yield f"Several instances of each service, {found[0].messages:,} messages waiting; us a message"
    yield f"{'':14}" + "".join(f"{each.count:10}" for each in found)
    for name in found[0].cost:
        yield f"{name:14}" + "".join(f"{each.cost[name]:10.0f}" for each in found)
    yield f"{'in all':14}" + "".join(f"{total_cost(each):10.0f}" for each in found)


def _restart_lines(restart: Restart) -> Iterator[str]:
    yield ""
    yield f"All services started again, with {restart.backlog:,} messages waiting"
    yield f"{'':14}{'ready after s':>14}{'MiB at most':>14}"
    for name in REAL:
        yield f"{name:14}{restart.ready[name]:14.1f}{restart.memory[name]:14.0f}"
    yield f"last message at the CRM after {restart.drained:.1f} s"


def _storm_lines(storm: Storm) -> Iterator[str]:
    yield ""
    yield f"{storm.messages:,} messages, half in {storm.hour:,.0f} s and half in a minute"
    yield f"everything at its desk {storm.last * 1000:,.0f} ms after the last one was due"
    latency = storm.latency
    yield f"in the minute: p50 {latency.p50:.1f} ms, p99 {latency.p99:.1f} ms to the {CRM}"


def _soak_table(soak: Soak) -> Iterator[str]:
    yield ""
    yield f"{soak.rate:,.0f}/s for {soak.seconds:,.0f} s; slopes of the second half, an hour"
    yield f"{'':22}{'slope':>12}{'std. error':>12}{'at the end':>12}"
    for name, slope in soak.memory_slopes.items():
        last = soak.memory[name].values[-1]
        yield f"{name + ', MiB':22}{slope.value:12.2f}{slope.error:12.2f}{last:12.1f}"
    for name, slope in soak.lag_slopes.items():
        last = soak.lags[name].values[-1]
        words = f"lag {name}, messages"
        yield f"{words:22}{slope.value:12.0f}{slope.error:12.0f}{last:12.0f}"
    yield soak.balance


def targets(findings: Findings) -> Iterator[Line]:
    """Yield a line for each target; those of steps that were not run are left out."""
    held = findings.held
    yield at_least("held, messages/s", HELD, held.rate)
    yield target_line("us a message", COST, total_cost(held), met=0 < total_cost(held) <= COST)
    for latency in findings.latencies:
        p50, p99 = LATENCIES[latency.share]
        end = latency.ends[CRM]
        yield at_most(f"p50 ms to the CRM at {latency.share:.0%}", p50, end.p50)
        yield at_most(f"p99 ms to the CRM at {latency.share:.0%}", p99, end.p99)
    for several in findings.instances[1:]:
        ratio = total_cost(several) / total_cost(findings.instances[0])
        yield at_most(f"us a message, {several.count} of each", FLAT, ratio)
    if (peer := findings.peers.get(FASTSTREAM)) and peer.rate:
        yield at_least("held, of FastStream's", 1.0, held.rate / peer.rate)
    yield _none("events out of order", findings.disorder)
    yield _none("events twice", findings.again)
    yield _none("steps with a loss", len(findings.losses))
    if findings.restart:
        for name, most in MEMORY.items():
            yield at_most(f"MiB with a backlog, {name}", most, findings.restart.memory[name])
    if findings.soak:
        yield from _soak_targets(findings.soak)


def _soak_targets(soak: Soak) -> Iterator[Line]:
    for name in reversed(REAL):
        slope = soak.memory_slopes[name]
        most = max(MIB_AN_HOUR, ERRORS * slope.error)
        yield at_most(f"MiB an hour more, {name}", most, slope.value)
    yield _none("faults of the soak", len(soak.faults))
    yield _none("balance that is open", 0 if soak.is_balance_closed else 1)


def _none(what: str, measured: float) -> Line:
    return target_line(what, 0, measured, met=measured == 0)
