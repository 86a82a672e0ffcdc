"""Days and moments in Amsterdam, in the words of a text for citizens. Pure."""

from datetime import datetime
from functools import cache

import msgspec

from services.calendar.opening_hours import AMSTERDAM
from services.package_data import load_table

DEFAULT = "nl"
"""Language of dates for a language without words for them."""


class DateWords(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Words of one language in `dates.toml`; the file describes them."""

    weekdays: str
    months: str
    day: str
    moment: str


@cache
def load_date_words() -> dict[str, DateWords]:
    return load_table("services.calendar", "dates.toml", dict[str, DateWords])


def month_names(language: str) -> list[str]:
    """Return the names of the months, January first."""
    return _words(language).months.split()


def format_day(at: datetime, language: str = DEFAULT) -> str:
    """Format a day: `maandag 30 november`, or `Monday 30 November` in English."""
    words, local = _words(language), at.astimezone(AMSTERDAM)
    weekday, month = words.weekdays.split()[local.weekday()], words.months.split()[local.month - 1]
    return words.day.format(weekday=weekday, day=local.day, month=month)


def format_moment(at: datetime, language: str = DEFAULT) -> str:
    """Format a moment: `maandag 30 november om 09.00 uur`, or `Monday 30 November at 9:00` in
    English."""
    local, date = at.astimezone(AMSTERDAM), format_day(at, language)
    return _words(language).moment.format(date=date, hour=local.hour, minute=local.minute)


def _words(language: str) -> DateWords:
    words = load_date_words()
    return words.get(language) or words[DEFAULT]
