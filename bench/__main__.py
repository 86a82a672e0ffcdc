"""`make bench`: measures, and prints ratios. ARGS="--quick" for a few minutes' worth of it."""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from bench import deliverer, door, router, rules, trip

WHAT = ("door", "trip", "rules", "router", "deliverer")


def main() -> int:
    given = _arguments()
    if {"door", "trip"} & set(given.what) and not shutil.which("wrk"):
        print("wrk is not installed; run `apt-get install wrk`.", file=sys.stderr)
        return 1
    rounds, seconds, messages = given.rounds, given.seconds, given.messages
    if given.quick:
        rounds, seconds, messages = 1, 2, 5_000
    with tempfile.TemporaryDirectory(prefix="postkamer-bench-") as folder:
        if "door" in given.what:
            print("The front door", flush=True)
            door.measure(Path(folder) / "door", rounds, seconds, say)
        if "trip" in given.what:
            print("\nThe whole trip", flush=True)
            trip.measure(Path(folder) / "trip", messages, say)
        if "rules" in given.what:
            print("\nMany rules", flush=True)
            rules.measure(Path(folder) / "rules", rounds, say)
        if "router" in given.what:
            print("\nOne router", flush=True)
            router.measure(Path(folder) / "router", rounds, messages, say)
        if "deliverer" in given.what:
            print("\nOne deliverer", flush=True)
            deliverer.measure(Path(folder) / "deliverer", rounds, messages, say)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("what", nargs="*", default=WHAT, help=f"{', '.join(WHAT)} (all)")
    parser.add_argument("--quick", action="store_true", help="one short round of each")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of all but the trip (5)")
    parser.add_argument("--seconds", type=int, default=3, help="seconds of a round at the door (3)")
    parser.add_argument(
        "--messages", type=int, default=20_000, help="of the trip, and of a round of the router"
    )
    return parser.parse_args()


def say(line: str) -> None:
    print(f"  {line}".rstrip(), flush=True)


if __name__ == "__main__":
    sys.exit(main())
