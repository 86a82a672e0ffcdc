"""A run of `make run` in a process of its own, in a folder of its own."""

import subprocess
import sys
from pathlib import Path

CALL = """
import os, sys
from pathlib import Path
from deploy.local.__main__ import main
sys.exit(main(os.environ, root=Path(sys.argv[1]), command=(sys.executable, *sys.argv[2:])))
"""


class Run:
    """One run in a process of its own, and what it printed."""

    def __init__(self, folder: Path, environment: dict[str, str], *command: str) -> None:
        """`command` runs a service of the name that follows it, with our Python."""
        self.printed = ""
        self.process = subprocess.Popen(
            [sys.executable, "-c", CALL, str(folder), *command],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def until_ready(self) -> None:
        self.until("Stop ")

    def until(self, words: str) -> None:
        """Read until a line begins with these words."""
        assert self.process.stdout
        for line in self.process.stdout:
            self.printed += line
            if line.strip().startswith(words):
                return
        raise AssertionError(f"ended before {words}:\n{self.printed}")

    def ends(self) -> int:
        """Its exit code; reads the rest of what it printed."""
        assert self.process.stdout
        if not self.process.stdout.closed:
            self.printed += self.process.stdout.read()
            self.process.stdout.close()
        return self.process.wait(timeout=60)
