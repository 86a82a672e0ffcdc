"""An Open Klant at its limit: the rate of one deliverer to it, and the cost for other destinations.

The stand-in is as slow as the real one was measured to be. It is loaded by a client that does
nothing else, then by a deliverer with new conversations waiting. While far more wait than it can
accept, a CRM beside it is offered deliveries at an even rate, as in `bench.noisy_neighbour`.
"""

import time
import urllib.request
from pathlib import Path
from typing import NamedTuple

from bench import noisy_neighbour
from bench.harness import Stage, start_stage
from bench.noisy_neighbour import WAITING, measure_deliveries
from bench.peers import openklant_stand_in
from bench.peers.crm import receiver_program, run_process
from bench.peers.openklant_stand_in import ID, Register, describe_differences, new_conversations
from bench.reports.openklant_report import (
    KINDS,
    Course,
    MachineLoad,
    Results,
    WindowSample,
    read_sample,
    table,
)
from bench.reports.results import Report
from bench.usage import cpu_seconds, machine_ticks, peak_memory
from deploy.local.plan import DELIVERER_OPS
from deploy.local.process import Process
from deploy.local.state import free_port
from services import logs

BARE_SECONDS = 3.0
"""Duration of each load by the bare client."""
WARM_UP = 600
"""Deliveries to the CRM before those that count: three seconds, in which the concurrency window
opens and the first connections to the database are made."""
POLL_SECONDS = 0.1
STUCK_SECONDS = 300.0
"""Limit of a drain: a longer one is no measurement any more."""


class Place(NamedTuple):
    """The setting of a measurement: `port` of the CRM, `stand_in` the process of `register`."""

    stage: Stage
    port: int
    register: Register
    stand_in: Process


def measure(folder: Path, rounds: int, conversations: int, report: Report) -> None:
    logs.log_to_stdout("bench", "error")  # for what is published here
    port, other, results = free_port(), free_port(), Results()
    change = lambda text: openklant_stand_in.add_openklant(text, port, other)  # noqa: E731
    with start_stage(folder, change) as stage, run_process(receiver_program(stage, port)):
        stage.settings["OPENKLANT_TOKEN"] = openklant_stand_in.TOKEN
        register = Register(stage, other)
        with run_process(register.program) as stand_in:
            register.wait_until_ready(stand_in)
            for turn in range(rounds):
                _round(Place(stage, port, register, stand_in), conversations, results)
                report(f"round {turn + 1} of {rounds}: {results.courses[-1].rate:.1f} messages/s")
    for line in table(results):
        report(line)


def _round(place: Place, conversations: int, results: Results) -> None:
    place.register.empty()
    results.bare.append(place.register.measure_bare_client(BARE_SECONDS))
    results.courses.append(_measure_drain(place, conversations))
    for kind, waiting in zip(KINDS, (0, *WAITING), strict=True):
        before, idle = machine_ticks()
        results.crm[kind].append(_measure_neighbour(place, waiting))
        after, idle_by_now = machine_ticks()
        share = (idle_by_now - idle) / (after - before)
        pace = place.register.pace()
        calls = pace.per_second if pace.answered > 1 else 0.0  # a poll alone makes no rate
        results.meanwhile[kind].append(MachineLoad(calls, share))


def _measure_drain(place: Place, conversations: int) -> Course:
    """Deliver new conversations, and measure from the first contact to the last.

    RuntimeError unless each conversation has one contact and one task in the end.
    """
    place.register.empty()
    place.stage.publish_events(ID, new_conversations(conversations))
    with run_process(place.stage.deliverer(place.port)) as process:
        samples, spent = _watch(place, process, conversations)
        memory = peak_memory(process.pid)
    pace, contents = place.register.pace(), place.register.contents(conversations)
    if wrong := describe_differences(contents, conversations):
        raise RuntimeError(f"after {conversations:,} conversations there are {wrong}")
    place.stage.purge([ID])
    return Course(samples, pace, spent, memory)


def _watch(
    place: Place, process: Process, conversations: int
) -> tuple[list[WindowSample], dict[str, float]]:
    """Sample the deliverer's metrics until it has settled everything; return the cores used too."""
    samples: list[WindowSample] = []
    began = time.monotonic()
    deadline, before = began + STUCK_SECONDS, _cpu_seconds(place, process)
    while not samples or samples[-1].settled < conversations:
        process.must_run()
        now = time.monotonic()
        if now > deadline:
            raise RuntimeError(
                f"{samples[-1].settled if samples else 0:,} of {conversations:,} came"
            )
        if sample := read_sample(_metrics(place.stage), ID, now):
            if not sample.settled:
                samples, began, before = [], now, _cpu_seconds(place, process)
            samples.append(sample)
        time.sleep(POLL_SECONDS)
    took, after = time.monotonic() - began, _cpu_seconds(place, process)
    return samples, {name: (after[name] - before[name]) / took for name in before}


def _cpu_seconds(place: Place, process: Process) -> dict[str, float]:
    """Return the CPU seconds of each process so far."""
    spent = place.stage.cpu_seconds(process.pid)
    return {
        "the stand-in": cpu_seconds(place.stand_in.pid),
        "the deliverer": spent["process"],
        "broker and database": spent["rabbitmq"] + spent["postgresql"],
    }


def _metrics(stage: Stage) -> str:
    """Read the deliverer's metrics; '' while it does not listen yet."""
    try:
        at = f"http://127.0.0.1:{stage.settings[DELIVERER_OPS.variable]}/metrics"
        with urllib.request.urlopen(at, timeout=10) as answer:
            return bytes(answer.read()).decode()
    except OSError:
        return ""


def _measure_neighbour(place: Place, waiting: int) -> noisy_neighbour.LatencySample:
    """Measure deliveries to the CRM while so many events wait for the Open Klant."""
    place.register.empty()
    others = {ID: new_conversations(waiting)} if waiting else {}
    return measure_deliveries(place.stage, place.port, others, WARM_UP)
