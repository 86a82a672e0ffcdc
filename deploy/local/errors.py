"""What a person is told when the local run cannot do what was asked."""

from pathlib import Path

SHOWN_LINES = 15
"""Of a log, in an error message: enough for a traceback's end, less than a screen."""


class Refusal(Exception):
    """One clear sentence that says what is wrong and what to do; never shown as a traceback."""


def last_lines(log: Path) -> str:
    """The end of a log, indented, to stand below a sentence."""
    lines = log.read_text(errors="replace").splitlines()[-SHOWN_LINES:] if log.exists() else []
    return "\n".join(f"    {line}" for line in lines or ["(empty)"])
