"""The figures that one decision adds to its month. Pure.

A figure is counted when its decision is made, once, and is never taken back. Only a person answers:
a text of a system or an automatic one ends no wait.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from router.model.changes import Changes, LedgerInsert, OutgoingStatus
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


class Before(msgspec.Struct, frozen=True, gc=False):
    """State that a decision found."""

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


class Counted(NamedTuple):
    what: str
    department: str
    value: int = 0
    at: datetime | None = None
    """Time, if it is another than that of the decision."""


def tally_figures(
    unit: WorkUnit, decision: Decision, changes: Changes, before: Before
) -> tuple[Figure, ...]:
    """Return the figures of a decision; none for one of no municipality, or of a test token."""
    tally = TALLIES.get(type(decision))
    is_test = isinstance(unit.entry, Command) and unit.entry.test
    if tally is None or is_test or not decision.tenant:
        return ()
    counted = [*tally(unit, decision, changes, before)]
    if changes.send:
        counted += _sent(decision, changes, changes.send)
    tenant, number = decision.tenant, unit.number
    return tuple(
        [
            Figure(tenant, day_of(at or unit.at), number, department, what, value)
            for what, department, value, at in counted
        ]
    )


def _message(
    unit: WorkUnit, decision: MessageDecision, changes: Changes, before: Before
) -> Iterator[Counted]:
    """Count a citizen's message; a reaction is none."""
    if isinstance(unit.item, Message) and unit.item.content.type != REACTION:
        yield Counted(RECEIVED, decision.department)
    if decision.opened:
        yield Counted(OPENED, decision.department)
    yield from _changed(unit.at, before.conversation, changes.conversation)


def _command(
    unit: WorkUnit, decision: CommandAccepted, changes: Changes, before: Before
) -> Iterator[Counted]:
    """Count what an employee or a system did."""
    action = unit.entry.action if isinstance(unit.entry, Command) else None
    former, merged = decision.former, changes.merged_conversation
    if decision.opened:
        yield Counted(BEGUN, decision.department)
    is_move = former is not None and former.department != decision.department
    if former and is_move and isinstance(action, TransferConversation):
        yield Counted(TRANSFERRED, former.department)
    if isinstance(action, CloseConversation) and changes.conversation:
        yield Counted(CLOSED + (action.outcome or UNSAID), decision.department)
    if decision.merged and merged and merged.closed_at == unit.at:
        yield Counted(CLOSED + MERGED, decision.merged.owner.department)
    yield from _changed(unit.at, before.conversation, changes.conversation)


def _timer(
    unit: WorkUnit, decision: TimerDecision, changes: Changes, before: Before
) -> Iterator[Counted]:
    if decision.effect == "closed":
        yield Counted(CLOSED + IDLE, decision.department)


def _status(
    unit: WorkUnit, decision: StatusDecision, changes: Changes, before: Before
) -> Iterator[Counted]:
    """Count the end of an employee's message that did not arrive."""
    after, message = changes.outgoing, before.message
    is_failure = after and message and after.status == FAILED != message.status
    if after and is_failure and after.author_kind == EMPLOYEE:
        yield Counted(UNDELIVERED, after.department)


TALLIES: Mapping[type[Decision], Callable[[WorkUnit, Any, Changes, Before], Iterator[Counted]]] = {
    MessageDecision: _message,
    CommandAccepted: _command,
    TimerDecision: _timer,
    StatusDecision: _status,
}
"""Kind of decision -> its figures. Other kinds have none."""


def _sent(decision: Decision, changes: Changes, send: LedgerInsert) -> Iterator[Counted]:
    """Count a message to a citizen; a reaction is none."""
    own = (each for each in (changes.outgoing, changes.other_outgoing) if each)
    sent = next((each for each in own if each.id == send.id), None)
    if sent is None or sent.type != REACTION:
        yield Counted(SENT + send.author_kind, sent.department if sent else decision.department)


def _changed(
    at: datetime, previous: Conversation | None, after: Conversation | None
) -> Iterator[Counted]:
    """Count a conversation that goes on, its first answer, and 24 hours that ended without one. The
    latter are seen at the first change after them that ends the wait or begins another 24 hours."""
    if previous is None or after is None:
        return
    if previous.closed_at and after.closed_at is None:
        yield Counted(REOPENED, after.department)
    since = previous.state.waiting_since
    if since is None:
        return
    if previous.state.answered_at is None and after.state.answered_at is not None:
        yield Counted(FIRST_ANSWER, after.department, rounded_minutes(at - since))
    end, is_over = previous.window_until(), after.state.waiting_since is None
    if end and end <= at and (is_over or after.window_until() != end):
        yield Counted(WINDOW_MISSED, previous.department, at=end)


def day_of(at: datetime) -> date:
    """Return the day in the Netherlands."""
    return _day_of_hour(int(at.timestamp()) // 3600)


@lru_cache(maxsize=64)
def _day_of_hour(hour: int) -> date:
    """Return the day of an hour since 1970: clocks there differ from UTC by whole hours. Most
    messages of a batch are of one hour, and working it out takes longer than all else here."""
    return datetime.fromtimestamp(hour * 3600, AMSTERDAM).date()


def rounded_minutes(wait: timedelta) -> int:
    """Return a wait in minutes, rounded down to a step that grows with it."""
    longest = STEPS[-1][0]
    bounded = min(max(wait, timedelta()), longest)
    step = next(step for upto, step in STEPS if bounded <= upto)
    return int(bounded // step * step / timedelta(minutes=1))
