"""Decide if a citizen may see that their message was read, and send the read receipt. Pure.

Meta marks the earlier messages too, so the last one is enough.
"""

from datetime import datetime, timedelta

from router.conversation import refusals
from router.model.conversation import Conversation, ReadReceipt
from router.model.work import RoutingContext, WorkUnit
from services.contract import Command
from services.refusal import Refusal

MARKABLE_FOR = timedelta(days=30)
"""Age up to which Meta accepts a read receipt for a message."""


def read_receipt_refusal(
    conversation: Conversation, context: RoutingContext, at: datetime
) -> Refusal | None:
    """Return why a read receipt is refused. Conversations that a confidential
    department owns, has owned or will own when it opens get none, because other readers of the
    phone must not learn that a message was read."""
    number, state = context.config.number(conversation.number), conversation.state
    if number is None or number.read_marks == "never":
        return refusals.MARKS_OFF
    departments = (conversation.department, *conversation.departments, state.home_department)
    if context.config.confidential(conversation.tenant, departments):
        return refusals.CONFIDENTIAL
    recent = state.heard_at is not None and at < state.heard_at + MARKABLE_FOR
    return None if state.last_wamid and recent else refusals.NOTHING_TO_MARK


def build_read_receipt(unit: WorkUnit, conversation: Conversation, *, typing: bool) -> ReadReceipt:
    """Return the read receipt for the citizen's last message, if `read_receipt_refusal` allows
    it."""
    assert conversation.state.heard_at is not None
    return ReadReceipt(
        number=conversation.number,
        person=conversation.person,
        id=unit.id("mark"),
        wamid=conversation.state.last_wamid,
        heard_at=conversation.state.heard_at,
        typing=typing,
        created_at=unit.at,
    )


def build_receipt_with_answer(
    unit: WorkUnit, command: Command, conversation: Conversation, context: RoutingContext
) -> ReadReceipt | None:
    """Return the read receipt to send just before an answer, if the municipality wants one. Only an
    employee who identifies themselves causes it, because it says that a person saw the message. The
    answer is sent even if the read receipt fails."""
    number = context.config.number(conversation.number)
    is_employee = command.author is not None and command.author.kind == "employee"
    if number is None or number.read_marks != "answered" or not is_employee:
        return None
    if read_receipt_refusal(conversation, context, unit.at):
        return None
    return build_read_receipt(unit, conversation, typing=False)
