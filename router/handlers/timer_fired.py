"""The effect of a timer that fires. Pure, a table by kind of timer.

A timer with nothing left to do has no effect. One that fires too early is set anew.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import msgspec

from router.conversation import (
    auto_reply,
    burst,
    outgoing,
    refusals,
    timers,
    transition,
    window_warning,
)
from router.conversation.placement import home_reason
from router.conversation.reply_text import ReplyCandidate, render_reply
from router.conversation.transition import apply_auto_reply, raised_priority
from router.identity import resolver
from router.model.changes import Changes, Timer
from router.model.conversation import Conversation
from router.model.decision import Alarm, Decision, Reply, TimerDecision
from router.model.needs import Needs
from router.model.snapshot import Snapshot
from router.model.work import RoutingContext, WorkUnit
from router.output.archive_records import KindAndData, alarm_data, conversation_event_data
from router.output.crm_events import (
    AddressedEvent,
    build_alarm,
    build_event,
    build_transfer,
    conversation_json,
    labels_json,
    reply_json,
    transcript_json,
)
from router.rules.engine import ESCALATED, Verdict
from services.config.organisation import Tenant
from services.contract import Timeout
from services.event_types import CLOSED, DECIDED, TEXT_SENT, WAITING, WINDOW_CLOSING

WAITED = "er is te lang geen antwoord gegeven"
SILENT = "na de groet kwam er niets meer; dit is de afdeling voor de rest"
UNANSWERED = "op het menu kwam geen antwoord; een medewerker leest het bericht"
IDLE = "er is lang niets meer gezegd"
CLOSING = "de inwoner wacht, en straks kan alleen nog een sjabloon worden verstuurd"
LEFT = "het nummer van dit gesprek is weg: niemand kan het meer beantwoorden of sluiten"
UNCONFIRMED = "niemand heeft de melding bevestigd"
MOMENT = timedelta(microseconds=1)
"""Resolution of the database's times."""
ROUNDS = 2
"""Times that every person on the list is alarmed. After that the system's own alarm takes over."""


class TimerContext(msgspec.Struct, frozen=True):
    """A timer that fires, with its conversation and configuration."""

    unit: WorkUnit
    entry: Timeout
    conversation: Conversation
    tenant: Tenant
    context: RoutingContext


class TimerOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """The effect of a timer: '' and None for no effect."""

    effect: str = ""
    conversation: Conversation | None = None
    """Conversation after the effect."""
    reply: ReplyCandidate | None = None
    reason: str = ""
    """Reason of the effect, if it is not that of REASONS."""
    next_due: datetime | None = None
    """Time at which the next timer of this kind is due."""
    alarm: Alarm | None = None


def needs(unit: WorkUnit, entry: Timeout, context: RoutingContext) -> Needs:
    """The conversation that the timer belongs to."""
    return Needs(numbers=(entry.number,), conversations=(entry.conversation,))


def decide_timer(
    unit: WorkUnit, entry: Timeout, snapshot: Snapshot, context: RoutingContext
) -> tuple[Decision, Changes]:
    conversation = snapshot.conversations.get(entry.conversation)
    tenant = context.config.tenant(conversation.tenant) if conversation else None
    handle = TIMER_HANDLERS.get(entry.kind)
    # A danger that no person has confirmed still counts after the conversation was closed.
    is_over = conversation is not None and conversation.closed_at and entry.kind != timers.CARE
    if conversation is not None and entry.kind == timers.LEFT and not is_over:
        return _close_left(unit, entry, conversation, context)
    if conversation is None or is_over or tenant is None or handle is None:
        decision = _decision(unit, conversation, conversation, TimerOutcome(), None, context)
        return decision, Changes(fired_timer=entry.id)
    timer = TimerContext(unit, entry, conversation, tenant, context)
    outcome = handle(timer)
    after = outcome.conversation or conversation
    number = context.config.number(conversation.number)
    to = resolver.find_address(conversation.person, number, snapshot) if number else None
    reply = None
    if to and (text := _render_reply(timer, outcome, after, snapshot)):
        candidate, reply = text
        after = apply_auto_reply(after, unit.at, candidate, None)
    elif outcome.effect == "said":  # the pending text may not be sent any more
        outcome = TimerOutcome(conversation=after, next_due=outcome.next_due)
    decision = _decision(unit, conversation, after, outcome, reply, context)
    sent = outgoing.outgoing_changes(unit, after, reply, to) if reply and to else Changes()
    changes = msgspec.structs.replace(
        sent,
        conversation=after if after != conversation else None,
        timers=tuple(_next_timers(timer, outcome, after)),
        fired_timer=entry.id,
    )
    return decision, changes


def _next_timers(
    timer: TimerContext, outcome: TimerOutcome, after: Conversation
) -> Iterator[Timer]:
    """Yield the next timer of this kind, and that of a menu that was sent now."""
    if outcome.next_due:
        yield timers.build_timer(
            timer.unit, after, timer.entry.kind, outcome.next_due, timer.context
        )
    sends_menu = after.state.menu_at != timer.conversation.state.menu_at
    if sends_menu and (due := timers.menu_due(after, timer.context)):
        yield timers.build_timer(timer.unit, after, timers.MENU, due, timer.context)


def _burst_ended(timer: TimerContext) -> TimerOutcome:
    """Make work of a conversation with only a greeting or a photograph; or send a pending text."""
    state, last = timer.conversation.state, timer.conversation.last_inbound_at
    is_undecided = burst.is_undecided(state)
    if last is None or not (is_undecided or state.pending_texts):
        return TimerOutcome()
    if (end := burst.burst_ends_at(last, timer.tenant)) > timer.entry.at:
        return TimerOutcome(next_due=end)
    menu = next((m for m in timer.context.config.menus if m.id == timer.tenant.menu), None)
    reply = (
        ReplyCandidate(menu.text, menu_path=menu.id)
        if menu and not burst.has_replied_in_burst(state)
        else None
    )
    if state.pending_texts:
        reply = ReplyCandidate(state.pending_texts[0], once=True, is_requested=True)
    rest = state.pending_texts[1:]
    after = timer.conversation.with_next_sequence().with_state(
        has_question=True, pending_texts=rest
    )
    next_due = timer.entry.at + timer.tenant.burst_window if rest else None
    if not is_undecided:
        return TimerOutcome(effect="said", conversation=after, reply=reply, next_due=next_due)
    after = msgspec.structs.replace(after, reason=SILENT)
    return TimerOutcome(effect="decided", conversation=after, reply=reply, next_due=next_due)


def _menu_unanswered(timer: TimerContext) -> TimerOutcome:
    due = timers.menu_due(timer.conversation, timer.context)
    if due is None:
        return TimerOutcome()
    if due > timer.entry.at:
        return TimerOutcome(next_due=due)
    after = timer.conversation.with_next_sequence().with_state(menu="", has_question=True)
    after = msgspec.structs.replace(after, reason=UNANSWERED)
    reply = ReplyCandidate("keuze_onduidelijk")
    return TimerOutcome(effect="decided", conversation=after, reply=reply)


def _waiting_too_long(timer: TimerContext) -> TimerOutcome:
    conversation, state = timer.conversation, timer.conversation.state
    if state.waiting_since is None or state.escalated:
        return TimerOutcome()
    due = timers.waiting_due(conversation, state.waiting_since, timer.context)
    if due is None or due > timer.entry.at:
        return TimerOutcome(next_due=due)
    department = timer.context.config.department(conversation.tenant, conversation.department)
    after = conversation.with_next_sequence().with_state(
        escalated=True, **raised_priority(state, "high", WAITED)
    )
    if department and department.escalate_to:
        # Without a rule, words may still place it; the rule of before has another reason.
        rule = ESCALATED if conversation.rule else ""
        verdict = Verdict(department.escalate_to, rule, WAITED)
        after = (
            after.moved_to(verdict, timer.entry.at)
            .with_next_sequence()
            .with_state(home_department=department.escalate_to)
        )
    reply = ReplyCandidate("duurt_langer", once=True)
    return TimerOutcome(effect="waiting", conversation=after, reply=reply)


def _close_idle(timer: TimerContext) -> TimerOutcome:
    conversation, state = timer.conversation, timer.conversation.state
    times = conversation.last_inbound_at, state.answered_at, conversation.opened_at
    last = max(filter(None, times))
    if last + timer.tenant.idle_timeout > timer.entry.at:
        return TimerOutcome(next_due=last + timer.tenant.idle_timeout)
    # An official request must be closed with its outcome; a waiting citizen must be answered; a
    # withheld conversation must be released.
    if refusals.OFFICIAL in state.tags or state.waiting_since or state.held:
        return TimerOutcome(next_due=timer.entry.at + timer.tenant.idle_timeout)
    closed = msgspec.structs.replace(conversation.with_next_sequence(), closed_at=timer.entry.at)
    return TimerOutcome(effect="closed", conversation=closed.with_state(idle=True))


def _close_left(
    unit: WorkUnit, entry: Timeout, conversation: Conversation, context: RoutingContext
) -> tuple[Decision, Changes]:
    """Close a conversation whose number is not configured any more for its municipality, which may
    be gone too. It ends a term after its last message, and so it is closed as of then."""
    number = context.config.number(conversation.number)
    if number is not None and number.tenant == conversation.tenant:  # it came back
        decision = _decision(unit, conversation, conversation, TimerOutcome(), None, context)
        return decision, Changes(fired_timer=entry.id)
    times = conversation.last_inbound_at, conversation.since, conversation.opened_at
    last = max(filter(None, times))
    after = msgspec.structs.replace(conversation.with_next_sequence(), closed_at=last)
    outcome = TimerOutcome(effect="closed", conversation=after, reason=LEFT)
    decision = _decision(unit, conversation, after, outcome, None, context)
    return decision, Changes(conversation=after, fired_timer=entry.id)


def _department_opens(timer: TimerContext) -> TimerOutcome:
    """Return the conversation from the deputy department, unless it was answered there."""
    conversation, home = timer.conversation, timer.conversation.state.home_department
    hours = timer.context.hours.get((conversation.tenant, home))
    if home in ("", conversation.department) or conversation.state.answered_at or hours is None:
        return TimerOutcome()
    if not hours.is_open(timer.entry.at):
        return TimerOutcome(next_due=hours.next_opening(timer.entry.at))
    verdict = Verdict(home, conversation.rule, home_reason(conversation, timer.context))
    after = conversation.moved_to(verdict, timer.entry.at).with_next_sequence().with_next_sequence()
    return TimerOutcome(effect="returned", conversation=after)


def _window_closing(timer: TimerContext) -> TimerOutcome:
    """Warn that the citizen still waits, and that soon only a template can be sent."""
    at = timer.entry.at
    due = window_warning.warning_due(timer.conversation, at, timer.context)
    if due != at:  # since it was set, the citizen wrote again or was answered
        return TimerOutcome(next_due=due)
    next_due = window_warning.warning_due(timer.conversation, at + MOMENT, timer.context)
    return TimerOutcome(
        effect="window", conversation=timer.conversation.with_next_sequence(), next_due=next_due
    )


def _alarm_unconfirmed(timer: TimerContext) -> TimerOutcome:
    """Alarm the next destination on the list, since the last one did not confirm."""
    state, care = timer.conversation.state, timer.tenant.care
    if state.confirmed_by or not state.care or not care.destinations:
        return TimerOutcome()
    nth = state.care_asked + 1
    if nth > ROUNDS * len(care.destinations):
        return TimerOutcome(
            effect="unconfirmed", conversation=timer.conversation.with_next_sequence()
        )
    alarm = Alarm(
        event=timer.unit.id("alarm"),
        destination=care.destinations[(nth - 1) % len(care.destinations)],
        care=state.care,
        nth=nth,
    )
    next_due = timer.entry.at + timedelta(minutes=care.confirm_minutes)
    after = timer.conversation.with_next_sequence().with_state(care_asked=nth)
    return TimerOutcome(effect="alarmed", conversation=after, alarm=alarm, next_due=next_due)


TIMER_HANDLERS: dict[str, Callable[[TimerContext], TimerOutcome]] = {
    timers.BURST_ENDED: _burst_ended,
    timers.MENU: _menu_unanswered,
    timers.WAITING: _waiting_too_long,
    timers.IDLE: _close_idle,
    timers.CARE: _alarm_unconfirmed,
    timers.DEPARTMENT_OPENS: _department_opens,
    timers.WINDOW: _window_closing,
}


def _render_reply(
    timer: TimerContext, outcome: TimerOutcome, after: Conversation, snapshot: Snapshot
) -> tuple[ReplyCandidate, Reply] | None:
    """Render the text to send, unless it is too late.

    It is too late when the timer fires long after it was due, because the router was down, or
    when the citizen's message was already too old on arrival.
    """
    entry, candidate = timer.entry, outcome.reply
    is_late = entry.told_at - entry.at > timer.tenant.max_reply_age or after.state.too_old_to_answer
    if candidate is None or is_late or not outgoing.is_window_open(after, entry.told_at):
        return None
    if candidate.once and candidate.name in after.state.sent_once:
        return None
    notice = snapshot.number_notices.get(after.number)
    if not auto_reply.may_send_unprompted(after, notice, timer.unit.at):
        return None
    return render_reply(timer.unit, candidate, after, timer.tenant, timer.context)


def _decision(
    unit: WorkUnit,
    previous: Conversation | None,
    after: Conversation | None,
    outcome: TimerOutcome,
    reply: Reply | None,
    context: RoutingContext,
) -> TimerDecision:
    record = unit.id("record")
    if previous is None or after is None or not outcome.effect:
        return TimerDecision(record=record, tenant=previous.tenant if previous else "")
    destination = context.destination_of(after)
    has_event = outcome.effect in EVENTS and bool(destination)
    return TimerDecision(
        record=record,
        tenant=after.tenant,
        conversation=after.id,
        department=after.department,
        destination=destination,
        rule=after.rule,
        reason=outcome.reason or REASONS.get(outcome.effect, after.why()),
        placed=after.why() if outcome.effect in REASONS else "",
        sequence=after.sequence - (reply is not None),
        event=unit.id("event") if has_event else None,
        zaak=after.zaak,
        version=context.version,
        labels=after.labels(),
        alarm=outcome.alarm,
        reply=reply,
        effect=outcome.effect,
        held=after.state.held,
        window_until=after.window_until(),
        former=transition.former_owner(unit, previous, after, context),
    )


EVENTS = {
    "decided": DECIDED,
    "waiting": WAITING,
    "closed": CLOSED,
    "said": TEXT_SENT,
    "window": WINDOW_CLOSING,
}
"""Effect that the department hears of -> type of its event."""
REASONS = {"waiting": WAITED, "closed": IDLE, "unconfirmed": UNCONFIRMED, "window": CLOSING}


def events(unit: WorkUnit, entry: Timeout, decision: Decision) -> Iterator[AddressedEvent]:
    if not isinstance(decision, TimerDecision):
        return
    if decision.alarm:
        yield build_alarm(unit, decision, decision.alarm)
    yield from build_transfer(unit, decision)
    if decision.event:
        reason = {"reason": decision.reason}
        data = conversation_json(decision) | labels_json(decision) | reply_json(decision) | reason
        if decision.effect == "closed":
            data |= transcript_json(decision.conversation)
        yield build_event(unit, decision, EVENTS[decision.effect], decision.event, data)


def record(unit: WorkUnit, entry: Timeout, decision: Decision) -> KindAndData | None:
    """Return what the timer did; None if nothing was left to do."""
    if not isinstance(decision, TimerDecision) or not decision.effect:
        return None
    data = conversation_event_data(decision.effect, decision)
    if decision.placed:  # beside the rule stands the reason of the rule
        data["decision"]["reason"] = decision.placed
        data["reason"] = decision.reason
    if decision.alarm:
        data |= alarm_data(decision.alarm)
    return "conversation", data
