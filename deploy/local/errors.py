"""Errors of the local run, as shown to the person who started it."""

from pathlib import Path

SHOWN_LINES = 15
"""Lines of a log in an error message: enough for a traceback's end, less than a screen."""


class Refusal(Exception):
    """One clear sentence with the fault and the remedy; never shown as a traceback."""


def last_lines(log: Path) -> str:
    """Return the end of a log, indented."""
    lines = log.read_text(errors="replace").splitlines()[-SHOWN_LINES:] if log.exists() else []
    return "\n".join(f"    {line}" for line in lines or ["(empty)"])
