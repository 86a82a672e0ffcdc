"""Compute a conversation and its state after a message. Pure."""

from datetime import date, datetime, timedelta
from typing import Any

import msgspec

from router.conversation.auto_reply import MAX_AUTO_TEXTS
from router.conversation.burst import continues_burst
from router.conversation.message_context import MessageContext
from router.conversation.reply_text import ReplyCandidate
from router.identity import resolver
from router.model.conversation import Conversation, ConversationState
from router.model.decision import FormerOwner
from router.model.work import RoutingContext, WorkUnit
from router.rules.engine import higher_priority
from services.calendar.opening_hours import AMSTERDAM
from services.contract import REACTION
from services.texts.catalogue import SOBER_WELCOME

ALERT_AGAIN_AFTER = timedelta(hours=1)
"""Period in which the same danger raises no second alarm: the alerted person knows."""
URGENT = "urgent"
MOST_SUBJECTS = 3
"""Other subjects that a conversation remembers: more would not be read. The oldest stay, since each
is open; the message that has one more is the newest, which is read."""


def apply_message(message: MessageContext) -> Conversation:
    """Return the conversation with the message in it, before a text answers it."""
    at, previous, verdict = message.unit.at, message.previous, message.placement.verdict
    written_at = resolver.written_at(message.unit, message.item.sent_at)
    # A transfer is an event too, with the sequence number just before the message.
    sequence = previous.sequence + (2 if previous.department != verdict.department else 1)
    changed, closed_at = _last_message(message, written_at), previous.closed_at
    if not message.placement.is_passing:
        changed |= _placement(message) | _open_request(message, sequence) | _annotations(message)
        # Danger comes last: it overrides what a rule says.
        changed |= _danger(message)
        closed_at = None
    return previous.moved_to(
        verdict,
        at,
        # An item that is decided again after its quarantine is older than what came meanwhile.
        last_inbound_at=max(at, previous.last_inbound_at or at),
        said_at=max(written_at, previous.said_at or written_at),
        sequence=sequence,
        closed_at=closed_at,
        state=msgspec.structs.replace(previous.state, **changed),
    )


def _last_message(message: MessageContext, at: datetime) -> dict[str, Any]:
    """Return the last message by the citizen's own clock, by which this one is of `at`. A delayed
    message is not the last one, and a reaction cannot be marked as read."""
    item, last = message.item, message.previous.state.heard_at
    if not item.id or item.content.type == REACTION or (last is not None and at < last):
        return {}
    return {"last_wamid": item.id, "heard_at": at}


def _placement(message: MessageContext) -> dict[str, Any]:
    """Return where the conversation belongs and what was asked about that."""
    placement, state, at = message.placement, message.previous.state, message.unit.at
    meaning, department = message.interpretation, placement.verdict.department
    # A greeting or a photograph does not answer a menu, which can still be answered.
    answers_menu = meaning.has_subject or placement.verdict.rule
    home = state.home_department if department == message.previous.department else ""
    return {
        "home_department": placement.home_department or home or department,
        "has_question": state.has_question or placement.is_decided or meaning.has_subject,
        "too_old_to_answer": meaning.too_old,
        "welcome": state.welcome or message.is_first_contact,
        # A tapped row expects the reply that it leads to.
        "burst_at": state.burst_at if continues_burst(message) and not placement.choice else at,
        "menu": "" if placement.is_decided and answers_menu else state.menu,
        "held": state.held or placement.verdict.hold,
        "reopened": state.reopened + placement.reopened,
        "answered_at": None if placement.reopened else state.answered_at,
        "has_message": state.has_message and not placement.reopened,
    }


def _open_request(message: MessageContext, sequence: int) -> dict[str, Any]:
    """Return since when the citizen waits, and for which message, if this one asks for
    something."""
    state = message.previous.state
    if message.interpretation.needs_no_action:
        return {}
    return {
        "waiting_since": state.waiting_since or message.unit.at,
        "last_request_sequence": sequence,
    }


def _annotations(message: MessageContext) -> dict[str, Any]:
    state, meaning = message.previous.state, message.interpretation
    annotations, choice = meaning.outcome.annotations, message.placement.choice
    option_tags = choice.option.tag if choice else ()
    tags = (*state.tags, *meaning.tags, *annotations.tags, *option_tags)
    return {
        "tags": tuple(dict.fromkeys(tags)),
        "language": meaning.language or state.language,
        **raised_priority(state, annotations.priority, annotations.priority_reason),
        "also_about": _other_subjects(message),
        "first_text": annotations.first_text or state.first_text,
        "mask": tuple(dict.fromkeys((*state.mask, *annotations.mask))),
        "due": _due(state, annotations.due_days, message),
    }


def raised_priority(state: ConversationState, priority: str, reason: str) -> dict[str, str]:
    """Return the higher priority with its reason. That of before stays while it is as high."""
    higher = higher_priority(state.priority, priority)
    is_same = higher == state.priority
    return {"priority": higher, "priority_reason": state.priority_reason if is_same else reason}


def _other_subjects(message: MessageContext) -> tuple[str, ...]:
    """Return the departments that the citizen's sentences were about, with those of this message,
    which stays where the first words brought the conversation. A closing ends them. The department
    for the rest is no subject. A confidential one is not named: its name beside a citizen's would
    say too much."""
    meaning, placement = message.interpretation, message.placement
    outcome = meaning.outcome
    known = () if placement.reopened else message.previous.state.also_about
    verdict = outcome.verdict if meaning.has_subject and not placement.choice else None
    new = (verdict.department, *outcome.also_about) if verdict else ()
    config, tenant = message.context.config, message.number.tenant
    named = dict.fromkeys((*known, *new))
    others = {"", message.number.fallback, placement.verdict.department, placement.home_department}
    return tuple(
        each for each in named if each not in others and not config.confidential(tenant, [each])
    )[:MOST_SUBJECTS]


def _due(state: ConversationState, days: int, message: MessageContext) -> date | None:
    """Count from the day of receipt; the earliest of several deadlines holds."""
    if not days:
        return state.due
    by = (message.unit.at.astimezone(AMSTERDAM) + timedelta(days=days)).date()
    return min(by, state.due) if state.due else by


def _danger(message: MessageContext) -> dict[str, Any]:
    care = message.interpretation.outcome.care
    if care is None:
        return {}
    # Danger ends a hold: the alerted person must be able to read the conversation.
    reason = message.interpretation.outcome.care_reason
    urgent = {
        "priority": URGENT,
        "priority_reason": reason,
        "held": False,
        "first_text": SOBER_WELCOME,
    }
    if not should_alert(message):
        return urgent
    return urgent | {
        "care": care.kind,
        "care_at": message.unit.at,
        "care_asked": min(1, len(message.tenant.care.destinations)),
        "confirmed_by": "",
    }


def should_alert(message: MessageContext) -> bool:
    """True if a person must be alerted: to a new danger, or to the same one long after."""
    care, state = message.interpretation.outcome.care, message.previous.state
    if care is None or message.placement.is_passing:
        return False
    is_same_danger = state.care == care.kind and state.care_at is not None
    return not (is_same_danger and message.unit.at - state.care_at < ALERT_AGAIN_AFTER)  # type: ignore[operator]


def apply_auto_reply(
    conversation: Conversation,
    at: datetime,
    candidate: ReplyCandidate,
    department_opens_at: datetime | None,
) -> Conversation:
    """Return the conversation after an automatic text."""
    changes: dict[str, Any] = {
        "auto_texts_at": (*conversation.state.auto_texts_at, at)[-MAX_AUTO_TEXTS:]
    }
    if candidate.is_exempt:
        changes["exempt_texts_at"] = (*conversation.state.exempt_texts_at, at)[-MAX_AUTO_TEXTS:]
    if candidate.includes_welcome:
        changes["welcome"] = False
    if candidate.once:
        changes["sent_once"] = (*conversation.state.sent_once, candidate.name)
    if candidate.name == "gesloten":
        changes["closed_until"] = department_opens_at
    if candidate.menu_path:
        changes |= {"menu": candidate.menu_path, "menu_at": at}
    return conversation.with_next_sequence().with_state(**changes)


def former_owner(
    unit: WorkUnit, previous: Conversation, after: Conversation, context: RoutingContext
) -> FormerOwner | None:
    """Return the department that the conversation leaves, None if it stays. That department gets an
    event to withdraw its work if that is in another system."""
    if previous.department == after.department:
        return None
    owner = owner_before(unit, previous, context.destination_of(after), context)
    return msgspec.structs.replace(owner, transfer=unit.id("transfer"))


def owner_before(
    unit: WorkUnit, previous: Conversation, destination: str, context: RoutingContext
) -> FormerOwner:
    """Return the owner of the conversation until now. It gets an event if it has another
    destination than the next owner's `destination`."""
    former = context.destination_of(previous)
    if former in ("", destination):
        return FormerOwner(department=previous.department)
    return FormerOwner(department=previous.department, event=unit.id("former"), destination=former)
