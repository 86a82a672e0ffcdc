"""`make bench`: measures and prints ratios. Exits with 1 if a target is missed.

ARGS="--quick" takes a few minutes; ARGS="--report-only" exits with 0 whatever is measured.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bench import (
    archiver,
    balance,
    deliverer,
    destruction,
    full_destination,
    gateway,
    noisy_neighbour,
    openklant,
    record,
    router,
    rules,
    sealing,
    search,
)
from bench.desk import measurement as desk
from bench.export import measurement as export
from bench.export import move
from bench.reports.results import Line, Report, TargetLine
from bench.trip import measurement

Options = argparse.Namespace
Part = Callable[[Path, Options, Report], None]
PARTS: dict[str, tuple[str, Part]] = {
    "door": ("The front door", lambda at, o, say: gateway.measure(at, o.rounds, o.seconds, say)),
    "trip": ("The whole trip", measurement.measure),
    "sealing": ("Sealing one message", lambda at, o, say: sealing.measure(at, say)),
    "rules": ("Many rules", lambda at, o, say: rules.measure(at, o.rounds, say)),
    "router": ("One router", lambda at, o, say: router.measure(at, o.rounds, o.messages, say)),
    "deliverer": (
        "One deliverer",
        lambda at, o, say: deliverer.measure(at, o.rounds, o.messages, say),
    ),
    "archiver": (
        "One archiver",
        lambda at, o, say: archiver.measure(at, o.rounds, o.messages, say),
    ),
    "record": ("A growing record", lambda at, o, say: record.measure(at, o.records, say)),
    "balance": ("The balance", lambda at, o, say: balance.measure(at, o.records, say)),
    "neighbours": (
        "Beside failing destinations",
        lambda at, o, say: noisy_neighbour.measure(at, o.rounds, say),
    ),
    "full": (
        "Beside a destination whose queue is full",
        lambda at, o, say: full_destination.measure(at, o.rounds, (o.messages, o.queue), say),
    ),
    "desk": ("The desk", desk.measure),
    "search": ("Searching the record", lambda at, o, say: search.measure(at, o.records, say)),
    "destruction": (
        "Destroying what is due",
        lambda at, o, say: destruction.measure(at, o.records, say),
    ),
    "export": (
        "Exporting conversations to a depot",
        lambda at, o, say: export.measure(at, o.conversations, say),
    ),
    "move": (
        "Moving a municipality to another installation",
        lambda at, o, say: move.measure(at, o.conversations, say),
    ),
    "openklant": (
        "An Open Klant at its limit",
        lambda at, o, say: openklant.measure(at, max(1, o.rounds // 2), o.conversations, say),
    ),
}
QUICK: dict[str, object] = {
    "rounds": 1,
    "seconds": 2,
    "messages": 5_000,
    "conversations": 500,
    "records": 120_000,
}
QUICK |= measurement.QUICK | desk.QUICK


class Printer:
    """Prints the lines of a report, and counts the targets that are missed."""

    def __init__(self) -> None:
        self.missed = 0

    def __call__(self, line: Line) -> None:
        self.missed += isinstance(line, TargetLine) and not line.met
        print(f"  {line}".rstrip(), flush=True)


def main(arguments: Sequence[str], parts: Mapping[str, tuple[str, Part]] = PARTS) -> int:
    """Run the chosen parts; return the exit code."""
    options = _parse(arguments)
    chosen = [name for name in parts if name in (options.parts or parts)]
    if {"door", "trip"} & set(chosen) and not shutil.which("wrk"):
        print("wrk is not installed; run `apt-get install wrk`.", file=sys.stderr)
        return 1
    if options.quick:
        vars(options).update(QUICK)
    report = Printer()
    with tempfile.TemporaryDirectory(prefix="postkamer-bench-") as folder:
        for name in chosen:
            title, measure = parts[name]
            print(f"\n{title}", flush=True)
            measure(Path(folder) / name, options, report)
    if report.missed:
        print(f"\nTargets missed: {report.missed}", file=sys.stderr)
    return 1 if report.missed and not options.report_only else 0


def _parse(arguments: Sequence[str]) -> Options:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"{', '.join(PARTS)} (all)")
    parser.add_argument("--quick", action="store_true", help="one short round of each")
    parser.add_argument(
        "--report-only", action="store_true", help="exit with 0 although a target is missed"
    )
    parser.add_argument("--rounds", type=int, default=5, help="rounds of all but the trip (5)")
    parser.add_argument("--seconds", type=int, default=3, help="seconds of a round at the door (3)")
    parser.add_argument(
        "--messages", type=int, default=20_000, help="of a round of a service (20,000)"
    )
    parser.add_argument(
        "--conversations",
        type=int,
        default=1_500,
        help="of a round at an Open Klant, and to export (1,500)",
    )
    parser.add_argument(
        "--records",
        type=int,
        default=200_000,
        help="of the growing record, and to search in (200,000; millions take an hour)",
    )
    parser.add_argument(
        "--queue",
        type=int,
        default=20,
        help="MB that fill a destination's queue (20; really 1,000)",
    )
    measurement.add_options(parser)
    desk.add_options(parser)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
