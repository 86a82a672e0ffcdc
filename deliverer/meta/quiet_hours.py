"""Business-initiated messages: they go only with consent, and not in quiet hours. Pure."""

from collections.abc import Mapping
from datetime import datetime

from deliverer.meta.accounts import Account
from deliverer.meta.graph_api import Failed, RetryLater
from services.calendar.opening_hours import AMSTERDAM
from services.calendar.quiet_hours import QuietHours
from services.whatsapp.delivery_status import WITHDRAWN


def quiet_hours_by_number(
    accounts: Mapping[str, Account], at: datetime
) -> dict[str, tuple[datetime, str]]:
    """Return the numbers that are in quiet hours, each with their end and the reason to store."""
    ends = {
        number: account.quiet_hours.ends_at(at)
        for number, account in accounts.items()
        if account.quiet_hours
    }
    return {number: (end, _wait_reason(end)) for number, end in ends.items() if end}


def business_initiated_refusal(
    has_consent: bool, quiet_hours: QuietHours | None, at: datetime
) -> Failed | RetryLater | None:
    """Return why a business-initiated message does not go now, or None. Checked at sending, because
    things may have changed since it was accepted."""
    if not has_consent:
        return Failed(0, str(WITHDRAWN))
    end = quiet_hours.ends_at(at) if quiet_hours else None
    return RetryLater((end - at).total_seconds(), 0, _wait_reason(end)) if end else None


def _wait_reason(until: datetime) -> str:
    local = until.astimezone(AMSTERDAM)
    return f"night_rest: wacht tot {local.hour}:{local:%M} uur"
