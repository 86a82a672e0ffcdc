"""The gateway: its rate compared with a bare HTTP server and with a publish per webhook.

Each is one process on the same machine as the load and the broker. Rounds alternate, so that a
disturbance hits all three. Then the latency at a fixed rate is compared with the bare server's.
"""

import statistics
from collections.abc import Mapping
from pathlib import Path

from bench.load import measure_fixed_rate, measure_max_rate
from bench.open_loop import Outcome
from bench.reports.results import (
    BARE,
    CASES,
    GATEWAY,
    KINDS,
    Case,
    RateSample,
    Report,
    demands_table,
    latency_table,
    rates_table,
)
from bench.servers import Servers, run_servers
from bench.workloads.webhooks import body, signed_lines

LINES = {1: 5000, 25: 400, 900: 16}
"""Messages in a body -> number of different bodies: some MB of each."""
WARMING_SECONDS = 1


def measure(folder: Path, rounds: int, seconds: int, report: Report) -> None:
    """Measure and print `rounds` of each kind, of `seconds` each."""
    folder.mkdir(parents=True)
    lines = {messages: _write_bodies(folder, messages) for messages in LINES}
    with run_servers(folder) as servers:
        for port in servers.ports.values():
            measure_max_rate(port, lines[1], 64, WARMING_SECONDS)
        rates = _measure_rates(servers, lines, (rounds, seconds), report)
        half = {case.messages: _half_rate(rates[case, GATEWAY]) for case in reversed(CASES)}
        outcomes = _measure_latencies(servers, lines, half, (rounds, seconds))
    sizes = {messages: len(body(0, messages)) for messages in LINES}
    for line in (
        *rates_table(rates, sizes),
        *latency_table(outcomes, half),
        *demands_table(rates),
    ):
        report(line)


def _write_bodies(folder: Path, messages: int) -> Path:
    path = folder / f"webhooks-{messages}.txt"
    path.write_bytes(b"".join(signed_lines(LINES[messages], messages)))
    return path


def _half_rate(samples: list[RateSample]) -> float:
    return statistics.median(sample.rate for sample in samples) / 2


def _measure_rates(
    servers: Servers, lines: Mapping[int, Path], turns: tuple[int, int], report: Report
) -> dict[tuple[Case, str], list[RateSample]]:
    rounds, seconds = turns
    rates: dict[tuple[Case, str], list[RateSample]] = {(c, k): [] for c in CASES for k in KINDS}
    for turn in range(rounds):
        for case in CASES:
            for kind in KINDS:
                port = servers.ports[kind]
                rates[case, kind].append(
                    measure_max_rate(port, lines[case.messages], case.connections, seconds)
                )
                servers.purge()
        values = ", ".join(f"{rates[CASES[0], kind][-1].rate:,.0f} {kind}" for kind in KINDS)
        report(f"round {turn + 1} of {rounds}, webhooks/s at {CASES[0].words}: {values}")
    return rates


def _measure_latencies(
    servers: Servers, lines: Mapping[int, Path], half: Mapping[int, float], turns: tuple[int, int]
) -> dict[tuple[int, str], list[Outcome]]:
    """Measure latencies; those of the bare server show the share of the load and the machine."""
    rounds, seconds = turns
    connections = {case.messages: case.connections for case in reversed(CASES)}
    outcomes_by_kind: dict[tuple[int, str], list[Outcome]] = {
        (messages, kind): [] for messages in LINES for kind in (BARE, GATEWAY)
    }
    for _ in range(rounds):
        for (messages, kind), outcomes in outcomes_by_kind.items():
            port, count = servers.ports[kind], connections[messages]
            outcomes.append(
                measure_fixed_rate(port, lines[messages], count, half[messages], seconds)
            )
            servers.purge()
    return outcomes_by_kind
