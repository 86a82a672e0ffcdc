"""Types for one thing that figures count. No logic."""

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
    """Minutes of a first answer, by the clock or of opening hours; 0 for all others."""


class MonthFigure(msgspec.Struct, frozen=True, gc=False, order=True):
    """One event, counted in a month: at an hour of the week, or by the rule that placed it."""

    tenant: str
    month: date
    """First day of the month in the Netherlands."""
    number: str
    department: str
    what: str
    """A name of `router.figures.tally`."""
    hour: int = -1
    """Hour of the week in the Netherlands, from Monday 00:00; -1 if counted by rule."""
    rule: str = ""
    """Id of the rule; '' if none placed it, or if counted by hour."""


class RuleFigure(msgspec.Struct, frozen=True, gc=False, order=True):
    """One placement by the rules that people showed to be right or wrong, in a month."""

    tenant: str
    month: date
    """First day of the month in the Netherlands."""
    number: str
    department: str
    """Department that was chosen."""
    what: str
    """A name of `router.figures.judgement`."""
    rule: str
    version: str
