"""Times as people read them, in the Netherlands. Pure."""

from datetime import MAXYEAR, MINYEAR, date, datetime, time, timedelta

from desk.web.words import Say
from services.calendar.opening_hours import AMSTERDAM

MINUTE, HOUR, DAY = 60, 3600, 86400


def moment(at: datetime, now: datetime, say: Say) -> str:
    """Return a time with as much of its day as is needed."""
    local, today = at.astimezone(AMSTERDAM), now.astimezone(AMSTERDAM).date()
    clock = f"{local:%H:%M}"
    if local.date() == today:
        return clock
    if local.date() == today - timedelta(days=1):
        return say("time.yesterday", clock=clock)
    month = say(f"month.{local.month}")
    if local.year == today.year:
        return say("time.day", day=local.day, month=month, clock=clock)
    return dated(at, say)


def dated(at: datetime, say: Say) -> str:
    """Return a time with its whole date, for what is read years later."""
    local = at.astimezone(AMSTERDAM)
    month, clock = say(f"month.{local.month}"), f"{local:%H:%M}"
    return say("time.date", day=local.day, month=month, year=local.year, clock=clock)


def day(at: date, say: Say) -> str:
    return say("time.date_only", day=at.day, month=say(f"month.{at.month}"), year=at.year)


def month_name(month: str, say: Say) -> str:
    """Return a month, such as 2026-11, in words."""
    year, _, number = month.partition("-")
    return say("time.month", month=say(f"month.{int(number)}"), year=year)


def duration(seconds: float, say: Say) -> str:
    """Return a length of time in its two largest units: days and hours, or hours and minutes."""
    whole = max(0, int(seconds))
    if whole >= DAY:
        return say("time.days", days=whole // DAY, hours=whole % DAY // HOUR)
    if whole >= HOUR:
        return say("time.hours", hours=whole // HOUR, minutes=whole % HOUR // MINUTE)
    return say("time.minutes", minutes=whole // MINUTE)


def end_of_day(now: datetime) -> datetime:
    """Return the end of today in the Netherlands."""
    tomorrow = now.astimezone(AMSTERDAM).date() + timedelta(days=1)
    return datetime.combine(tomorrow, time(), AMSTERDAM)


def local_time(text: str) -> datetime | None:
    """Return the time that a form field gives, in the Netherlands; None if it is none, or of the
    first or last year that there is, in which the day beside it may be none."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    if at.year in (MINYEAR, MAXYEAR):
        return None
    return at.replace(tzinfo=AMSTERDAM) if at.tzinfo is None else at
