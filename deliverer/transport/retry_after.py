"""The header `Retry-After`, in seconds or as a date (RFC 9110, 10.2.3). Pure."""

import re
from datetime import UTC, datetime

DAYS = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
WEEKDAYS = "(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day"
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
MONTH, TIME = f"(?P<month>{'|'.join(MONTHS)})", r"(?P<time>\d\d:\d\d:\d\d)"
DATE_FORMATS = tuple(
    re.compile(form, re.ASCII)
    for form in (
        rf"{DAYS}, (?P<day>\d\d) {MONTH} (?P<year>\d{{4}}) {TIME} GMT",
        rf"{WEEKDAYS}, (?P<day>\d\d)-{MONTH}-(?P<year>\d\d) {TIME} GMT",  # RFC 850
        rf"{DAYS} {MONTH} (?P<day>[ \d]\d) {TIME} (?P<year>\d{{4}})",  # asctime of C
    )
)
"""Formats of a date. RFC 9110 requires reading the two obsolete ones, although no server sends them
any more."""
AHEAD_YEARS = 50
"""A two-digit year further ahead than this belongs to the century before (RFC 9110, 5.6.7)."""


def retry_after_seconds(header: str, date: str, now: datetime) -> float | None:
    """Return the seconds in `Retry-After`, or None if it cannot be read. The caller sets a maximum.

    A date is by the server's clock, so it counts from the answer's own `Date` header. Without that
    header it counts from `now`.
    """
    if header.isascii() and header.isdigit():
        return float(header)
    until = _parse_date(header, now)
    if until is None:
        return None
    return max(0.0, (until - (_parse_date(date, now) or now)).total_seconds())


def _parse_date(date: str, now: datetime) -> datetime | None:
    parts = next((match for form in DATE_FORMATS if (match := form.fullmatch(date))), None)
    if parts is None:
        return None
    year = int(parts["year"])
    if len(parts["year"]) == 2:
        year += now.year // 100 * 100
        year -= 100 * (year > now.year + AHEAD_YEARS)
    hour, minute, second = map(int, parts["time"].split(":"))
    month = MONTHS.index(parts["month"]) + 1
    try:
        return datetime(year, month, int(parts["day"]), hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
