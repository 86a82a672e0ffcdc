"""What a conversation waits for: which timers a message sets. Pure.

A timer is set once and looks, when its time has come, whether there is still something to do: so a
message costs no write for the timers that it makes later.
"""

from datetime import datetime, timedelta

from router.conversation import menus, window_warning
from router.conversation.message_context import MessageContext
from router.model.conversation import Conversation
from router.model.decision import RoutingContext, Timer, WorkUnit
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


def after_message(case: MessageContext, now: Conversation) -> tuple[Timer, ...]:
    if case.place.passing:
        return ()
    state, at, tenant = now.state, case.unit.at, case.tenant
    found: dict[str, datetime | None] = {}
    if case.opens or case.place.reopened:
        found[IDLE] = at + tenant.idle_timeout
    if state.pending_texts or (_may_go_on(case) and not (state.has_question or state.answered_at)):
        found[BURST_ENDED] = at + tenant.burst_window
    if now.department != case.before.department or case.opens:
        found[DEPARTMENT_OPENS] = department_reopens_at(now, at, case.ground)
    if state.menu and state.menu_at == at:
        found[MENU] = menu_due(now, case.ground)
    if tenant.wait_minutes and state.waiting_since == at:
        found[WAITING] = waiting_due(now, at, case.ground)
    found[WINDOW] = _window_due(case, now)
    if state.care_asked and state.care_at == at:
        found[CARE] = at + timedelta(minutes=tenant.care.confirm_minutes)
    return tuple(
        timer(case.unit, now, kind, due, case.ground) for kind, due in found.items() if due
    )


def _window_due(case: MessageContext, now: Conversation) -> datetime | None:
    """Where it is sooner than it was set for before, if it was."""
    due = window_warning.warning_due(now, case.unit.at, case.ground)
    before = window_warning.warning_due(case.before, case.unit.at, case.ground)
    return due if before is None or (due and due < before) else None


def after_opening(unit: WorkUnit, now: Conversation, ground: RoutingContext) -> tuple[Timer, ...]:
    """Of a conversation that we begin."""
    tenant = ground.config.tenant(now.tenant)
    assert tenant is not None
    return (timer(unit, now, IDLE, unit.at + tenant.idle_timeout, ground),)


def _may_go_on(case: MessageContext) -> bool:
    """Whether more is to be expected, or else a person must look. Thanks ask for neither, unless
    they are the very first word, and a greeting."""
    said = case.said
    return not said.needs_no_action or (case.opens and not (said.no_reply or said.opt))


def timer(
    unit: WorkUnit, now: Conversation, kind: str, due: datetime, ground: RoutingContext
) -> Timer:
    return Timer(
        id=unit.id(f"timer {kind}"),
        conversation=now.id,
        number=now.number,
        kind=kind,
        due_at=due,
    )


def department_reopens_at(
    now: Conversation, at: datetime, ground: RoutingContext
) -> datetime | None:
    """When the department opens that another stands in for."""
    if now.state.home_department in ("", now.department):
        return None
    own = ground.hours.get((now.tenant, now.state.home_department))
    return own.next_opening(at) if own else None


def menu_due(now: Conversation, ground: RoutingContext) -> datetime | None:
    menu = menus.menu_at(now.state.menu, ground.config)
    if menu is None or now.state.menu_at is None:
        return None
    return now.state.menu_at + timedelta(minutes=menu.timeout_minutes)


def waiting_due(now: Conversation, since: datetime, ground: RoutingContext) -> datetime | None:
    """So much later in its department's opening hours."""
    tenant = ground.config.tenant(now.tenant)
    own = ground.hours.get((now.tenant, now.department))
    wait = timedelta(minutes=tenant.wait_minutes) if tenant else timedelta()
    return opening_hours.add_open_time(own, since, wait) if own else since + wait
