"""Set the timers of a conversation. Pure.

A timer is set once. When it fires, its handler checks if there is still work to do, so a message
costs no write to postpone an earlier timer.
"""

from datetime import datetime, timedelta

from router.conversation import menus, window_warning
from router.conversation.burst import burst_ends_at, is_undecided
from router.conversation.message_context import MessageContext
from router.model.changes import Timer
from router.model.conversation import Conversation
from router.model.work import RoutingContext, WorkUnit
from services.calendar import opening_hours

BURST_ENDED, MENU, WAITING, IDLE, CARE, DEPARTMENT_OPENS = (
    "quiet",
    "menu",
    "waiting",
    "idle",
    "care",
    "opens",
)
WINDOW = "window"
LEFT = "left"
"""Set by router.ended_rows for a conversation whose number is not configured any more."""


def after_message(message: MessageContext, conversation: Conversation) -> tuple[Timer, ...]:
    if message.placement.is_passing:
        return ()
    state, at, tenant = conversation.state, message.unit.at, message.tenant
    due_at: dict[str, datetime | None] = {}
    if message.is_new_conversation or message.placement.reopened:
        due_at[IDLE] = at + tenant.idle_timeout
    if state.pending_texts or (_expects_more(message) and is_undecided(state)):
        due_at[BURST_ENDED] = burst_ends_at(at, tenant)
    if conversation.department != message.previous.department or message.is_new_conversation:
        due_at[DEPARTMENT_OPENS] = department_reopens_at(conversation, at, message.context)
    if state.menu and state.menu_at == at:
        due_at[MENU] = menu_due(conversation, message.context)
    if tenant.wait_minutes and state.waiting_since == at:
        due_at[WAITING] = waiting_due(conversation, at, message.context)
    due_at[WINDOW] = _window_due(message, conversation)
    if state.care_asked and state.care_at == at:
        due_at[CARE] = at + timedelta(minutes=tenant.care.confirm_minutes)
    return tuple(
        [
            build_timer(message.unit, conversation, kind, due, message.context)
            for kind, due in due_at.items()
            if due
        ]
    )


def _window_due(message: MessageContext, conversation: Conversation) -> datetime | None:
    """Return the due time only if it is earlier than that of the timer already set."""
    due = window_warning.warning_due(conversation, message.unit.at, message.context)
    if due is None:
        return None
    previous_due = window_warning.warning_due(message.previous, message.unit.at, message.context)
    return due if previous_due is None or due < previous_due else None


def after_opening(
    unit: WorkUnit, conversation: Conversation, context: RoutingContext
) -> tuple[Timer, ...]:
    """Return the timers of a conversation that we open."""
    tenant = context.config.tenant(conversation.tenant)
    assert tenant is not None
    return (build_timer(unit, conversation, IDLE, unit.at + tenant.idle_timeout, context),)


def after_reopening(
    unit: WorkUnit, conversation: Conversation, context: RoutingContext
) -> tuple[Timer, ...]:
    """Return the timers of a conversation that a person opened again. Those from before the closing
    are gone, or are replaced by these."""
    tenant, at = context.config.tenant(conversation.tenant), unit.at
    assert tenant is not None
    does_wait = conversation.state.waiting_since and tenant.wait_minutes
    due_at = {
        IDLE: at + tenant.idle_timeout,
        DEPARTMENT_OPENS: department_reopens_at(conversation, at, context),
        WAITING: waiting_due(conversation, at, context) if does_wait else None,
        WINDOW: window_warning.warning_due(conversation, at, context),
    }
    return tuple(
        build_timer(unit, conversation, kind, due, context) for kind, due in due_at.items() if due
    )


def _expects_more(message: MessageContext) -> bool:
    """True if more messages may follow, or else a person must look. Thanks expect neither, unless
    they open the conversation."""
    interpretation = message.interpretation
    is_answered = interpretation.no_reply or interpretation.opt or interpretation.asked_text
    return not interpretation.needs_no_action or (message.is_new_conversation and not is_answered)


def build_timer(
    unit: WorkUnit, conversation: Conversation, kind: str, due: datetime, context: RoutingContext
) -> Timer:
    return Timer(
        id=unit.id(f"timer {kind}"),
        conversation=conversation.id,
        number=conversation.number,
        kind=kind,
        due_at=due,
    )


def department_reopens_at(
    conversation: Conversation, at: datetime, context: RoutingContext
) -> datetime | None:
    """Return when the home department opens, if a deputy owns the conversation."""
    if conversation.state.home_department in ("", conversation.department):
        return None
    hours = context.hours.get((conversation.tenant, conversation.state.home_department))
    return hours.next_opening(at) if hours else None


def menu_due(conversation: Conversation, context: RoutingContext) -> datetime | None:
    menu = menus.menu_at(conversation.state.menu, context.config)
    if menu is None or conversation.state.menu_at is None:
        return None
    return conversation.state.menu_at + timedelta(minutes=menu.timeout_minutes)


def waiting_due(
    conversation: Conversation, since: datetime, context: RoutingContext
) -> datetime | None:
    """Return the end of the wait, counted in the department's opening hours."""
    tenant = context.config.tenant(conversation.tenant)
    hours = context.hours.get((conversation.tenant, conversation.department))
    wait = timedelta(minutes=tenant.wait_minutes) if tenant else timedelta()
    return opening_hours.add_open_time(hours, since, wait) if hours else since + wait
