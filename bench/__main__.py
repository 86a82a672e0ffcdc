"""`make bench`: measures, and prints ratios."""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from bench import door, trip


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("what", nargs="*", default=["door", "trip"], help="door, trip (both)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each at the door (3)")
    parser.add_argument("--seconds", type=int, default=6, help="seconds of one round (6)")
    parser.add_argument("--messages", type=int, default=20_000, help="for the trip (20000)")
    given = parser.parse_args()
    if not shutil.which("wrk"):
        print("wrk is not installed; run `apt-get install wrk`.", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="postkamer-bench-") as folder:
        if "door" in given.what:
            print("The front door", flush=True)
            door.measure(Path(folder) / "door", given.rounds, given.seconds, say)
        if "trip" in given.what:
            print("\nThe whole trip", flush=True)
            trip.measure(Path(folder) / "trip", given.messages, say)
    return 0


def say(line: str) -> None:
    print(f"  {line}".rstrip(), flush=True)


if __name__ == "__main__":
    sys.exit(main())
