"""By when a request is answered: one month, and two more where that is said in time (AVG, article
12, third paragraph). Pure.

By the calendar: what came on the 31st of January is due on the last day of February. That a term
which ends on a Sunday or a holiday lasts a day longer is not counted: earlier is never too late.
"""

from calendar import monthrange
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Literal

TERM_MONTHS, LONGEST_MONTHS = 1, 3
"""Since it was received; with the two more."""
SOON_DAYS = 5
"""Before the end, in which it must be answered now."""
State = Literal["decided", "open", "soon", "overdue"]


def months_after(day: date, months: int) -> date:
    """The same day of a later month, or its last one."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def due(received: date) -> date:
    return months_after(received, TERM_MONTHS)


def state(due: date, today: date, *, decided: bool) -> State:
    if decided:
        return "decided"
    if today > due:
        return "overdue"
    return "soon" if due - today <= timedelta(days=SOON_DAYS) else "open"


def receipt_date_error(received: date, today: date) -> str:
    """Why it cannot have been received then; '' when nothing is against it."""
    return f"--received: {received} is yet to come" if received > today else ""


def extension_errors(received: date, until: date, now_due: date, today: date) -> Iterator[str]:
    """Why it cannot be extended so, a sentence each."""
    if today > due(received):
        yield f"it could be extended until {due(received)}: it is told within the first month"
    if until <= now_due:
        yield f"--until: it is due on {now_due}; expected a later day"
    if until > (last := months_after(received, LONGEST_MONTHS)):
        yield f"--until: at most two further months, so no later than {last}"
