"""Two people are one: what is left to do of the one conversation goes on in the other. Pure."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any, TypeVar

import msgspec

from router.conversation import refusals, timers
from router.model.conversation import Conversation, ConversationState
from router.model.decision import RoutingContext, Timer, WorkUnit
from router.rules.engine import higher_priority
from services.contract import Command

T = TypeVar("T", date, datetime)
REASON = "samengevoegd met {}"


def merge_refusal(given: Command, before: Conversation, other: Conversation | None) -> str:
    """Why not; '' when nothing is against it."""
    if (
        other is None
        or other.number != before.number
        or not refusals.allows(given, other.department)
    ):
        return refusals.NO_CONVERSATION
    if other.person == before.person:
        return refusals.SAME
    if before.closed_at:
        return refusals.CLOSED
    # What is held of either is told to nobody yet, and this is told to both.
    return refusals.HELD if before.state.held or other.state.held else ""


def merged_state(before: Conversation, other: Conversation) -> dict[str, Any]:
    """What changes in the state of the one that goes on: what the law, a citizen or a danger still
    asks for does not end with the other."""
    mine, theirs = before.state, other.state
    carried = {
        "tags": _all(mine.tags, theirs.tags),
        "mask": _all(mine.mask, theirs.mask),
        "due": _first(mine.due, theirs.due),
        "priority": higher_priority(mine.priority, theirs.priority),
        "has_question": mine.has_question or theirs.has_question,
    }
    if other.closed_at:
        return carried
    waits = _first(mine.waiting_since, theirs.waiting_since)
    danger = _danger(theirs) if _goes_on(before, other) else {}
    return carried | {"waiting_since": waits} | danger


def closed_by_merge(other: Conversation, before: Conversation, at: datetime) -> Conversation:
    """The other one, in which nothing is left to do."""
    closed = msgspec.structs.replace(
        other,
        sequence=other.sequence + 1,
        closed_at=other.closed_at or at,
        person=before.person,
    )
    done: dict[str, Any] = {"waiting_since": None, "escalated": False, "menu": "", "due": None}
    return closed.with_state(**done | ({"care": ""} if _goes_on(before, other) else {}))


def timers_after_merge(
    unit: WorkUnit, before: Conversation, now: Conversation, ground: RoutingContext
) -> Iterator[Timer]:
    """For what it waits for from here on."""
    tenant, state = ground.config.tenant(now.tenant), now.state
    if tenant is None:
        return
    since = state.waiting_since
    waits = tenant.wait_minutes and since and since != before.state.waiting_since
    if since and waits and (due := timers.waiting_due(now, since, ground)):
        # What was due in the other comes at once, and as of now: before, it was of no time of this.
        yield timers.timer(unit, now, timers.WAITING, max(due, unit.at), ground)
    if state.care and not before.state.care and not state.confirmed_by:
        due = unit.at + timedelta(minutes=tenant.care.confirm_minutes)
        yield timers.timer(unit, now, timers.CARE, due, ground)


def _goes_on(before: Conversation, other: Conversation) -> bool:
    """Whether whoever is woken for the other's danger is woken for this one from here on."""
    return bool(other.state.care) and not (before.state.care or other.closed_at)


def _danger(state: ConversationState) -> dict[str, Any]:
    return {
        "care": state.care,
        "care_at": state.care_at,
        "care_asked": state.care_asked,
        "confirmed_by": state.confirmed_by,
    }


def _all(mine: tuple[str, ...], theirs: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*mine, *theirs)))


def _first(mine: T | None, theirs: T | None) -> T | None:
    return min((each for each in (mine, theirs) if each), default=None)
