"""Type for one thing that the month's figures count. No logic."""

from datetime import date

import msgspec


class Figure(msgspec.Struct, frozen=True, gc=False, order=True):
    """One event, counted on a day at a department. It names no person, message or conversation."""

    tenant: str
    day: date
    """Day in the Netherlands."""
    number: str
    department: str
    what: str
    """A name of `router.figures.tally`."""
    value: int = 0
    """Minutes of a first answer; 0 for all others."""
