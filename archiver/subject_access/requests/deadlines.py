"""Deadlines of requests: one month, and two more if the citizen is told in time (AVG, article 12,
third paragraph). Pure.

Months are calendar months: a request of 31 January is due on the last day of February. A term that
ends on a Sunday or a holiday lasts longer by law; this is ignored, as earlier is never too late.
"""

from calendar import monthrange
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Literal

from archiver.subject_access.requests.fault import OrderFault

TERM_MONTHS, LONGEST_MONTHS = 1, 3
"""Months after receipt: the term, and the longest term with an extension."""
SOON_DAYS = 5
"""Days before the deadline in which a request counts as due soon."""
State = Literal["decided", "open", "soon", "overdue"]


def add_months(day: date, months: int) -> date:
    """Return the same day of a later month, or its last day."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def due_date(received: date) -> date:
    return add_months(received, TERM_MONTHS)


def state(due: date, today: date, *, decided: bool) -> State:
    if decided:
        return "decided"
    if today > due:
        return "overdue"
    return "soon" if due - today <= timedelta(days=SOON_DAYS) else "open"


def receipt_errors(received: date, today: date) -> Iterator[OrderFault]:
    """Yield why the request cannot have been received on that day."""
    if received > today:
        yield OrderFault("receivedOn", "is yet to come")


def extension_errors(
    received: date, until: date, now_due: date, today: date
) -> Iterator[OrderFault]:
    """Yield why the deadline cannot be extended to `until`."""
    if today > due_date(received):
        last = due_date(received)
        yield OrderFault(
            "", f"it could be extended until {last}: it is told within the first month"
        )
    if until <= now_due:
        yield OrderFault("until", f"it is due on {now_due}; expected a later day")
    if until > (latest := add_months(received, LONGEST_MONTHS)):
        yield OrderFault("until", f"at most two further months, so no later than {latest}")
