"""Choose the automatic text that answers a message: at most one in a burst, the most serious first.
Pure.

A text answers only what has just been said: an old message gets no reply, and a citizen does not
get the same text again and again. Only the text of a safety rule and the confirmation of STOP
precede everything else.
"""

import zlib
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import msgspec

from router.conversation import menus
from router.conversation.burst import has_replied_in_burst
from router.conversation.interpretation import Interpretation
from router.conversation.reply_text import (
    RenderedReply,
    ReplyCandidate,
    build_reply,
    render_reply,
    welcome_text,
)
from router.model.changes import NumberNotice
from router.model.conversation import Conversation, ConversationState
from router.model.work import RoutingContext, WorkUnit
from services.config.organisation import Tenant
from services.config.routing_rules import CARE_TEXTS
from services.texts.catalogue import WELCOME

MAX_AUTO_TEXTS, LIMIT_PERIOD = 5, timedelta(hours=24)
"""Automatic texts in one conversation within that period. The limit stops two machines that answer
each other."""
FIRST_CONTACT_AGAIN_AFTER = timedelta(days=365)
"""Silence of a citizen after which they count as new and get the welcome text again."""
DANGER_SILENCE = timedelta(hours=24)
"""Period after a danger in which only the text of a safety rule and the confirmation of STOP are
sent."""
EXEMPT_LIMIT_PERIOD = timedelta(hours=1)
"""Period in which at most MAX_AUTO_TEXTS exempt texts are sent: only a machine asks for more."""
NOTICE, STATE = "_notice", "_state"
"""Texts of the contact centre, which are not in the catalogue."""


class ReplyContext(msgspec.Struct, frozen=True, kw_only=True):
    """A message, and the conversation after it."""

    unit: WorkUnit
    interpretation: Interpretation
    conversation: Conversation
    tenant: Tenant
    number_notice: NumberNotice
    type: str = ""
    unsupported_type: str = ""
    """Type of a message that Meta calls unsupported."""
    errors: tuple[int, ...] = ()
    sent_at: datetime | None = None
    menu_path: str = ""
    """Path of the menu to send."""
    option_reply: str = ""
    is_unclear: bool = False
    """The message answered a menu, but with none of its options."""
    department_opens_at: datetime | None = None
    """Opening time of the department; None if it is open or never opens."""

    @property
    def at(self) -> datetime:
        return self.unit.at


UNREADABLE_MEDIA = (131052,)
"""Meta's code for media that cannot be downloaded."""


def is_first_contact(last: datetime | None, at: datetime) -> bool:
    """True if this person is new, or silent since `last` for so long that they get the welcome text
    again."""
    return last is None or at - last > FIRST_CONTACT_AGAIN_AFTER


def _propose_safety_text(
    message: ReplyContext, context: RoutingContext
) -> Iterator[ReplyCandidate]:
    """Propose it once for a danger: three cries in a row get one answer, at the first that can be
    answered."""
    since, rule = message.conversation.state.care_at, message.interpretation.outcome.care
    exempt_texts_at = message.conversation.state.exempt_texts_at
    is_sent = since and any(sent_at >= since for sent_at in exempt_texts_at)
    if not is_sent and rule and (name := rule.reply or CARE_TEXTS[rule.kind]):
        yield ReplyCandidate(name, is_requested=True, is_exempt=True)  # no setting disables it


def _propose_stop_confirmation(
    message: ReplyContext, context: RoutingContext
) -> Iterator[ReplyCandidate]:
    if message.interpretation.opt == "stop":
        yield ReplyCandidate("gestopt", is_exempt=True)


def _propose_closed_state(
    message: ReplyContext, context: RoutingContext
) -> Iterator[ReplyCandidate]:
    """Propose it again only if the state has changed."""
    if message.number_notice.state_at(message.at) == "closed":
        state = f"{message.number_notice.state_text} {message.number_notice.state_until}"
        checksum = zlib.crc32(state.encode(errors="replace"))
        yield ReplyCandidate(f"{STATE}:{checksum:x}", once=True)


def _propose_asked_text(message: ReplyContext, context: RoutingContext) -> Iterator[ReplyCandidate]:
    """Propose it each time that the citizen asks."""
    if message.interpretation.asked_text:
        yield ReplyCandidate(message.interpretation.asked_text, is_requested=True)


def _propose_rule_texts(message: ReplyContext, context: RoutingContext) -> Iterator[ReplyCandidate]:
    for name in message.interpretation.outcome.annotations.replies:
        yield ReplyCandidate(name, once=True, is_requested=True)
    if message.option_reply:
        yield ReplyCandidate(message.option_reply, is_requested=True)


def _propose_pii_warning(
    message: ReplyContext, context: RoutingContext
) -> Iterator[ReplyCandidate]:
    if message.interpretation.sensitive:
        yield ReplyCandidate("bsn", once=True)


def _propose_number_notice(
    message: ReplyContext, context: RoutingContext
) -> Iterator[ReplyCandidate]:
    if message.number_notice.notice_at(message.at):
        yield ReplyCandidate(f"{NOTICE}:{message.number_notice.notice_id}", once=True)


def _propose_closed_department(
    message: ReplyContext, context: RoutingContext
) -> Iterator[ReplyCandidate]:
    until = message.conversation.state.closed_until
    if message.department_opens_at and (until is None or until <= message.at):
        yield ReplyCandidate("gesloten")


def _propose_menu(message: ReplyContext, context: RoutingContext) -> Iterator[ReplyCandidate]:
    if message.menu_path and (menu := menus.menu_at(message.menu_path, context.config)):
        yield ReplyCandidate(menu.text, menu_path=message.menu_path)
    elif message.is_unclear:
        yield ReplyCandidate("keuze_onduidelijk")


def _propose_unreadable(message: ReplyContext, context: RoutingContext) -> Iterator[ReplyCandidate]:
    if message.type in ("audio", "voice"):
        yield ReplyCandidate("spraakbericht", once=True)
    elif message.type == "unsupported":
        name = "aangepast" if message.unsupported_type == "edit" else "bestand"
        yield ReplyCandidate(name, once=True)
    elif set(message.errors) & set(UNREADABLE_MEDIA):
        yield ReplyCandidate("bestand", once=True)


def _propose_outage(message: ReplyContext, context: RoutingContext) -> Iterator[ReplyCandidate]:
    """Answer a message that arrives long after it was sent, because nothing ran meanwhile."""
    yield ReplyCandidate("storing", once=True, moment=message.sent_at)


def _propose_welcome(message: ReplyContext, context: RoutingContext) -> Iterator[ReplyCandidate]:
    """Wait for more than a greeting: until then the welcome text has nothing to precede."""
    state = message.conversation.state
    if state.welcome and state.has_question and WELCOME in message.tenant.automatic:
        name = welcome_text(message.conversation)
        yield ReplyCandidate(name, is_requested=True, includes_welcome=True)


Proposer = Callable[[ReplyContext, RoutingContext], Iterator[ReplyCandidate]]
EXEMPT_PROPOSERS: tuple[Proposer, ...] = (_propose_safety_text, _propose_stop_confirmation)
PROPOSERS: tuple[Proposer, ...] = (
    *EXEMPT_PROPOSERS,
    _propose_closed_state,
    _propose_asked_text,
    _propose_rule_texts,
    _propose_pii_warning,
    _propose_number_notice,
    _propose_closed_department,
    _propose_menu,
    _propose_unreadable,
    _propose_welcome,
)
"""Proposers in order of seriousness: the first text that can be sent is the reply."""


def choose_reply(message: ReplyContext, context: RoutingContext) -> RenderedReply | None:
    """Return the one text that answers this message, or None."""
    meaning = message.interpretation
    is_request = meaning.opt or meaning.asked_text
    if meaning.no_reply or (meaning.needs_no_action and not is_request):
        return None
    for propose in _allowed_proposers(message):
        for candidate in propose(message, context):
            is_sent = candidate.once and candidate.name in message.conversation.state.sent_once
            if not is_sent and (reply := _build(message, candidate, context)):
                return reply
    return None


def _allowed_proposers(message: ReplyContext) -> tuple[Proposer, ...]:
    """Return the proposers that apply now. A closed number sends only the text of its state."""
    meaning, state = message.interpretation, message.conversation.state
    number_state = message.number_notice.state_at(message.at)
    has_danger = meaning.outcome.care is not None
    if meaning.too_old and (has_danger or meaning.opt):
        return ()  # an employee reads it at once
    if has_danger or meaning.opt == "stop":
        recent = [at for at in state.exempt_texts_at if message.at - at < EXEMPT_LIMIT_PERIOD]
        return EXEMPT_PROPOSERS if len(recent) < MAX_AUTO_TEXTS else ()
    if (
        number_state == "receive-only"
        or is_in_danger(state, message.at)
        or (has_replied_in_burst(state) and not meaning.asked_text)
        or has_reached_limit(state, message.at)
    ):
        return ()
    if meaning.too_old:
        return (_propose_outage,)
    return (_propose_closed_state,) if number_state == "closed" else PROPOSERS


def is_in_danger(state: ConversationState, at: datetime) -> bool:
    """True if the citizen is in danger or makes threats. Then no text about opening hours or menus
    is sent."""
    return state.care_at is not None and at - state.care_at < DANGER_SILENCE


def find_pending_reply(message: ReplyContext, context: RoutingContext) -> str:
    """Return the id of a text that is sent once in a conversation and that another text in this
    burst held back; '' for none. It follows when the burst is over."""
    meaning, state = message.interpretation, message.conversation.state
    if (
        meaning.no_reply
        or meaning.too_old
        or is_in_danger(state, message.at)
        or not has_replied_in_burst(state)
    ):
        return ""
    for propose in (_propose_rule_texts, _propose_pii_warning, _propose_unreadable):
        for candidate in propose(message, context):
            is_due = candidate.once and candidate.name not in state.sent_once
            if is_due and _build(message, candidate, context):
                return candidate.name
    return ""


def has_reached_limit(state: ConversationState, at: datetime) -> bool:
    """True if as many automatic texts have been sent as the period allows."""
    recent = [sent_at for sent_at in state.auto_texts_at if at - sent_at < LIMIT_PERIOD]
    return len(recent) >= MAX_AUTO_TEXTS


def may_send_unprompted(
    conversation: Conversation, number_notice: NumberNotice | None, at: datetime
) -> bool:
    """True if a text may be sent that answers no message: the number is open, the limit has not
    been reached and there is no danger."""
    if number_notice and number_notice.state_at(at) != "open":
        return False
    state = conversation.state
    return not has_reached_limit(state, at) and not is_in_danger(state, at)


def _build(
    message: ReplyContext, candidate: ReplyCandidate, context: RoutingContext
) -> RenderedReply | None:
    """Return None if the municipality does not send this text, or has no such text."""
    if candidate.name.startswith(STATE):
        return build_reply(message.unit, candidate, message.number_notice.state_text, context)
    if candidate.name.startswith(NOTICE):
        return build_reply(message.unit, candidate, message.number_notice.notice, context)
    return render_reply(
        message.unit,
        candidate,
        message.conversation,
        message.tenant,
        context,
        department_opens_at=message.department_opens_at,
    )
