"""Showing citizens that what they wrote was read: whether that may be, and of which message. Pure.

Meta marks what came earlier along with it, so the last message is enough.
"""

from datetime import datetime, timedelta

from router.conversation import refusals
from router.model.conversation import Conversation, ReadReceipt
from router.model.decision import RoutingContext, WorkUnit
from services.contract import Command

TERM = timedelta(days=30)
"""For which Meta lets a message be marked."""


def read_receipt_refusal(conversation: Conversation, ground: RoutingContext, at: datetime) -> str:
    """Why not; '' when nothing is against it. What a confidential department has, or had, or will
    have when it opens, stays unmarked: whoever reads along must not learn that it was read."""
    number, state = ground.config.number(conversation.number), conversation.state
    if number is None or number.read_marks == "never":
        return refusals.MARKS_OFF
    theirs = (conversation.department, *conversation.departments, state.home_department)
    if ground.config.confidential(conversation.tenant, theirs):
        return refusals.CONFIDENTIAL
    recent = state.heard_at is not None and at < state.heard_at + TERM
    return "" if state.last_wamid and recent else refusals.NOTHING_TO_MARK


def read_receipt(unit: WorkUnit, conversation: Conversation, *, typing: bool) -> ReadReceipt:
    """Of the message that the citizen wrote last; where `obstacle` found none."""
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


def read_receipt_with_answer(
    unit: WorkUnit, given: Command, conversation: Conversation, ground: RoutingContext
) -> ReadReceipt | None:
    """Just before an answer, where the municipality wants it: of a person who says who they are,
    for a mark tells that somebody saw it. The answer goes whatever becomes of the mark."""
    number = ground.config.number(conversation.number)
    person = given.author is not None and given.author.kind == "employee"
    if number is None or number.read_marks != "answered" or not person:
        return None
    if read_receipt_refusal(conversation, ground, unit.at):
        return None
    return read_receipt(unit, conversation, typing=False)
