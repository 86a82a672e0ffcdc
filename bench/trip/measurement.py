"""The whole trip, measured as a user would feel it: webhooks in, events at the CRM, archived.

Arrivals are fixed beforehand. The highest rate that is held is searched; all else is measured at
shares of it. Peers do the same job in the same run.
"""

from argparse import ArgumentParser, Namespace
from pathlib import Path

import msgspec

from bench.reports.results import Report
from bench.trip import pictures, steps
from bench.trip.ceilings import measure_ceilings
from bench.trip.findings import Findings, HeldRate
from bench.trip.peers import MODULES, missing_sentence, run_chain
from bench.trip.report import table
from bench.trip.run import run_load
from bench.trip.town import Town, run_town
from deploy.local.errors import Refusal
from services import logs

STEPS = LATENCY, INSTANCES, CEILINGS, RESTART, PEERS = (
    "latency",
    "instances",
    "ceilings",
    "restart",
    "peers",
)
QUICK = {
    "hold": 8.0,
    "probe": 4.0,
    "soak": 20.0,
    "storm": True,
    "storm_hour": 20.0,
    "backlog": 2_000,
}
CEILING_SECONDS = 3
CEILING_MESSAGES = 10_000


def add_options(parser: ArgumentParser) -> None:
    """Add the options of the trip to those of the benchmarks."""
    group = parser.add_argument_group("the trip")
    group.add_argument(
        "--steps",
        nargs="*",
        choices=STEPS,
        default=STEPS,
        help="measure only these beside the held rate (all)",
    )
    group.add_argument("--rate", type=float, help="take this rate as held, and search for none")
    group.add_argument(
        "--hold", type=float, default=60.0, help="seconds for which a rate must be held (60)"
    )
    group.add_argument(
        "--probe", type=float, default=10.0, help="seconds of a try of the search (10)"
    )
    group.add_argument(
        "--backlog", type=int, default=20_000, help="messages that wait at a restart (20,000)"
    )
    group.add_argument(
        "--soak",
        type=float,
        nargs="?",
        const=1800.0,
        metavar="SECONDS",
        help="also send half of the held rate for so long (1,800); 1 GB of disk a million messages",
    )
    group.add_argument(
        "--storm",
        action="store_true",
        help="also send 2,500 messages in an hour and 2,500 in a minute",
    )
    group.add_argument(
        "--storm-hour", type=float, default=3600.0, help="seconds of that hour (3,600)"
    )
    group.add_argument("--json", type=Path, metavar="FILE", help="write the findings as JSON")
    group.add_argument(
        "--pictures", type=Path, metavar="FOLDER", help="write pictures of the findings as SVG"
    )


def measure(folder: Path, options: Namespace, report: Report) -> None:
    """Measure, print, and write the files that are wanted."""
    logs.log_to_stdout("bench", "error")  # for what the bench itself does with broker and database
    with run_town(folder) as town:
        steps.warm_up(town)
        findings = Findings(_find_held(town, options, report))
        if findings.held.rate:
            _measure_town(town, findings, options)
        count = town.desk.count()
        findings.disorder, findings.again = count.disorder, count.again
        town.stop()
        if CEILINGS in options.steps:
            found = measure_ceilings(town, CEILING_MESSAGES, CEILING_SECONDS)
            findings.ceilings = {step: used * 1e6 for step, used in found.items()}
        if PEERS in options.steps:
            _measure_peers(town, findings, options, report)
    for line in table(findings):
        report(line)
    _write_files(findings, options)


def _find_held(town: Town, options: Namespace, report: Report) -> HeldRate:
    if options.rate:
        return steps.hold_rate(town, options.rate, options.hold, report)
    return steps.find_held_rate(town, options.probe, options.hold, report)


def _measure_town(town: Town, findings: Findings, options: Namespace) -> None:
    """Measure what is wanted at shares of the held rate."""
    rate = findings.held.rate
    if LATENCY in options.steps:
        findings.latencies = steps.measure_latencies(town, rate, options.hold / 2)
    if INSTANCES in options.steps:
        findings.instances = steps.measure_instances(town, rate)
    if options.storm:
        findings.storm = steps.measure_storm(town, options.storm_hour)
    if options.soak:
        findings.soak = steps.measure_soak(town, rate / 2, options.soak)
    if RESTART in options.steps:
        findings.restart = steps.measure_restart(town, options.backlog, rate)


def _measure_peers(town: Town, findings: Findings, options: Namespace, report: Report) -> None:
    for name in MODULES:
        if sentence := missing_sentence(name):
            report(sentence)
            continue
        try:
            with run_chain(name, town) as peer:
                run_load(peer, [steps.WARM_UP])
                held = steps.find_held_rate(peer, options.probe, options.hold, report)
        except Refusal as refusal:
            report(f"{name} cannot be measured: {refusal}")
        else:
            findings.peers[name] = held


def _write_files(findings: Findings, options: Namespace) -> None:
    if options.json:
        options.json.write_bytes(msgspec.json.format(msgspec.json.encode(findings), indent=1))
    if options.pictures:
        options.pictures.mkdir(parents=True, exist_ok=True)
        for name, svg in pictures.draw_pictures(findings).items():
            (options.pictures / name).write_text(svg, encoding="utf-8")
