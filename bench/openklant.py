"""An Open Klant at its own limit: what one deliverer gets through it, and what that costs others.

The stand-in is as slow as the real one was measured to be. It is loaded by a client that does
nothing else, then by a deliverer with new conversations waiting; and while far more wait than it
takes, a CRM beside it is offered deliveries at an even rate, as in `bench.neighbours`.
"""

import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from bench import noisy_neighbour, openklant_stand_in
from bench.crm import receiver_program, running
from bench.harness import Stage, start_stage
from bench.noisy_neighbour import WAITING, measure_deliveries
from bench.openklant_report import (
    KINDS,
    Course,
    MachineLoad,
    Results,
    WindowSample,
    read_sample,
    table,
)
from bench.openklant_stand_in import ID, Register, describe_differences, new_conversations
from bench.usage import cpu_seconds, machine_ticks, peak_memory
from deploy.local.plan import DELIVERER_OPS
from deploy.local.process import Process
from deploy.local.state import free_port
from services import logs

BARE_SECONDS = 3.0
"""Of each load by the bare client."""
WARM_UP = 600
"""Deliveries to the CRM before those that count: three seconds, in which the window opens, and with
it connections to the database for the first time."""
LOOK_SECONDS = 0.1
STUCK_SECONDS = 300.0
"""Without an end: longer is no measurement any more."""


class Place(NamedTuple):
    """Where it is measured: `port` is the CRM's, `stand_in` the process behind `register`."""

    stage: Stage
    port: int
    register: Register
    stand_in: Process


def measure(folder: Path, rounds: int, conversations: int, report: Callable[[str], None]) -> None:
    logs.log_to_stdout("bench", "error")  # for what is published here
    port, other, found = free_port(), free_port(), Results()
    change = lambda text: openklant_stand_in.add_openklant(text, port, other)  # noqa: E731
    with start_stage(folder, change) as stage, running(receiver_program(stage, port)):
        stage.settings["OPENKLANT_TOKEN"] = openklant_stand_in.TOKEN
        there = Register(stage, other)
        with running(there.program) as stand_in:
            there.wait_until_ready(stand_in)
            for turn in range(rounds):
                _round(Place(stage, port, there, stand_in), conversations, found)
                report(f"round {turn + 1} of {rounds}: {found.courses[-1].rate:.1f} messages/s")
    for line in table(found):
        report(line)


def _round(place: Place, conversations: int, found: Results) -> None:
    place.register.empty()
    found.bare.append(place.register.measure_bare_client(BARE_SECONDS))
    found.courses.append(_drained(place, conversations))
    for kind, waiting in zip(KINDS, (0, *WAITING), strict=True):
        before, idle = machine_ticks()
        found.crm[kind].append(_beside(place, waiting))
        after, idle_by_now = machine_ticks()
        share = (idle_by_now - idle) / (after - before)
        found.meanwhile[kind].append(MachineLoad(place.register.pace().per_second, share))


def _drained(place: Place, conversations: int) -> Course:
    """So many new conversations, from the first contact there to the last; RuntimeError unless
    there is one contact and one task of each in the end."""
    place.register.empty()
    place.stage.publish_events(ID, new_conversations(conversations))
    with running(place.stage.deliverer(place.port)) as process:
        looks, spent = _watched(place, process, conversations)
        memory = peak_memory(process.pid)
    told, held = place.register.pace(), place.register.contents(conversations)
    if wrong := describe_differences(held, conversations):
        raise RuntimeError(f"after {conversations:,} conversations there are {wrong}")
    place.stage.purge([ID])
    return Course(looks, told, spent, memory)


def _watched(
    place: Place, process: Process, conversations: int
) -> tuple[list[WindowSample], dict[str, float]]:
    """What the deliverer says of itself until it has settled them all; cores used meanwhile."""
    looks: list[WindowSample] = []
    began = time.monotonic()
    deadline, before = began + STUCK_SECONDS, _spent(place, process)
    while not looks or looks[-1].settled < conversations:
        process.must_run()
        now = time.monotonic()
        if now > deadline:
            raise RuntimeError(f"{looks[-1].settled if looks else 0:,} of {conversations:,} came")
        if look := read_sample(_metrics(place.stage), ID, now):
            if not look.settled:
                looks, began, before = [], now, _spent(place, process)
            looks.append(look)
        time.sleep(LOOK_SECONDS)
    took, after = time.monotonic() - began, _spent(place, process)
    return looks, {name: (after[name] - before[name]) / took for name in before}


def _spent(place: Place, process: Process) -> dict[str, float]:
    """Seconds of processor time of each so far."""
    spent = place.stage.cpu_seconds(process.pid)
    return {
        "the stand-in": cpu_seconds(place.stand_in.pid),
        "the deliverer": spent["process"],
        "broker and database": spent["rabbitmq"] + spent["postgresql"],
    }


def _metrics(stage: Stage) -> str:
    """Nothing while it does not listen yet."""
    try:
        at = f"http://127.0.0.1:{stage.settings[DELIVERER_OPS.variable]}/metrics"
        with urllib.request.urlopen(at, timeout=10) as answer:
            return bytes(answer.read()).decode()
    except OSError:
        return ""


def _beside(place: Place, waiting: int) -> noisy_neighbour.Sample:
    """What the CRM notices of so many that wait for the Open Klant."""
    place.register.empty()
    others = {ID: new_conversations(waiting)} if waiting else {}
    return measure_deliveries(place.stage, place.port, others, WARM_UP)
