"""What nobody asked for: it goes while consent holds, and by day. Pure."""

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
    """The numbers at which it is night: until when, and what whoever asks is told."""
    until = {n: account.night.ends_at(at) for n, account in accounts.items() if account.night}
    return {number: (end, _waits(end)) for number, end in until.items() if end}


def unprompted_refusal(
    consented: bool, night: QuietHours | None, at: datetime
) -> Failed | RetryLater | None:
    """Why a message does not go now; looked at when it is sent, whatever was so when it was
    accepted."""
    if not consented:
        return Failed(0, WITHDRAWN)
    end = night.ends_at(at) if night else None
    return RetryLater((end - at).total_seconds(), 0, _waits(end)) if end else None


def _waits(until: datetime) -> str:
    local = until.astimezone(AMSTERDAM)
    return f"night_rest: wacht tot {local.hour}:{local:%M} uur"
