"""Which text goes out by itself, if any: at most one for a burst, the gravest first. Pure.

A text answers what was said now: nothing answers a message that is long past, and nobody gets the
same one over and over. Only what care asks for goes before everything else.
"""

import zlib
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import msgspec

from router.conversation import menus
from router.conversation.interpretation import Interpretation
from router.conversation.reply_text import FIRST, ReplyCandidate, Text, build_reply, render_reply
from router.model.conversation import Conversation, ConversationState
from router.model.decision import NumberNotice, RoutingContext, WorkUnit
from services.config.organisation import Tenant
from services.config.routing_rules import CARE_TEXTS

MOST, IN = 5, timedelta(hours=24)
"""Texts in one conversation that go out by themselves: two machines that answer each other stop."""
AGAIN_AFTER = timedelta(days=365)
"""Since somebody wrote, after which they are told again how this works."""
HUSHED = timedelta(hours=24)
"""After a danger, in which nothing goes out but what care asks for, and an answer to STOP."""
OWED_IN = timedelta(hours=1)
"""In which no more than MOST go out that nothing else holds back: more only a machine asks for."""
NOTICE, STATE = "_notice", "_state"
"""Texts of the contact centre, which stand in no file."""


class ReplyContext(msgspec.Struct, frozen=True, kw_only=True):
    """A message, and the conversation as it stands after it."""

    unit: WorkUnit
    said: Interpretation
    now: Conversation
    tenant: Tenant
    standing: NumberNotice
    type: str = ""
    kind: str = ""
    """Of what Meta calls unsupported: what it was."""
    errors: tuple[int, ...] = ()
    sent_at: datetime | None = None
    asked: str = ""
    """Path of the menu to ask."""
    option_reply: str = ""
    unclear: bool = False
    """The answer to a menu was none of its options."""
    closed_till: datetime | None = None
    """When its department opens; None while it is open, or never does."""

    @property
    def at(self) -> datetime:
        return self.unit.at


UNREADABLE = (131052,)
"""Meta's code of media that cannot be fetched."""


def is_first(last: datetime | None, at: datetime) -> bool:
    """Whether somebody is told again how this works, `last` being when they wrote before."""
    return last is None or at - last > AGAIN_AFTER


def _care(m: ReplyContext, ground: RoutingContext) -> Iterator[ReplyCandidate]:
    """Once for a danger: three cries in a row get one answer, the first that can be answered."""
    since, care = m.now.state.care_at, m.said.outcome.care
    told = since and any(text >= since for text in m.now.state.exempt_texts_at)
    if not told and care and (name := care.reply or CARE_TEXTS[care.kind]):
        yield ReplyCandidate(name, named=True, owed=True)  # no setting silences it


def _stopped(m: ReplyContext, ground: RoutingContext) -> Iterator[ReplyCandidate]:
    if m.said.opt == "stop":
        yield ReplyCandidate("gestopt", owed=True)


def _state(m: ReplyContext, ground: RoutingContext) -> Iterator[ReplyCandidate]:
    """Told again only when it is another one."""
    if m.standing.state_at(m.at) == "closed":
        said = f"{m.standing.state_text} {m.standing.state_until}"
        yield ReplyCandidate(f"{STATE}:{zlib.crc32(said.encode(errors='replace')):x}", once=True)


def _ruled(m: ReplyContext, ground: RoutingContext) -> Iterator[ReplyCandidate]:
    for name in m.said.outcome.marks.replies:
        yield ReplyCandidate(name, once=True, named=True)
    if m.option_reply:
        yield ReplyCandidate(m.option_reply, named=True)


def _sensitive(m: ReplyContext, ground: RoutingContext) -> Iterator[ReplyCandidate]:
    if m.said.sensitive:
        yield ReplyCandidate("bsn", once=True)


def _noticed(m: ReplyContext, ground: RoutingContext) -> Iterator[ReplyCandidate]:
    if m.standing.notice_at(m.at):
        yield ReplyCandidate(f"{NOTICE}:{m.standing.notice_id}", once=True)


def _closed(m: ReplyContext, ground: RoutingContext) -> Iterator[ReplyCandidate]:
    until = m.now.state.closed_until
    if m.closed_till and (until is None or until <= m.at):
        yield ReplyCandidate("gesloten")


def _asked(m: ReplyContext, ground: RoutingContext) -> Iterator[ReplyCandidate]:
    if m.asked and (menu := menus.menu_at(m.asked, ground.config)):
        yield ReplyCandidate(menu.text, path=m.asked)
    elif m.unclear:
        yield ReplyCandidate("keuze_onduidelijk")


def _unheard(m: ReplyContext, ground: RoutingContext) -> Iterator[ReplyCandidate]:
    if m.type in ("audio", "voice"):
        yield ReplyCandidate("spraakbericht", once=True)
    elif m.type == "unsupported":
        yield ReplyCandidate("aangepast" if m.kind == "edit" else "bestand", once=True)
    elif set(m.errors) & set(UNREADABLE):
        yield ReplyCandidate("bestand", once=True)


def _late(m: ReplyContext, ground: RoutingContext) -> Iterator[ReplyCandidate]:
    """To what comes long after it was sent: nothing ran meanwhile."""
    yield ReplyCandidate("storing", once=True, about=m.sent_at)


def _first(m: ReplyContext, ground: RoutingContext) -> Iterator[ReplyCandidate]:
    """Once words were said: until then it waits for what it can stand in front of."""
    if m.now.state.welcome and m.now.state.has_question:
        yield ReplyCandidate(FIRST, welcomes=True)


Look = Callable[[ReplyContext, RoutingContext], Iterator[ReplyCandidate]]
OWED: tuple[Look, ...] = (_care, _stopped)
ORDER: tuple[Look, ...] = (
    *OWED,
    _state,
    _ruled,
    _sensitive,
    _noticed,
    _closed,
    _asked,
    _unheard,
    _first,
)
"""The gravest first: of all that would be said, one is."""


def choose_reply(m: ReplyContext, ground: RoutingContext) -> Text | None:
    """The one text that answers this message, if any does."""
    if m.said.no_reply or (m.said.needs_no_action and not m.said.opt):
        return None
    for look in _looks(m):
        for candidate in look(m, ground):
            told = candidate.once and candidate.name in m.now.state.sent_once
            if not told and (made := _made(m, candidate, ground)):
                return made
    return None


def _looks(m: ReplyContext) -> tuple[Look, ...]:
    """What may be said now. A number that is closed says that and nothing else."""
    state = m.standing.state_at(m.at)
    if m.said.too_old and (m.said.outcome.care is not None or m.said.opt):
        return ()  # a person looks at once
    if m.said.outcome.care is not None or m.said.opt == "stop":
        machine = len([at for at in m.now.state.exempt_texts_at if m.at - at < OWED_IN]) >= MOST
        return () if machine else OWED
    if (
        state == "receive-only"
        or _hushed(m)
        or answered(m.now.state)
        or limit_reached(m.now.state, m.at)
    ):
        return ()
    if m.said.too_old:
        return (_late,)
    return (_state,) if state == "closed" else ORDER


def _hushed(m: ReplyContext) -> bool:
    return in_danger(m.now.state, m.at)


def in_danger(state: ConversationState, at: datetime) -> bool:
    """Whether somebody is in danger, or threatens: then nothing is said of hours and menus."""
    return state.care_at is not None and at - state.care_at < HUSHED


def pending_reply(m: ReplyContext, ground: RoutingContext) -> str:
    """Id of a text that is due once in a conversation, and is held back by another in this burst:
    it follows when the burst is over."""
    if m.said.no_reply or m.said.too_old or _hushed(m) or not answered(m.now.state):
        return ""
    for look in (_ruled, _sensitive, _unheard):
        for candidate in look(m, ground):
            told = candidate.once and candidate.name in m.now.state.sent_once
            if candidate.once and not told and _made(m, candidate, ground):
                return candidate.name
    return ""


def answered(state: ConversationState) -> bool:
    """Whether a text went out in this burst."""
    return bool(
        state.auto_texts_at and state.burst_at and state.auto_texts_at[-1] >= state.burst_at
    )


def limit_reached(state: ConversationState, at: datetime) -> bool:
    """Whether as many went out as a day may bring."""
    return len([text for text in state.auto_texts_at if at - text < IN]) >= MOST


def may_send_unprompted(now: Conversation, standing: NumberNotice | None, at: datetime) -> bool:
    """Whether a text may go out that answers no message: the number talks, and did not too much."""
    open = standing is None or standing.state_at(at) == "open"
    return open and not limit_reached(now.state, at) and not in_danger(now.state, at)


def _made(m: ReplyContext, candidate: ReplyCandidate, ground: RoutingContext) -> Text | None:
    """None where the municipality does not send it, or there is no such text."""
    if candidate.name.startswith(STATE):
        return build_reply(m.unit, candidate, m.standing.state_text, ground)
    if candidate.name.startswith(NOTICE):
        return build_reply(m.unit, candidate, m.standing.notice, ground)
    return render_reply(m.unit, candidate, m.now, m.tenant, ground, opens=m.closed_till)
