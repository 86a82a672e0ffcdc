"""`make bench`: measures, and prints ratios."""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from bench import door


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each (3)")
    parser.add_argument("--seconds", type=int, default=6, help="seconds of one round (6)")
    given = parser.parse_args()
    if not shutil.which("wrk"):
        print("wrk is not installed; run `apt-get install wrk`.", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="postkamer-bench-") as folder:
        door.measure(
            Path(folder), given.rounds, given.seconds, lambda line: print(line, flush=True)
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
