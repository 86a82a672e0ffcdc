"""The figures that one decision adds to its month. Pure.

A figure is counted when its decision is made, once, and is never taken back. Only a person answers:
a text of a system or an automatic one ends no wait.

What the municipality may publish is counted a second time: by month, with the hour of the week or
with the rule, and without the day. By month as well: if what the rules chose was right.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from router.figures.judgement import is_placement, judge_placement, kind_of_rule
from router.model.changes import Changes, LedgerInsert, OutgoingStatus
from router.model.conversation import Conversation
from router.model.decision import (
    CommandAccepted,
    Decision,
    MessageDecision,
    StatusDecision,
    TimerDecision,
)
from router.model.figure import Figure, MonthFigure, RuleFigure
from router.model.snapshot import Snapshot
from router.model.work import RoutingContext, WorkUnit
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
FIRST_ANSWER, FIRST_ANSWER_OPEN = "first_answer", "first_answer_open"
"""First answer of a person since the conversation began or went on; its value is the wait, by the
clock, and in opening hours of the department that answered."""
WINDOW_MISSED = "window_missed"
"""The 24 hours ended while the citizen waited; counted on the day on which they did."""
EMPLOYEE, FAILED = "employee", "failed"
PLACED = "placed"
"""A rule, a menu, waiting too long or the number's fallback chose the department. It is counted by
month alone, by the rule, as are its judgements (`router.figures.judgement`)."""
CARE = "care_"
"""Danger of which a person was to be alarmed, followed by its class."""
WITHOUT_MESSAGE = "without_message"
"""A conversation was closed, and no employee, system or chatbot had sent its citizen anything."""
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


class Counting(msgspec.Struct, frozen=True, gc=False):
    """A decision to count, with the state that it found."""

    unit: WorkUnit
    decision: Any
    changes: Changes
    before: Before
    context: RoutingContext

    @property
    def at(self) -> datetime:
        return self.unit.at


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


def add_figures(
    unit: WorkUnit,
    decision: Decision,
    changes: Changes,
    before: Before,
    context: RoutingContext,
) -> Changes:
    """Return the changes of a decision with its figures, and with what waits for a judgement. One
    of no municipality, or of a test token, has no figures."""
    counting = Counting(unit, decision, changes, before, context)
    changes, judged = _judge(counting)
    tally = TALLIES.get(type(decision))
    is_test = isinstance(unit.entry, Command) and unit.entry.test
    if tally is None or is_test or not decision.tenant:
        return changes
    counted = [*tally(counting)]
    if changes.send:
        counted += _sent(decision, changes, changes.send)
    tenant, number = decision.tenant, unit.number
    return msgspec.structs.replace(
        changes,
        figures=tuple(
            Figure(tenant, day_of(at or unit.at), number, department, what, value)
            for what, department, value, at in counted
        ),
        month_figures=tuple(_of_month(counting, counted)),
        rule_figures=judged,
    )


def _judge(counting: Counting) -> tuple[Changes, tuple[RuleFigure, ...]]:
    """Return the changes with the placement that waits, and the judgement of the one before it."""
    unit, decision, changes = counting.unit, counting.decision, counting.changes
    previous, after = counting.before.conversation, changes.conversation
    if after is None:
        return changes, ()
    version = counting.context.version
    judgement = judge_placement(unit, decision, previous, after, version)
    if judgement.waiting != after.state.placed:
        after = after.with_state(placed=judgement.waiting)
        changes = msgspec.structs.replace(changes, conversation=after)
    placed = previous.state.placed if previous else None
    if placed is None or not judgement.verdict:
        return changes, ()
    figure = RuleFigure(
        tenant=after.tenant,
        month=month_of(unit.at),
        number=unit.number,
        department=placed.department,
        what=judgement.verdict,
        rule=placed.rule,
        version=placed.version,
    )
    return changes, (figure,)


def _of_month(counting: Counting, counted: list[Counted]) -> Iterator[MonthFigure]:
    """Yield what is counted by the hour of the week, and the placement by its rule."""
    unit, decision, after = counting.unit, counting.decision, counting.changes.conversation
    tenant, number = decision.tenant, unit.number
    by_hour = [each for each in counted if each.what in BY_HOUR]
    is_placed = is_placement(decision, counting.before.conversation, after)
    if not (by_hour or is_placed):
        return
    month, hour = month_of(unit.at), hour_of_week(unit.at)
    for each in by_hour:
        yield MonthFigure(tenant, month, number, each.department, each.what, hour)
    if is_placed and after:
        rule = kind_of_rule(after.rule)
        yield MonthFigure(tenant, month, number, after.department, PLACED, rule=rule)


def _message(counting: Counting) -> Iterator[Counted]:
    """Count a citizen's message; a reaction is none."""
    unit, decision, after = counting.unit, counting.decision, counting.changes.conversation
    if isinstance(unit.item, Message) and unit.item.content.type != REACTION:
        yield Counted(RECEIVED, decision.department)
    if decision.opened:
        yield Counted(OPENED, decision.department)
    if after and after.state.care and _danger(after) != _danger(counting.before.conversation):
        yield Counted(CARE + after.state.care, decision.department)
    yield from _changed(counting)


def _danger(conversation: Conversation | None) -> tuple[str, datetime | None] | None:
    return (conversation.state.care, conversation.state.care_at) if conversation else None


def _command(counting: Counting) -> Iterator[Counted]:
    """Count what an employee or a system did."""
    unit, decision, changes = counting.unit, counting.decision, counting.changes
    action = unit.entry.action if isinstance(unit.entry, Command) else None
    former, merged = decision.former, changes.merged_conversation
    if decision.opened:
        yield Counted(BEGUN, decision.department)
    is_move = former is not None and former.department != decision.department
    if former and is_move and isinstance(action, TransferConversation):
        yield Counted(TRANSFERRED, former.department)
    if isinstance(action, CloseConversation) and changes.conversation:
        yield from _closed(action, changes.conversation)
    if decision.merged and merged and merged.closed_at == unit.at:
        yield Counted(CLOSED + MERGED, decision.merged.owner.department)
    yield from _changed(counting)


def _closed(action: CloseConversation, closed: Conversation) -> Iterator[Counted]:
    yield Counted(CLOSED + (action.outcome or UNSAID), closed.department)
    if not (closed.state.has_message or closed.state.answered_at):
        yield Counted(WITHOUT_MESSAGE, closed.department)


def _timer(counting: Counting) -> Iterator[Counted]:
    if counting.decision.effect == "closed":
        yield Counted(CLOSED + IDLE, counting.decision.department)


def _status(counting: Counting) -> Iterator[Counted]:
    """Count the end of an employee's message that did not arrive."""
    after, message = counting.changes.outgoing, counting.before.message
    is_failure = after and message and after.status == FAILED != message.status
    if after and is_failure and after.author_kind == EMPLOYEE:
        yield Counted(UNDELIVERED, after.department)


TALLIES: Mapping[type[Decision], Callable[[Counting], Iterator[Counted]]] = {
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


def _changed(counting: Counting) -> Iterator[Counted]:
    """Count a conversation that goes on, its first answer, and 24 hours that ended without one. The
    latter are seen at the first change after them that ends the wait or begins another 24 hours."""
    previous, after = counting.before.conversation, counting.changes.conversation
    if previous is None or after is None:
        return
    if previous.closed_at and after.closed_at is None:
        yield Counted(REOPENED, after.department)
    since = previous.state.waiting_since
    if since is None:
        return
    if previous.state.answered_at is None and after.state.answered_at is not None:
        yield from _first_answer(counting, after, since)
    end, is_over = previous.window_until(), after.state.waiting_since is None
    if end and end <= counting.at and (is_over or after.window_until() != end):
        yield Counted(WINDOW_MISSED, previous.department, at=end)


def _first_answer(counting: Counting, after: Conversation, since: datetime) -> Iterator[Counted]:
    """Count the wait. A department that left the configuration has no hours: the clock is left."""
    wait = counting.at - since
    hours = counting.context.hours.get((after.tenant, after.department))
    open_wait = hours.open_between(since, counting.at) if hours else wait
    yield Counted(FIRST_ANSWER, after.department, rounded_minutes(wait))
    yield Counted(FIRST_ANSWER_OPEN, after.department, rounded_minutes(open_wait))


def day_of(at: datetime) -> date:
    """Return the day in the Netherlands."""
    return _start_of_hour(int(at.timestamp()) // 3600).date()


def month_of(at: datetime) -> date:
    """Return the first day of the month in the Netherlands."""
    return day_of(at).replace(day=1)


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
