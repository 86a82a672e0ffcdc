"""The rules in force in a service, and the change that it refused or that waits. Pure."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from services.toml.errors import ConfigFault

BELOW = "The rules in force fall below a table of messages"


class RefusedChange(msgspec.Struct, frozen=True):
    """Files that were changed and not taken, by their first fault."""

    file: str
    line: int
    """Line of the fault; 0 is the file as a whole."""
    what: str
    count: int = 1
    """Number of faults."""
    in_force: bool = False
    """They are the files in force, which a router does not take back: its rules fall below a table
    of messages that changed, or that it had not seen before its start."""

    def __str__(self) -> str:
        more = f" (and {self.count - 1} more)" if self.count > 1 else ""
        return f"{self.file}:{self.line}: {self.what}{more}"


class WaitingChange(msgspec.Struct, frozen=True):
    """Files that were changed and do not count yet."""

    version: str
    why: str
    since: datetime
    """Time at which this process read them."""

    def __str__(self) -> str:
        return f"version {self.version}: {self.why}"


class RulesStatus(msgspec.Struct, frozen=True):
    version: str
    """Version of the rules and texts in force."""
    refused: RefusedChange | None = None
    """A change that is in the files and not in force."""
    production: bool = False
    """True if citizens are helped by it, so that a proven person must stand for it."""
    waiting: WaitingChange | None = None
    """A change that is in the files and does not count yet."""


def refused_change(faults: Sequence[ConfigFault], *, in_force: bool = False) -> RefusedChange:
    """Return the refusal of a change with these faults, of which there is at least one."""
    first = faults[0]
    what = f"{first.place or first.where}: {first.what}"
    return RefusedChange(first.path, first.line, what, len(faults), in_force)
