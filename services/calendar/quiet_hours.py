"""Quiet hours of the night, in which no business-initiated message is sent. Pure.

They are in local time of Amsterdam; arguments and results are instants.
"""

import re
from datetime import datetime, time, timedelta
from typing import Annotated

import msgspec
from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from services.calendar.opening_hours import AMSTERDAM, instant

TIME = "(?:[01][0-9]|2[0-3]):[0-5][0-9]"


class QuietHours(msgspec.Struct, frozen=True):
    """Hours from `begins`, inclusive, to `ends`, exclusive, on the same day or the next."""

    begins: time
    ends: time

    def ends_at(self, at: datetime) -> datetime | None:
        """Return when the quiet hours end, or None if `at` is outside them."""
        today = at.astimezone(AMSTERDAM).replace(tzinfo=None, hour=0, minute=0, second=0, fold=0)
        today = today.replace(microsecond=0)
        for day in (today - timedelta(days=1), today):
            begins = datetime.combine(day, self.begins)
            ends = datetime.combine(day, self.ends)
            if ends <= begins:
                ends += timedelta(days=1)
            if instant(begins) <= at < instant(ends):
                return instant(ends)
        return None


def parse_quiet_hours(hours: str) -> QuietHours | None:
    """Parse quiet hours such as `21:00-08:00`; None for ''."""
    if not hours:
        return None
    begins, _, ends = hours.partition("-")
    return QuietHours(time.fromisoformat(begins), time.fromisoformat(ends))


def _check_hours(hours: str) -> str:
    if hours and not re.fullmatch(f"{TIME}-{TIME}", hours):
        raise PydanticCustomError("night", "Write a night as in 21:00-08:00")
    if hours and len(set(hours.split("-"))) < 2:
        raise PydanticCustomError("night", "A night should end at another time than it begins")
    return hours


NightHours = Annotated[str, AfterValidator(_check_hours)]
