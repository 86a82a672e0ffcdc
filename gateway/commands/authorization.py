"""Decide if a token may act in a conversation, as far as the gateway knows it. Pure.

The router decides in the end: its refusal becomes the status of the message.
"""

from typing import Literal

import msgspec

from services.config.model import Configuration
from services.http.rights import Rights
from services.refusal import Refusal


class ConversationView(msgspec.Struct, frozen=True):
    """A conversation, the department that owns it, and the departments that own or owned it."""

    id: str
    tenant: str
    number: str
    department: str
    departments: tuple[str, ...]
    closed: bool = False


Access = Literal["allowed", "transferred", "unknown"]
"""`unknown` is also the answer to a token that may not know that the conversation exists."""


def access_to(
    conversation: ConversationView | None,
    rights: Rights,
    department: str,
    *,
    anywhere: bool = False,
) -> Access:
    """Return the access of a token that acts for `department`; '': for any of its departments.

    With `anywhere` the token needs no department that owns it: alarms wake people of other
    departments.
    """
    if conversation is None or conversation.tenant != rights.tenant:
        return "unknown"
    if anywhere:
        return "allowed"
    if rights.handles(conversation.department):
        return "allowed" if department in ("", conversation.department) else "transferred"
    return "transferred" if any(map(rights.handles, conversation.departments)) else "unknown"


MARKS_OFF = Refusal("marks_off", "this number shows nobody that a message was read")
CONFIDENTIAL = Refusal(
    "confidential", "a confidential department shows nobody that a message was read"
)


def read_receipt_refusal(conversation: ConversationView, config: Configuration) -> Refusal | None:
    """Return the reason why this conversation sends no read receipts, or None."""
    number = config.number(conversation.number)
    if number is None or number.read_marks == "never":
        return MARKS_OFF
    departments = (conversation.department, *conversation.departments)
    return CONFIDENTIAL if config.confidential(conversation.tenant, departments) else None
