"""How long an answer asks to be left alone, in seconds or as a date (RFC 9110, 10.2.3). Pure."""

import re
from datetime import UTC, datetime

DAYS = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
WEEKDAYS = "(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day"
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
MONTH, TIME = f"(?P<month>{'|'.join(MONTHS)})", r"(?P<time>\d\d:\d\d:\d\d)"
FORMS = tuple(
    re.compile(form, re.ASCII)
    for form in (
        rf"{DAYS}, (?P<day>\d\d) {MONTH} (?P<year>\d{{4}}) {TIME} GMT",
        rf"{WEEKDAYS}, (?P<day>\d\d)-{MONTH}-(?P<year>\d\d) {TIME} GMT",  # RFC 850
        rf"{DAYS} {MONTH} (?P<day>[ \d]\d) {TIME} (?P<year>\d{{4}})",  # asctime of C
    )
)
"""Of a date, the two obsolete ones too: nobody sends them any more, everybody must read them."""
AHEAD_YEARS = 50
"""A year of two digits that would lie further ahead is of the century before."""


def asked_seconds(asked: str, date: str, now: datetime) -> float | None:
    """From the headers `Retry-After` and `Date`; None where it asks for nothing that can be read.

    A date is by the clock of whoever names it, so it counts from the answer's own `Date`: ours need
    not agree. `now` is for an answer without one. How long is too long is for who waits.
    """
    if asked.isascii() and asked.isdigit():
        return float(asked)
    until = _read(asked, now)
    if until is None:
        return None
    return max(0.0, (until - (_read(date, now) or now)).total_seconds())


def _read(date: str, now: datetime) -> datetime | None:
    found = next((match for form in FORMS if (match := form.fullmatch(date))), None)
    if found is None:
        return None
    year = int(found["year"])
    if len(found["year"]) == 2:
        year += now.year // 100 * 100
        year -= 100 * (year > now.year + AHEAD_YEARS)
    hour, minute, second = map(int, found["time"].split(":"))
    month = MONTHS.index(found["month"]) + 1
    try:
        return datetime(year, month, int(found["day"]), hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
