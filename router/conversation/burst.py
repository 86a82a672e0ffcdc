"""Bursts: messages of one citizen without a silence between them. Pure.

The first words decide for the whole burst, and at most one automatic text answers it. A burst ends
after the municipality's `burst_seconds` of silence, or when an employee answers.
"""

from datetime import datetime

from router.conversation.message_context import MessageContext
from router.model.conversation import ConversationState
from services.config.organisation import Tenant


def continues_burst(message: MessageContext) -> bool:
    """True if the message belongs to the burst of the one before it."""
    last, answered_at = message.previous.last_inbound_at, message.previous.state.answered_at
    if last is None or message.unit.at > burst_ends_at(last, message.tenant):
        return False
    return answered_at is None or answered_at <= last


def burst_ends_at(last_inbound_at: datetime, tenant: Tenant) -> datetime:
    """Return the time until which the next message belongs to the same burst."""
    return last_inbound_at + tenant.burst_window


def is_undecided(state: ConversationState) -> bool:
    """True if nothing in the burst has decided yet: a greeting or a photograph decides nothing."""
    return not (state.has_question or state.answered_at)


def has_replied_in_burst(state: ConversationState) -> bool:
    """True if an automatic text has been sent in this burst."""
    return bool(
        state.auto_texts_at and state.burst_at and state.auto_texts_at[-1] >= state.burst_at
    )
