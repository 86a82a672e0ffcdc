"""The figures that one decision adds to its month. Pure.

A figure is counted when its decision is made, once, and is never taken back. Only a person answers:
a text of a system or an automatic one ends no wait.
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta

import msgspec

from router.model.changes import Changes, OutgoingStatus
from router.model.conversation import Conversation
from router.model.decision import (
    CommandAccepted,
    Decision,
    MessageDecision,
    StatusDecision,
    TimerDecision,
)
from router.model.figure import Figure
from router.model.snapshot import Snapshot
from router.model.work import WorkUnit
from services.calendar.opening_hours import AMSTERDAM
from services.contract import REACTION, CloseConversation, Command, TransferConversation
from services.whatsapp.items import Message

OPENED, BEGUN, REOPENED = "opened", "begun", "reopened"
"""A citizen began a conversation; the municipality did; a closed one went on."""
RECEIVED, SENT = "received", "sent_"
"""Message of a citizen; message to one, followed by the kind of its author."""
UNDELIVERED = "undelivered"
TRANSFERRED = "transferred"
"""A person gave it to another department; counted at the one that it left."""
CLOSED, IDLE, MERGED, UNSAID = "closed_", "idle", "merged", "unsaid"
"""End of a conversation, followed by its outcome, or by one of the other three."""
FIRST_ANSWER = "first_answer"
"""First answer of a person since the conversation began or went on; its value is the wait."""
WINDOW_MISSED = "window_missed"
"""The 24 hours ended while the citizen waited; counted on the day on which they did."""
EMPLOYEE, FAILED = "employee", "failed"

STEPS = (
    (timedelta(hours=2), timedelta(minutes=1)),
    (timedelta(days=1), timedelta(minutes=5)),
    (timedelta(days=30), timedelta(hours=1)),
)
"""A wait up to this is rounded down to that: a month of a department has some thousand values at
most, whatever its size. A longer wait counts as the last one."""


class Before(msgspec.Struct, frozen=True):
    """What a decision found."""

    conversation: Conversation | None = None
    """The conversation that it changes; None if it begins one, or changes none."""
    message: OutgoingStatus | None = None
    """The outgoing message of which it changes the status."""


def find_before(changes: Changes, snapshot: Snapshot) -> Before:
    """Return what changes were made to. The snapshot must not have them yet."""
    after, message = changes.conversation, changes.outgoing
    return Before(
        snapshot.conversations.loaded().get(after.id) if after else None,
        snapshot.outgoing.loaded().get(message.id) if message else None,
    )


def tally_figures(
    unit: WorkUnit, decision: Decision, changes: Changes, before: Before
) -> tuple[Figure, ...]:
    """Return the figures of a decision; none for one of no municipality, or of a test token."""
    is_test = isinstance(unit.entry, Command) and unit.entry.test
    if is_test or not decision.tenant:
        return ()
    counted = [
        *_began(decision),
        *_messages(unit, decision, changes, before.message),
        *_went(unit, decision, changes),
    ]
    if before.conversation and changes.conversation:
        counted += _went_on(before.conversation, changes.conversation)
        counted += _waited(unit.at, before.conversation, changes.conversation)
    return tuple(
        Figure(decision.tenant, day_of(at or unit.at), unit.number, department, what, value)
        for what, department, value, at in counted
    )


Counted = tuple[str, str, int, datetime | None]
"""Kind, department, value, and the time if it is another than that of the decision."""


def day_of(at: datetime) -> date:
    return at.astimezone(AMSTERDAM).date()


def _began(decision: Decision) -> Iterator[Counted]:
    if isinstance(decision, MessageDecision) and decision.opened:
        yield OPENED, decision.department, 0, None
    if isinstance(decision, CommandAccepted) and decision.opened:
        yield BEGUN, decision.department, 0, None


def _messages(
    unit: WorkUnit, decision: Decision, changes: Changes, message: OutgoingStatus | None
) -> Iterator[Counted]:
    """Yield messages of both sides; a reaction is none."""
    item, send = unit.item, changes.send
    is_message = isinstance(decision, MessageDecision) and isinstance(item, Message)
    if is_message and item.content.type != REACTION:  # type: ignore[union-attr]
        yield RECEIVED, decision.department, 0, None
    if send:
        # An automatic text beside a command has no status of its own here: the command's is.
        own = (each for each in (changes.outgoing, changes.other_outgoing) if each)
        sent = next((each for each in own if each.id == send.id), None)
        if sent is None or sent.type != REACTION:
            yield SENT + send.author_kind, sent.department if sent else decision.department, 0, None
    after = changes.outgoing if isinstance(decision, StatusDecision) else None
    is_failure = after and message and after.status == FAILED != message.status
    if after and is_failure and after.author_kind == EMPLOYEE:
        yield UNDELIVERED, after.department, 0, None


def _went(unit: WorkUnit, decision: Decision, changes: Changes) -> Iterator[Counted]:
    """Yield transfers by people, and endings."""
    action = unit.entry.action if isinstance(unit.entry, Command) else None
    if isinstance(decision, TimerDecision) and decision.effect == "closed":
        yield CLOSED + IDLE, decision.department, 0, None
    if not isinstance(decision, CommandAccepted) or changes.conversation is None:
        return
    former = decision.former.department if decision.former else decision.department
    if isinstance(action, TransferConversation) and former != decision.department:
        yield TRANSFERRED, former, 0, None
    if isinstance(action, CloseConversation):
        yield CLOSED + (action.outcome or UNSAID), decision.department, 0, None
    merged = changes.merged_conversation
    if decision.merged and merged and merged.closed_at == unit.at:
        yield CLOSED + MERGED, decision.merged.owner.department, 0, None


def _went_on(previous: Conversation, after: Conversation) -> Iterator[Counted]:
    if previous.closed_at and after.closed_at is None:
        yield REOPENED, after.department, 0, None


def _waited(at: datetime, previous: Conversation, after: Conversation) -> Iterator[Counted]:
    """Yield the first answer, and the end of 24 hours without one. The latter is seen at the first
    change after it that ends the wait or begins another 24 hours."""
    since = previous.state.waiting_since
    if since is None:
        return
    if previous.state.answered_at is None and after.state.answered_at is not None:
        yield FIRST_ANSWER, after.department, rounded_minutes(at - since), None
    end, is_over = previous.window_until(), after.state.waiting_since is None
    if end and end <= at and (is_over or after.window_until() != end):
        yield WINDOW_MISSED, previous.department, 0, end


def rounded_minutes(wait: timedelta) -> int:
    """Return a wait in minutes, rounded down to a step that grows with it."""
    longest = STEPS[-1][0]
    bounded = min(max(wait, timedelta()), longest)
    step = next(step for upto, step in STEPS if bounded <= upto)
    return int(bounded // step * step / timedelta(minutes=1))
