"""When a department must hear that a citizen can soon be answered by template alone. Pure.

Meta takes anything for 24 hours after a citizen wrote. Two hours before that ends it is told; and
where the department will be closed by then, in the last hours in which somebody is there: on Friday
at noon for what would end in the weekend.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import takewhile

from router.model.conversation import Conversation
from router.model.decision import RoutingContext
from services.calendar.opening_hours import Hours
from services.whatsapp.delivery_status import CUSTOMER_SERVICE_WINDOW

LAST = timedelta(hours=2)
"""Before the end of any window."""


def warning_due(now: Conversation, since: datetime, ground: RoutingContext) -> datetime | None:
    """The first moment from `since` on at which it is to be told; None where nobody waits, or where
    the municipality does not want to hear of it. What was long on its way is told of when it is
    there."""
    tenant = ground.config.tenant(now.tenant)
    said, came = now.said_at, now.last_inbound_at
    if not (tenant and tenant.window_hours and now.state.waiting_since and said and came):
        return None
    own = ground.hours.get((now.tenant, now.department))
    lead = timedelta(hours=tenant.window_hours)
    found = (max(at, came) for at in warning_moments(said, own, lead))
    return min((at for at in found if since <= at < said + CUSTOMER_SERVICE_WINDOW), default=None)


def warning_moments(heard: datetime, hours: Hours | None, lead: timedelta) -> Iterator[datetime]:
    """Of a window that began at `heard`: in opening hours, and shortly before its end."""
    end = heard + CUSTOMER_SERVICE_WINDOW
    yield end - LAST
    if hours is None:
        return
    open = list(takewhile(lambda span: span[0] < end, hours.openings(heard)))
    if open and open[-1][1] < end:
        opened, closes = open[-1]
        yield max(opened, heard, closes - lead)
