"""Deciding what it means that a time has come: a table by kind of timer. Pure.

When there is nothing to do any more, nothing is said; when there is not yet, the timer is set anew.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import msgspec

from router.conversation import auto_reply, outgoing, refusals, timers, transition, window_warning
from router.conversation.placement import reason_at_home
from router.conversation.reply_text import Candidate, by_itself
from router.conversation.transition import having_said
from router.identity import resolver
from router.model.conversation import Conversation
from router.model.decision import Alarm, Changes, Decision, Ground, Reply, Timer, Unit
from router.model.snapshot import Knowledge
from router.rules.engine import Verdict, graver
from services.config.organisation import Tenant
from services.contract import Timeout
from services.whatsapp.delivery_status import WINDOW

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


class Hour(msgspec.Struct, frozen=True):
    """A time that has come, and whose."""

    unit: Unit
    entry: Timeout
    now: Conversation
    tenant: Tenant
    ground: Ground


class Come(msgspec.Struct, frozen=True, kw_only=True):
    """What it means: what happened, the conversation after it, what is said, the next timer."""

    happened: str = ""
    now: Conversation | None = None
    says: Candidate | None = None
    again: datetime | None = None
    alarm: Alarm | None = None


def timeout(
    unit: Unit, entry: Timeout, known: Knowledge, ground: Ground
) -> tuple[Decision, Changes]:
    now = known.conversations.get(entry.conversation)
    tenant = ground.config.tenant(now.tenant) if now else None
    act = ACTS.get(entry.kind)
    # A danger that nobody has seen is there, whoever or whatever closed the conversation.
    over = now is not None and now.closed_at and entry.kind != timers.CARE
    if now is None or over or tenant is None or act is None:
        return _decision(unit, now, now, Come(), None, ground), Changes(fired=entry.id)
    hour = Hour(unit, entry, now, tenant, ground)
    come = act(hour)
    after = come.now or now
    number = ground.config.number(now.number)
    to = resolver.address(now.person, number, known) if number else None
    reply = None
    if to and (text := _text(hour, come, after, known)):
        said, reply = text
        after = having_said(after, unit.at, said, None)
    elif come.happened == "said":
        come = Come(now=after, again=come.again)  # what was owed may not be said any more
    decision = _decision(unit, now, after, come, reply, ground)
    sent = outgoing.changes(unit, after, reply, to) if reply and to else Changes()
    changes = msgspec.structs.replace(
        sent,
        conversation=after if after != now else None,
        timers=tuple(_timers(hour, come, after)),
        fired=entry.id,
    )
    return decision, changes


def _timers(hour: Hour, come: Come, after: Conversation) -> Iterator[Timer]:
    """The next of its kind, and that of a menu that is asked now."""
    if come.again:
        yield timers.timer(hour.unit, after, hour.entry.kind, come.again, hour.ground)
    asked = after.state.menu_at != hour.now.state.menu_at
    if asked and (due := timers.menu_due(after, hour.ground)):
        yield timers.timer(hour.unit, after, timers.MENU, due, hour.ground)


def _quiet(hour: Hour) -> Come:
    """Nothing but a greeting or a photograph: now it is somebody's work; or a text is owed yet."""
    state, last = hour.now.state, hour.now.last_inbound_at
    undecided = not (state.spoken or state.answered_at)
    if last is None or not (undecided or state.owes):
        return Come()
    if last + hour.tenant.burst > hour.entry.at:
        return Come(again=last + hour.tenant.burst)
    menu = next((m for m in hour.ground.config.menus if m.id == hour.tenant.menu), None)
    says = Candidate(menu.text, path=menu.id) if menu and not auto_reply.answered(state) else None
    if state.owes:
        says = Candidate(state.owes[0], once=True, named=True)
    now = _next(hour.now).remembering(spoken=True, owes=state.owes[1:])
    again = hour.entry.at + hour.tenant.burst if state.owes[1:] else None
    if not undecided:
        return Come(happened="said", now=now, says=says, again=again)
    now = msgspec.structs.replace(now, reason=SILENT)
    return Come(happened="decided", now=now, says=says, again=again)


def _menu(hour: Hour) -> Come:
    due = timers.menu_due(hour.now, hour.ground)
    if due is None:
        return Come()
    if due > hour.entry.at:
        return Come(again=due)
    now = _next(hour.now).remembering(menu="", spoken=True)
    now = msgspec.structs.replace(now, reason=UNANSWERED)
    return Come(happened="decided", now=now, says=Candidate("keuze_onduidelijk"))


def _waiting(hour: Hour) -> Come:
    state, since = hour.now.state, hour.now.state.waiting_since
    if since is None or state.escalated:
        return Come()
    due = timers.waiting_due(hour.now, since, hour.ground)
    if due is None or due > hour.entry.at:
        return Come(again=due)
    here = hour.ground.config.department(hour.now.tenant, hour.now.department)
    now = _next(hour.now).remembering(escalated=True, priority=graver(state.priority, "high"))
    if here and here.escalate_to:
        verdict = Verdict(here.escalate_to, hour.now.rule, WAITED)
        now = _next(now.into(verdict, hour.entry.at)).remembering(home=here.escalate_to)
    return Come(happened="waiting", now=now, says=Candidate("duurt_langer", once=True))


def _idle(hour: Hour) -> Come:
    now = hour.now
    last = max(filter(None, (now.last_inbound_at, now.state.answered_at, now.opened_at)))
    if last + hour.tenant.idle > hour.entry.at:
        return Come(again=last + hour.tenant.idle)
    # Until somebody says what was done about it, or answers at all, or lets it go.
    if refusals.OFFICIAL in now.state.tags or now.state.waiting_since or now.state.held:
        return Come(again=hour.entry.at + hour.tenant.idle)
    closed = msgspec.structs.replace(_next(now), closed_at=hour.entry.at)
    return Come(happened="closed", now=closed.remembering(idle=True))


def _opens(hour: Hour) -> Come:
    """The department is there again that another stood in for, unless somebody has answered."""
    now, home = hour.now, hour.now.state.home
    own = hour.ground.hours.get((now.tenant, home))
    if home in ("", now.department) or now.state.answered_at or own is None:
        return Come()
    if not own.is_open(hour.entry.at):
        return Come(again=own.next_opening(hour.entry.at))
    verdict = Verdict(home, now.rule, reason_at_home(now, hour.ground))
    return Come(happened="returned", now=_next(_next(now.into(verdict, hour.entry.at))))


def _window(hour: Hour) -> Come:
    """The citizen still waits, and is soon beyond the reach of an ordinary answer."""
    at = hour.entry.at
    due = window_warning.due(hour.now, at, hour.ground)
    if due != at:  # they wrote again since it was set, or were answered
        return Come(again=due)
    again = window_warning.due(hour.now, at + MOMENT, hour.ground)
    return Come(happened="window", now=_next(hour.now), again=again)


def _care(hour: Hour) -> Come:
    """Nobody confirmed: the next one is woken."""
    state, wake = hour.now.state, hour.tenant.care
    if state.confirmed_by or not state.care or not wake.destinations:
        return Come()
    nth = state.care_asked + 1
    if nth > ROUNDS * len(wake.destinations):
        return Come(happened="unconfirmed", now=_next(hour.now))
    alarm = Alarm(
        event=hour.unit.id("alarm"),
        destination=wake.destinations[(nth - 1) % len(wake.destinations)],
        care=state.care,
        nth=nth,
    )
    again = hour.entry.at + timedelta(minutes=wake.confirm_minutes)
    now = _next(hour.now).remembering(care_asked=nth)
    return Come(happened="alarmed", now=now, alarm=alarm, again=again)


ACTS: dict[str, Callable[[Hour], Come]] = {
    timers.QUIET: _quiet,
    timers.MENU: _menu,
    timers.WAITING: _waiting,
    timers.IDLE: _idle,
    timers.CARE: _care,
    timers.OPENS: _opens,
    timers.WINDOW: _window,
}


def _next(now: Conversation) -> Conversation:
    return msgspec.structs.replace(now, sequence=now.sequence + 1)


def _text(
    hour: Hour, come: Come, after: Conversation, known: Knowledge
) -> tuple[Candidate, Reply] | None:
    """Nothing is said when the hour has long passed, and nothing ran meanwhile; nor to words that
    were too old when they came."""
    late = hour.entry.told_at - hour.entry.at > hour.tenant.talk or after.state.late
    late = late or not outgoing.window_open(after, hour.entry.told_at)
    if come.says is None or late or (come.says.once and come.says.name in after.state.told):
        return None
    if not auto_reply.may_tell(after, known.standings.get(after.number), hour.unit.at):
        return None
    return by_itself(hour.unit, come.says, after, hour.tenant, hour.ground)


def _decision(
    unit: Unit,
    before: Conversation | None,
    now: Conversation | None,
    come: Come,
    reply: Reply | None,
    ground: Ground,
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
        happened=come.happened,
        care=come.alarm.care if come.alarm else "",
        held=now.state.held,
        window_until=_window_until(come, now),
        **transition.told(unit, before, now, ground),
    )


def _window_until(come: Come, now: Conversation) -> datetime | None:
    told = come.happened == "window" and now.said_at
    return now.said_at + WINDOW if told and now.said_at else None


TOLD = frozenset(["decided", "waiting", "closed", "said", "window"])
"""Of which the department is told."""
REASONS = {"waiting": WAITED, "closed": IDLE, "unconfirmed": NOBODY, "window": CLOSING}
