"""What a conversation waits for: which timers a message sets. Pure.

A timer is set once and looks, when its time has come, whether there is still something to do: so a
message costs no write for the timers that it makes later.
"""

from datetime import datetime, timedelta

from router.conversation import menus, window_warning
from router.conversation.message_context import Case
from router.model.conversation import Conversation
from router.model.decision import Ground, Timer, Unit
from services.calendar import opening_hours

QUIET, MENU, WAITING, IDLE, CARE, OPENS = "quiet", "menu", "waiting", "idle", "care", "opens"
WINDOW = "window"


def after_message(case: Case, now: Conversation) -> tuple[Timer, ...]:
    if case.place.passing:
        return ()
    state, at, tenant = now.state, case.unit.at, case.tenant
    found: dict[str, datetime | None] = {}
    if case.opens or case.place.reopened:
        found[IDLE] = at + tenant.idle
    if state.owes or (_may_go_on(case) and not (state.spoken or state.answered_at)):
        found[QUIET] = at + tenant.burst
    if now.department != case.before.department or case.opens:
        found[OPENS] = back_at(now, at, case.ground)
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


def _window_due(case: Case, now: Conversation) -> datetime | None:
    """Where it is sooner than it was set for before, if it was."""
    due = window_warning.due(now, case.unit.at, case.ground)
    before = window_warning.due(case.before, case.unit.at, case.ground)
    return due if before is None or (due and due < before) else None


def after_opening(unit: Unit, now: Conversation, ground: Ground) -> tuple[Timer, ...]:
    """Of a conversation that we begin."""
    tenant = ground.config.tenant(now.tenant)
    assert tenant is not None
    return (timer(unit, now, IDLE, unit.at + tenant.idle, ground),)


def _may_go_on(case: Case) -> bool:
    """Whether more is to be expected, or else a person must look. Thanks ask for neither, unless
    they are the very first word, and a greeting."""
    said = case.said
    return not said.passing or (case.opens and not (said.silent or said.opt))


def timer(unit: Unit, now: Conversation, kind: str, due: datetime, ground: Ground) -> Timer:
    return Timer(
        id=unit.id(f"timer {kind}"),
        conversation=now.id,
        number=now.number,
        kind=kind,
        due_at=due,
    )


def back_at(now: Conversation, at: datetime, ground: Ground) -> datetime | None:
    """When the department opens that another stands in for."""
    if now.state.home in ("", now.department):
        return None
    own = ground.hours.get((now.tenant, now.state.home))
    return own.next_opening(at) if own else None


def menu_due(now: Conversation, ground: Ground) -> datetime | None:
    menu = menus.menu_at(now.state.menu, ground.config)
    if menu is None or now.state.menu_at is None:
        return None
    return now.state.menu_at + timedelta(minutes=menu.timeout_minutes)


def waiting_due(now: Conversation, since: datetime, ground: Ground) -> datetime | None:
    """So much later in its department's opening hours."""
    tenant = ground.config.tenant(now.tenant)
    own = ground.hours.get((now.tenant, now.department))
    wait = timedelta(minutes=tenant.wait_minutes) if tenant else timedelta()
    return opening_hours.after(own, since, wait) if own else since + wait
