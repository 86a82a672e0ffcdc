"""Warn a department before only a template can reach a citizen. Pure.

Meta accepts any message for 24 hours after a citizen wrote. The department is warned two hours
before that ends. If it is closed by then, it is warned in its last opening hours before: on Friday
at noon for a window that ends in the weekend.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from router.model.conversation import Conversation
from router.model.work import RoutingContext
from services.calendar.opening_hours import Hours
from services.whatsapp.delivery_status import CUSTOMER_SERVICE_WINDOW

LAST_WARNING = timedelta(hours=2)
"""Time before the end of any window at which the last warning is due."""


def warning_due(
    conversation: Conversation, since: datetime, context: RoutingContext
) -> datetime | None:
    """Return the first moment from `since` at which the department is warned; None if the citizen
    does not wait, or if the municipality wants no warnings. The warning for a delayed message waits
    for its arrival."""
    tenant = context.config.tenant(conversation.tenant)
    heard_at, received_at = conversation.said_at, conversation.last_inbound_at
    if not (tenant and tenant.window_hours and conversation.state.waiting_since):
        return None
    if not (heard_at and received_at):
        return None
    hours = context.hours.get((conversation.tenant, conversation.department))
    lead = timedelta(hours=tenant.window_hours)
    window_ends_at = heard_at + CUSTOMER_SERVICE_WINDOW
    moments = [max(at, received_at) for at in warning_moments(heard_at, hours, lead)]
    return min([at for at in moments if since <= at < window_ends_at], default=None)


def warning_moments(
    opened_at: datetime, hours: Hours | None, lead: timedelta
) -> Iterator[datetime]:
    """Yield the moments to warn about a window that began at `opened_at`: shortly before its end,
    and in the opening hours before it."""
    end = opened_at + CUSTOMER_SERVICE_WINDOW
    yield end - LAST_WARNING
    if hours is None:
        return
    opening = hours.last_opening(end)
    if opening and opened_at < opening[1] < end:
        opened, closes = opening
        yield max(opened, opened_at, closes - lead)
