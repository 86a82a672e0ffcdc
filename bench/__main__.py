"""`make bench`: measures, and prints ratios. ARGS="--quick" for a few minutes' worth of it."""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench import (
    archiver,
    deliverer,
    end_to_end,
    gateway,
    noisy_neighbour,
    openklant,
    record,
    router,
    rules,
)
from bench import search as searching

Given = argparse.Namespace
Part = Callable[[Path, Given], None]
PARTS: dict[str, tuple[str, Part]] = {
    "door": ("The front door", lambda at, g: gateway.measure(at, g.rounds, g.seconds, say)),
    "trip": ("The whole trip", lambda at, g: end_to_end.measure(at, g.messages, say)),
    "rules": ("Many rules", lambda at, g: rules.measure(at, g.rounds, say)),
    "router": ("One router", lambda at, g: router.measure(at, g.rounds, g.messages, say)),
    "deliverer": ("One deliverer", lambda at, g: deliverer.measure(at, g.rounds, g.messages, say)),
    "archiver": ("One archiver", lambda at, g: archiver.measure(at, g.rounds, g.messages, say)),
    "record": ("A record that grows", lambda at, g: record.measure(at, g.records, say)),
    "neighbours": (
        "Beside destinations that fail",
        lambda at, g: noisy_neighbour.measure(at, g.rounds, say),
    ),
    "search": ("Looking in the record", lambda at, g: searching.measure(at, g.records, say)),
    "openklant": (
        "An Open Klant at its limit",
        lambda at, g: openklant.measure(at, max(1, g.rounds // 2), g.conversations, say),
    ),
}
QUICK = {"rounds": 1, "seconds": 2, "messages": 5_000, "conversations": 500, "records": 120_000}


def main() -> int:
    given = _arguments()
    if {"door", "trip"} & set(given.what) and not shutil.which("wrk"):
        print("wrk is not installed; run `apt-get install wrk`.", file=sys.stderr)
        return 1
    if given.quick:
        vars(given).update(QUICK)
    with tempfile.TemporaryDirectory(prefix="postkamer-bench-") as folder:
        for name, (title, measure) in PARTS.items():
            if name in given.what:
                print(f"\n{title}", flush=True)
                measure(Path(folder) / name, given)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("what", nargs="*", default=[*PARTS], help=f"{', '.join(PARTS)} (all)")
    parser.add_argument("--quick", action="store_true", help="one short round of each")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of all but the trip (5)")
    parser.add_argument("--seconds", type=int, default=3, help="seconds of a round at the door (3)")
    parser.add_argument(
        "--messages", type=int, default=20_000, help="of the trip, and of a round of a service"
    )
    parser.add_argument(
        "--conversations", type=int, default=1_500, help="of a round at an Open Klant (1,500)"
    )
    parser.add_argument(
        "--records",
        type=int,
        default=200_000,
        help="of the record that grows, and to look in (200,000; millions take an hour)",
    )
    return parser.parse_args()


def say(line: str) -> None:
    print(f"  {line}".rstrip(), flush=True)


if __name__ == "__main__":
    sys.exit(main())
