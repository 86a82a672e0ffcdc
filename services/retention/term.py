"""A term of keeping, such as one year, and the day on which it ends. Pure."""

import re
from calendar import monthrange
from datetime import MAXYEAR, date, timedelta

import msgspec

_FORM = re.compile(r"P(?:(\d{1,3})Y)?(?:(\d{1,3})M)?(?:(\d{1,5})D)?")
MONTHS = 12


class Term(msgspec.Struct, frozen=True):
    """Years and months by the calendar, then days."""

    years: int = 0
    months: int = 0
    days: int = 0


def parse_term(text: str) -> Term:
    """Return the term that an ISO 8601 duration of whole days says. Raises ValueError."""
    match = _FORM.fullmatch(text)
    if match is None or not any(match.groups()):
        raise ValueError(f"{text!r} is no duration such as P1Y")
    return Term(*(int(each or 0) for each in match.groups()))


def last_day(begin: date, term: Term) -> date:
    """Return the last day of keeping. A year from 1 March ends on 1 March, and one from 29 February
    on 28 February; the day on which a term begins does not count."""
    year, month = divmod(begin.year * MONTHS + begin.month - 1 + term.months, MONTHS)
    year += term.years
    if year >= MAXYEAR:
        raise ValueError("this term ends after the calendar")
    day = min(begin.day, monthrange(year, month + 1)[1])
    return date(year, month + 1, day) + timedelta(days=term.days)
