"""The figures that one decision adds to its month. Pure.

A figure is counted when its decision is made, once, and is never taken back. Only a person answers:
a text of a system or an automatic one ends no wait.

What the municipality may publish is counted a second time: by month, with the hour of the week or
with the rule, and without the day.
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
from router.model.figure import Figure, MonthFigure
from router.model.snapshot import Snapshot
from router.model.work import WorkUnit
from router.rules.engine import OPENED as BY_MUNICIPALITY
from router.rules.engine import TRANSFER
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
PLACED, CORRECTED = "placed", "corrected"
"""A rule, a menu, waiting too long or the number's fallback chose the department; a person then
gave the conversation to another. Both are counted by month alone, by the rule."""
BY_HOUR = (OPENED, RECEIVED)
"""Counted by month as well, by the hour of the week."""

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
    rule: str = ""
    """Rule of PLACED and CORRECTED."""


class Tally(NamedTuple):
    figures: tuple[Figure, ...] = ()
    month_figures: tuple[MonthFigure, ...] = ()


def tally_figures(unit: WorkUnit, decision: Decision, changes: Changes, before: Before) -> Tally:
    """Return the figures of a decision; none for one of no municipality, or of a test token."""
    tally = TALLIES.get(type(decision))
    is_test = isinstance(unit.entry, Command) and unit.entry.test
    if tally is None or is_test or not decision.tenant:
        return Tally()
    counted = [*tally(unit, decision, changes, before)]
    if changes.send:
        counted += _sent(decision, changes, changes.send)
    placed = [*_placed(decision, changes, before)]
    tenant, number = decision.tenant, unit.number
    figures = [
        Figure(tenant, day_of(at or unit.at), number, department, what, value)
        for what, department, value, at, _ in counted
    ]
    by_hour = [each for each in counted if each.what in BY_HOUR]
    if not (by_hour or placed):
        return Tally(tuple(figures))
    month, hour = day_of(unit.at).replace(day=1), hour_of_week(unit.at)
    of_month = [
        MonthFigure(tenant, month, number, each.department, each.what, hour) for each in by_hour
    ]
    of_month += [
        MonthFigure(tenant, month, number, each.department, each.what, rule=each.rule)
        for each in placed
    ]
    return Tally(tuple(figures), tuple(of_month))


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


def _placed(decision: Decision, changes: Changes, before: Before) -> Iterator[Counted]:
    """Count that a department was chosen by no person, or that a person corrected that. The first
    transfer of a conversation counts: what it corrected was no person's choice."""
    previous, after = before.conversation, changes.conversation
    if after is None:
        return
    if isinstance(decision, MessageDecision | TimerDecision):
        is_other = previous is None or not _is_placed(previous) or previous.rule != after.rule
        if is_other and _is_placed(after):
            yield Counted(PLACED, after.department, rule=kind_of_rule(after.rule))
    elif previous and after.rule == TRANSFER and previous.department != after.department:
        by_person = previous.rule in (TRANSFER, BY_MUNICIPALITY)
        if _is_placed(previous) and not by_person:
            yield Counted(CORRECTED, previous.department, rule=kind_of_rule(previous.rule))


def _is_placed(conversation: Conversation) -> bool:
    """Return False for a greeting at the number's fallback: words that choose may follow."""
    return bool(conversation.rule) or conversation.state.has_question


def kind_of_rule(rule: str) -> str:
    """Return the id of a rule; of a choice in a menu, only that it was one."""
    return rule.partition(":")[0]


def day_of(at: datetime) -> date:
    """Return the day in the Netherlands."""
    return _start_of_hour(int(at.timestamp()) // 3600).date()


def hour_of_week(at: datetime) -> int:
    """Return the hour in the Netherlands, from Monday 00:00."""
    local = _start_of_hour(int(at.timestamp()) // 3600)
    return local.weekday() * 24 + local.hour


@lru_cache(maxsize=64)
def _start_of_hour(hour: int) -> datetime:
    """Return the time there of an hour since 1970: clocks differ from UTC by whole hours. Most
    messages of a batch are of one hour, and working it out takes longer than all else here."""
    return datetime.fromtimestamp(hour * 3600, AMSTERDAM)


def rounded_minutes(wait: timedelta) -> int:
    """Return a wait in minutes, rounded down to a step that grows with it."""
    longest = STEPS[-1][0]
    bounded = min(max(wait, timedelta()), longest)
    step = next(step for upto, step in STEPS if bounded <= upto)
    return int(bounded // step * step / timedelta(minutes=1))
