"""Merge two people: the open work of one conversation continues in the other. Pure."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any, TypeVar

import msgspec

from router.conversation import refusals, timers
from router.conversation.transition import MOST_SUBJECTS, raised_priority
from router.model.changes import Timer
from router.model.conversation import Conversation, ConversationState
from router.model.work import RoutingContext, WorkUnit
from services.contract import Command
from services.refusal import Refusal

T = TypeVar("T", date, datetime)
REASON = "samengevoegd met {}"


def merge_refusal(command: Command, previous: Conversation, other: Conversation) -> Refusal | None:
    is_same_number = other.number == previous.number
    if not (is_same_number and refusals.may_act_for(command, other.department)):
        return refusals.NO_CONVERSATION
    if other.person == previous.person:
        return refusals.SAME
    if previous.closed_at:
        return refusals.CLOSED
    # Events of a withheld conversation go to no one yet, and this event goes to both owners.
    return refusals.HELD if previous.state.held or other.state.held else None


def merge_state(previous: Conversation, other: Conversation) -> dict[str, Any]:
    """Return the state changes of the conversation that continues: deadlines, waiting and danger do
    not end with the other."""
    first, second = previous.state, other.state
    carried = {
        "tags": _union(first.tags, second.tags),
        "mask": _union(first.mask, second.mask),
        "due": _earliest(first.due, second.due),
        **raised_priority(first, second.priority, second.priority_reason),
        "also_about": _other_subjects(previous, second),
        "has_question": first.has_question or second.has_question,
    }
    if other.closed_at:
        return carried
    waiting_since = _earliest(first.waiting_since, second.waiting_since)
    danger = _danger(second) if _takes_over_alarm(previous, other) else {}
    return carried | {"waiting_since": waiting_since} | danger


def close_merged(other: Conversation, previous: Conversation, at: datetime) -> Conversation:
    """Return the other conversation, closed and with no work left."""
    closed = msgspec.structs.replace(
        other,
        sequence=other.sequence + 1,
        closed_at=other.closed_at or at,
        person=previous.person,
    )
    done: dict[str, Any] = {"waiting_since": None, "escalated": False, "menu": "", "due": None}
    return closed.with_state(**done | ({"care": ""} if _takes_over_alarm(previous, other) else {}))


def timers_after_merge(
    unit: WorkUnit, previous: Conversation, after: Conversation, context: RoutingContext
) -> Iterator[Timer]:
    """Return the timers for the work that this conversation takes over."""
    tenant, state = context.config.tenant(after.tenant), after.state
    if tenant is None:
        return
    since = state.waiting_since
    is_new_wait = tenant.wait_minutes and since != previous.state.waiting_since
    if since and is_new_wait and (due := timers.waiting_due(after, since, context)):
        # A due time from before the merge becomes now: this conversation did not wait then.
        yield timers.build_timer(unit, after, timers.WAITING, max(due, unit.at), context)
    if state.care and not previous.state.care and not state.confirmed_by:
        due = unit.at + timedelta(minutes=tenant.care.confirm_minutes)
        yield timers.build_timer(unit, after, timers.CARE, due, context)


def _takes_over_alarm(previous: Conversation, other: Conversation) -> bool:
    """True if the alarm about the other's danger continues for this conversation."""
    return bool(other.state.care) and not (previous.state.care or other.closed_at)


def _danger(state: ConversationState) -> dict[str, Any]:
    return {
        "care": state.care,
        "care_at": state.care_at,
        "care_asked": state.care_asked,
        "confirmed_by": state.confirmed_by,
    }


def _other_subjects(previous: Conversation, second: ConversationState) -> tuple[str, ...]:
    """Return the other subjects of both, without those of the department that has them now."""
    first = previous.state
    named = _union(first.also_about, second.also_about)
    here = (previous.department, first.home_department)
    return tuple(each for each in named if each not in here)[:MOST_SUBJECTS]


def _union(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*first, *second)))


def _earliest(first: T | None, second: T | None) -> T | None:
    return min((value for value in (first, second) if value), default=None)
