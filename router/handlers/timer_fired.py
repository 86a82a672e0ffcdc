"""Deciding what it means that a time has come: a table by kind of timer. Pure.

When there is nothing to do any more, nothing is said; when there is not yet, the timer is set anew.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import msgspec

from router.conversation import auto_reply, outgoing, refusals, timers, transition, window_warning
from router.conversation.placement import home_reason
from router.conversation.reply_text import ReplyCandidate, render_reply
from router.conversation.transition import apply_auto_reply
from router.identity import resolver
from router.model.conversation import Conversation
from router.model.decision import Alarm, Changes, Decision, Reply, RoutingContext, Timer, WorkUnit
from router.model.needs import Needs
from router.model.snapshot import Snapshot
from router.rules.engine import Verdict, higher_priority
from services.config.organisation import Tenant
from services.contract import Timeout
from services.whatsapp.delivery_status import CUSTOMER_SERVICE_WINDOW

WAITED = "er is te lang geen antwoord gegeven"
SILENT = "na de groet kwam er niets meer; dit is de afdeling voor de rest"
UNANSWERED = "op het menu kwam geen antwoord; een medewerker leest het bericht"
IDLE = "er is lang niets meer gezegd"
CLOSING = "de inwoner wacht, en straks kan alleen nog een sjabloon worden verstuurd"
NOBODY = "niemand heeft de melding bevestigd"
MOMENT = timedelta(microseconds=1)
"""Between two instants of the database's."""
ROUNDS = 2
"""Times that everybody on the list is woken: then the alarm of the system itself must do it."""


class TimerContext(msgspec.Struct, frozen=True):
    """A time that has come, and whose."""

    unit: WorkUnit
    entry: Timeout
    now: Conversation
    tenant: Tenant
    ground: RoutingContext


class TimerOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What it means: what happened, the conversation after it, what is said, the next timer."""

    happened: str = ""
    now: Conversation | None = None
    says: ReplyCandidate | None = None
    again: datetime | None = None
    alarm: Alarm | None = None


def needs(unit: WorkUnit, entry: Timeout, ground: RoutingContext) -> Needs:
    """The conversation that the timer belongs to."""
    return Needs(numbers=(entry.number,), conversations=(entry.conversation,))


def decide_timer(
    unit: WorkUnit, entry: Timeout, known: Snapshot, ground: RoutingContext
) -> tuple[Decision, Changes]:
    now = known.conversations.get(entry.conversation)
    tenant = ground.config.tenant(now.tenant) if now else None
    act = TIMER_HANDLERS.get(entry.kind)
    # A danger that nobody has seen is there, whoever or whatever closed the conversation.
    over = now is not None and now.closed_at and entry.kind != timers.CARE
    if now is None or over or tenant is None or act is None:
        return _decision(unit, now, now, TimerOutcome(), None, ground), Changes(
            fired_timer=entry.id
        )
    hour = TimerContext(unit, entry, now, tenant, ground)
    come = act(hour)
    after = come.now or now
    number = ground.config.number(now.number)
    to = resolver.find_address(now.person, number, known) if number else None
    reply = None
    if to and (text := _text(hour, come, after, known)):
        said, reply = text
        after = apply_auto_reply(after, unit.at, said, None)
    elif come.happened == "said":
        come = TimerOutcome(now=after, again=come.again)  # what was owed may not be said any more
    decision = _decision(unit, now, after, come, reply, ground)
    sent = outgoing.outgoing_changes(unit, after, reply, to) if reply and to else Changes()
    changes = msgspec.structs.replace(
        sent,
        conversation=after if after != now else None,
        timers=tuple(_timers(hour, come, after)),
        fired_timer=entry.id,
    )
    return decision, changes


def _timers(hour: TimerContext, come: TimerOutcome, after: Conversation) -> Iterator[Timer]:
    """The next of its kind, and that of a menu that is asked now."""
    if come.again:
        yield timers.build_timer(hour.unit, after, hour.entry.kind, come.again, hour.ground)
    asked = after.state.menu_at != hour.now.state.menu_at
    if asked and (due := timers.menu_due(after, hour.ground)):
        yield timers.build_timer(hour.unit, after, timers.MENU, due, hour.ground)


def _quiet(hour: TimerContext) -> TimerOutcome:
    """Nothing but a greeting or a photograph: now it is somebody's work; or a text is owed yet."""
    state, last = hour.now.state, hour.now.last_inbound_at
    undecided = not (state.has_question or state.answered_at)
    if last is None or not (undecided or state.pending_texts):
        return TimerOutcome()
    if last + hour.tenant.burst_window > hour.entry.at:
        return TimerOutcome(again=last + hour.tenant.burst_window)
    menu = next((m for m in hour.ground.config.menus if m.id == hour.tenant.menu), None)
    says = (
        ReplyCandidate(menu.text, menu_path=menu.id)
        if menu and not auto_reply.has_replied_in_burst(state)
        else None
    )
    if state.pending_texts:
        says = ReplyCandidate(state.pending_texts[0], once=True, is_requested=True)
    now = _next(hour.now).with_state(has_question=True, pending_texts=state.pending_texts[1:])
    again = hour.entry.at + hour.tenant.burst_window if state.pending_texts[1:] else None
    if not undecided:
        return TimerOutcome(happened="said", now=now, says=says, again=again)
    now = msgspec.structs.replace(now, reason=SILENT)
    return TimerOutcome(happened="decided", now=now, says=says, again=again)


def _menu(hour: TimerContext) -> TimerOutcome:
    due = timers.menu_due(hour.now, hour.ground)
    if due is None:
        return TimerOutcome()
    if due > hour.entry.at:
        return TimerOutcome(again=due)
    now = _next(hour.now).with_state(menu="", has_question=True)
    now = msgspec.structs.replace(now, reason=UNANSWERED)
    return TimerOutcome(happened="decided", now=now, says=ReplyCandidate("keuze_onduidelijk"))


def _waiting(hour: TimerContext) -> TimerOutcome:
    state, since = hour.now.state, hour.now.state.waiting_since
    if since is None or state.escalated:
        return TimerOutcome()
    due = timers.waiting_due(hour.now, since, hour.ground)
    if due is None or due > hour.entry.at:
        return TimerOutcome(again=due)
    here = hour.ground.config.department(hour.now.tenant, hour.now.department)
    now = _next(hour.now).with_state(
        escalated=True, priority=higher_priority(state.priority, "high")
    )
    if here and here.escalate_to:
        verdict = Verdict(here.escalate_to, hour.now.rule, WAITED)
        now = _next(now.moved_to(verdict, hour.entry.at)).with_state(
            home_department=here.escalate_to
        )
    return TimerOutcome(happened="waiting", now=now, says=ReplyCandidate("duurt_langer", once=True))


def _idle(hour: TimerContext) -> TimerOutcome:
    now = hour.now
    last = max(filter(None, (now.last_inbound_at, now.state.answered_at, now.opened_at)))
    if last + hour.tenant.idle_timeout > hour.entry.at:
        return TimerOutcome(again=last + hour.tenant.idle_timeout)
    # Until somebody says what was done about it, or answers at all, or lets it go.
    if refusals.OFFICIAL in now.state.tags or now.state.waiting_since or now.state.held:
        return TimerOutcome(again=hour.entry.at + hour.tenant.idle_timeout)
    closed = msgspec.structs.replace(_next(now), closed_at=hour.entry.at)
    return TimerOutcome(happened="closed", now=closed.with_state(idle=True))


def _opens(hour: TimerContext) -> TimerOutcome:
    """The department is there again that another stood in for, unless somebody has answered."""
    now, home = hour.now, hour.now.state.home_department
    own = hour.ground.hours.get((now.tenant, home))
    if home in ("", now.department) or now.state.answered_at or own is None:
        return TimerOutcome()
    if not own.is_open(hour.entry.at):
        return TimerOutcome(again=own.next_opening(hour.entry.at))
    verdict = Verdict(home, now.rule, home_reason(now, hour.ground))
    return TimerOutcome(happened="returned", now=_next(_next(now.moved_to(verdict, hour.entry.at))))


def _window(hour: TimerContext) -> TimerOutcome:
    """The citizen still waits, and is soon beyond the reach of an ordinary answer."""
    at = hour.entry.at
    due = window_warning.warning_due(hour.now, at, hour.ground)
    if due != at:  # they wrote again since it was set, or were answered
        return TimerOutcome(again=due)
    again = window_warning.warning_due(hour.now, at + MOMENT, hour.ground)
    return TimerOutcome(happened="window", now=_next(hour.now), again=again)


def _care(hour: TimerContext) -> TimerOutcome:
    """Nobody confirmed: the next one is woken."""
    state, wake = hour.now.state, hour.tenant.care
    if state.confirmed_by or not state.care or not wake.destinations:
        return TimerOutcome()
    nth = state.care_asked + 1
    if nth > ROUNDS * len(wake.destinations):
        return TimerOutcome(happened="unconfirmed", now=_next(hour.now))
    alarm = Alarm(
        event=hour.unit.id("alarm"),
        destination=wake.destinations[(nth - 1) % len(wake.destinations)],
        care=state.care,
        nth=nth,
    )
    again = hour.entry.at + timedelta(minutes=wake.confirm_minutes)
    now = _next(hour.now).with_state(care_asked=nth)
    return TimerOutcome(happened="alarmed", now=now, alarm=alarm, again=again)


TIMER_HANDLERS: dict[str, Callable[[TimerContext], TimerOutcome]] = {
    timers.BURST_ENDED: _quiet,
    timers.MENU: _menu,
    timers.WAITING: _waiting,
    timers.IDLE: _idle,
    timers.CARE: _care,
    timers.DEPARTMENT_OPENS: _opens,
    timers.WINDOW: _window,
}


def _next(now: Conversation) -> Conversation:
    return msgspec.structs.replace(now, sequence=now.sequence + 1)


def _text(
    hour: TimerContext, come: TimerOutcome, after: Conversation, known: Snapshot
) -> tuple[ReplyCandidate, Reply] | None:
    """Nothing is said when the hour has long passed, and nothing ran meanwhile; nor to words that
    were too old when they came."""
    late = (
        hour.entry.told_at - hour.entry.at > hour.tenant.max_reply_age
        or after.state.too_old_to_answer
    )
    late = late or not outgoing.is_window_open(after, hour.entry.told_at)
    if come.says is None or late or (come.says.once and come.says.name in after.state.sent_once):
        return None
    if not auto_reply.may_send_unprompted(
        after, known.number_notices.get(after.number), hour.unit.at
    ):
        return None
    return render_reply(hour.unit, come.says, after, hour.tenant, hour.ground)


def _decision(
    unit: WorkUnit,
    before: Conversation | None,
    now: Conversation | None,
    come: TimerOutcome,
    reply: Reply | None,
    ground: RoutingContext,
) -> Decision:
    record = unit.id("record")
    if before is None or now is None or not come.happened:
        return Decision(kind="timeout", record=record, tenant=before.tenant if before else "")
    department = ground.config.department(now.tenant, now.department)
    destination = department.destination if department else ""
    told = come.happened in TOLD and bool(destination)
    return Decision(
        kind="timeout",
        record=record,
        tenant=now.tenant,
        conversation=now.id,
        department=now.department,
        destination=destination,
        rule=now.rule,
        reason=REASONS.get(come.happened, now.reason),
        sequence=now.sequence - (reply is not None),
        event=unit.id("event") if told else None,
        zaak=now.zaak,
        version=ground.version,
        tags=now.state.tags,
        priority=now.state.priority,
        alarm=come.alarm,
        reply=reply,
        timer_effect=come.happened,
        care=come.alarm.care if come.alarm else "",
        held=now.state.held,
        window_until=_window_until(come, now),
        **transition.transfer_fields(unit, before, now, ground),
    )


def _window_until(come: TimerOutcome, now: Conversation) -> datetime | None:
    told = come.happened == "window" and now.said_at
    return now.said_at + CUSTOMER_SERVICE_WINDOW if told and now.said_at else None


TOLD = frozenset(["decided", "waiting", "closed", "said", "window"])
"""Of which the department is told."""
REASONS = {"waiting": WAITED, "closed": IDLE, "unconfirmed": NOBODY, "window": CLOSING}
