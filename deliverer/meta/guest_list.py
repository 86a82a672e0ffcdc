"""The last gate before Meta: a number on trial sends only to guests, a test token to nobody. Pure.

Everything that is sent to a person passes it: messages of every kind and origin, and read receipts.
`docs/decisions/0065` has the reasons.
"""

from typing import Literal

from deliverer.meta.graph_api import Failed, Sent
from deliverer.meta.ledger_entry import LedgerEntry
from services.trial import NOT_ON_GUEST_LIST, TrialState, is_on_trial

REFUSED = Failed(0, str(NOT_ON_GUEST_LIST))
"""Verdict on a message to someone who is not on the list."""
UNINVITED = "not_on_guest_list"
"""Outcome label of such a message in the metrics: Meta refused nothing."""
TEST = "test"
"""Outcome label of a message of a test token."""
TEST_WAMID = "wamid.test."
"""Beginning of the id of a message that was never at Meta. Meta's ids continue with base64."""

Way = Literal["meta", "pretend", "refuse"]


def choose_way(
    *, is_configured: bool, state: TrialState, is_guest: bool, is_test: bool = False
) -> Way:
    """Return the way of what is to be sent to one person. `is_configured` and `state` are the trial
    of its number in the configuration and on record."""
    if is_test:
        return "pretend"
    return "meta" if is_guest or not is_on_trial(state, is_configured=is_configured) else "refuse"


def settle_before_meta(entry: LedgerEntry, *, is_configured: bool) -> Sent | Failed | None:
    """Return the result of a message that must not reach Meta; None: it may be offered to Meta."""
    way = choose_way(
        is_configured=is_configured,
        state=entry.trial,
        is_guest=entry.is_guest,
        is_test=entry.is_test,
    )
    if way == "meta":
        return None
    return REFUSED if way == "refuse" else Sent(f"{TEST_WAMID}{entry.opaque}")
