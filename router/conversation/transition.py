"""A conversation after a message: where it is, and what it remembers. Pure."""

from datetime import date, datetime, timedelta
from typing import Any

import msgspec

from router.conversation.auto_reply import MOST
from router.conversation.message_context import MessageContext
from router.conversation.reply_text import ReplyCandidate
from router.identity import resolver
from router.model.conversation import Conversation, ConversationState
from router.model.decision import RoutingContext, WorkUnit
from router.rules.engine import higher_priority
from services.calendar.opening_hours import AMSTERDAM
from services.contract import REACTION

CARE_AGAIN = timedelta(hours=1)
"""Until the same danger wakes somebody anew: they know."""
URGENT = "urgent"


def apply_message(case: MessageContext) -> Conversation:
    """With the message in it, before any text has answered it."""
    at, before, verdict = case.unit.at, case.before, case.place.verdict
    said = resolver.written_at(case.unit, case.item.sent_at)
    moved = before.department != verdict.department
    now = msgspec.structs.replace(
        before.moved_to(verdict, at),
        last_inbound_at=at,
        said_at=max(said, before.said_at or said),
        # A move is an event of its own, with a place in the order just before the message.
        sequence=before.sequence + (2 if moved else 1),
    )
    now = now.with_state(**_heard(case))
    if case.place.passing:
        return now
    open = msgspec.structs.replace(now, closed_at=None)
    # Danger comes last: it is graver than whatever a rule says.
    return open.with_state(**(_place(case) | _work(case, now) | _marks(case) | _danger(case)))


def _heard(case: MessageContext) -> dict[str, Any]:
    """What they wrote last, by their own clock: what was long on its way is not it. A reaction is
    nothing that can be read."""
    item, at = case.item, resolver.written_at(case.unit, case.item.sent_at)
    last = case.before.state.heard_at
    if not item.id or item.content.type == REACTION or (last is not None and at < last):
        return {}
    return {"last_wamid": item.id, "heard_at": at}


def _place(case: MessageContext) -> dict[str, Any]:
    """Where it belongs, and what was asked of it."""
    place, state, at = case.place, case.before.state, case.unit.at
    # A greeting or a photograph is no answer to a menu: it can still be given.
    answers = case.said.has_subject or place.verdict.rule
    home = state.home_department if place.verdict.department == case.before.department else ""
    return {
        "home_department": place.home or home or place.verdict.department,
        "has_question": state.has_question or place.decided or case.said.has_subject,
        "too_old_to_answer": case.said.too_old,
        "welcome": state.welcome or case.first,
        # Who taps a row waits for what it leads to.
        "burst_at": state.burst_at if _same_burst(case) and not place.chosen else at,
        "menu": "" if place.decided and answers else state.menu,
        "held": state.held or place.verdict.hold,
        "reopened": state.reopened + place.reopened,
        "answered_at": None if place.reopened else state.answered_at,
    }


def _same_burst(case: MessageContext) -> bool:
    last, answered = case.before.last_inbound_at, case.before.state.answered_at
    if last is None or case.unit.at - last > case.tenant.burst_window:
        return False
    return answered is None or answered <= last


def _work(case: MessageContext, now: Conversation) -> dict[str, Any]:
    """Since when somebody waits, and for what, where this asks for something."""
    state = case.before.state
    if case.said.needs_no_action:
        return {}
    return {
        "waiting_since": state.waiting_since or case.unit.at,
        "last_request_sequence": now.sequence,
    }


def _marks(case: MessageContext) -> dict[str, Any]:
    state, marks = case.before.state, case.said.outcome.marks
    option = case.place.chosen.option.tag if case.place.chosen else ()
    return {
        "tags": tuple(dict.fromkeys((*state.tags, *case.said.tags, *marks.tags, *option))),
        "language": case.said.language or state.language,
        "priority": higher_priority(state.priority, marks.priority),
        "mask": tuple(dict.fromkeys((*state.mask, *marks.mask))),
        "due": _due(state, marks.due_days, case),
    }


def _due(state: ConversationState, days: int, case: MessageContext) -> date | None:
    """Counted from the day of receipt; the earliest of several."""
    if not days:
        return state.due
    by = (case.unit.at.astimezone(AMSTERDAM) + timedelta(days=days)).date()
    return min(by, state.due) if state.due else by


def _danger(case: MessageContext) -> dict[str, Any]:
    care = case.said.outcome.care
    if care is None:
        return {}
    # What holds a conversation does not know of danger: whoever is woken must be able to read it.
    if not should_alert(case):
        return {"priority": URGENT, "held": False}
    return {
        "priority": URGENT,
        "held": False,
        "care": care.kind,
        "care_at": case.unit.at,
        "care_asked": min(1, len(case.tenant.care.destinations)),
        "confirmed_by": "",
    }


def should_alert(case: MessageContext) -> bool:
    """Whether somebody must be woken: for another danger, or the same one long after."""
    care, state = case.said.outcome.care, case.before.state
    if care is None or case.place.passing:
        return False
    known = state.care == care.kind and state.care_at is not None
    return not (known and case.unit.at - state.care_at < CARE_AGAIN)  # type: ignore[operator]


def apply_auto_reply(
    now: Conversation, at: datetime, said: ReplyCandidate, closed_till: datetime | None
) -> Conversation:
    """After a text went out by itself."""
    changed: dict[str, Any] = {"auto_texts_at": (*now.state.auto_texts_at, at)[-MOST:]}
    if said.owed:
        changed["exempt_texts_at"] = (*now.state.exempt_texts_at, at)[-MOST:]
    if said.welcomes:
        changed["welcome"] = False
    if said.once:
        changed["sent_once"] = (*now.state.sent_once, said.name)
    if said.name == "gesloten":
        changed["closed_until"] = closed_till
    if said.path:
        changed |= {"menu": said.path, "menu_at": at}
    return msgspec.structs.replace(now, sequence=now.sequence + 1).with_state(**changed)


def transfer_fields(
    unit: WorkUnit, before: Conversation, now: Conversation, ground: RoutingContext
) -> dict[str, Any]:
    """Members of the decision; none where it stays. The department that it left has work to take
    back, where another system than the new one's holds it."""
    if before.department == now.department:
        return {}
    left = ground.config.department(before.tenant, before.department)
    there = ground.config.department(now.tenant, now.department)
    former = left.destination if left else ""
    both = former not in ("", there.destination if there else "")
    return {
        "transfer": unit.id("transfer"),
        "moved_from": before.department,
        "previous_department_event": unit.id("former") if both else None,
        "former_destination": former if both else "",
    }
