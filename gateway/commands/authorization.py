"""Whether a token may do something in a conversation, as far as the door can see. Pure.

The router has the last word: what it refuses comes back as the message's status.
"""

from typing import Literal

import msgspec

from services.config.model import Configuration
from services.http.rights import Rights


class ConversationView(msgspec.Struct, frozen=True):
    """A conversation, and the departments that have, or had, it."""

    id: str
    tenant: str
    number: str
    department: str
    departments: tuple[str, ...]
    closed: bool = False


Access = Literal["allowed", "transferred", "unknown"]
"""`unknown` is also what a token hears that must not know that there is such a conversation."""


def access_to(
    held: ConversationView | None, rights: Rights, department: str, *, anywhere: bool = False
) -> Access:
    """Of a token that acts for `department`; '' for whichever of its departments has it.
    `anywhere`: it need be none of them, as of who is woken at night."""
    if held is None or held.tenant != rights.tenant:
        return "unknown"
    if anywhere:
        return "allowed"
    if rights.handles(held.department):
        return "allowed" if department in ("", held.department) else "transferred"
    return "transferred" if any(map(rights.handles, held.departments)) else "unknown"


def read_receipt_refusal(
    held: ConversationView, config: Configuration
) -> Literal["", "marks_off", "confidential"]:
    """Why no citizen is shown that what they wrote here was read."""
    number = config.number(held.number)
    if number is None or number.read_marks == "never":
        return "marks_off"
    confidential = config.confidential(held.tenant, (held.department, *held.departments))
    return "confidential" if confidential else ""
