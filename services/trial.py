"""Trial of a number: it takes messages from everyone and sends only to its guest list. Pure."""

from typing import Literal

from services.refusal import Refusal

TrialState = Literal["", "trial", "live"]
"""State on record: on trial, live since an operator said so, or '' if it never was on trial."""

NOT_ON_GUEST_LIST = Refusal(
    "not_on_guest_list", "dit nummer is op proef en stuurt alleen naar zijn gastenlijst"
)


def is_on_trial(state: TrialState, *, is_configured: bool) -> bool:
    """Return True if a number is on trial. The record goes before the configuration: only the
    recorded step ends a trial, and a line that stays in the file does not start it again."""
    return state == "trial" or (is_configured and state == "")
