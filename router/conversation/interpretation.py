"""What a citizen's message says, before anything is done about it. Pure.

Not every message is a question: people greet first, send six photographs, say thanks, react with a
thumb. Only words that are more than that decide where a conversation belongs.
"""

import msgspec

from router.model.conversation import Conversation
from router.model.decision import RoutingContext, WorkUnit
from router.rules.engine import Outcome, evaluate
from router.rules.matcher import MessageFacts
from router.text import language_detection, pii, small_talk
from services.config.numbers import Number
from services.contract import REACTION
from services.whatsapp import items
from services.whatsapp.parser import words

SILENT = frozenset([REACTION, "edit", "revoke", "system", "request_welcome"])
"""Types that no text answers and that ask for nothing new by themselves."""
PASSING = frozenset([REACTION, "revoke", "system", "request_welcome"])
"""Types of these in which nothing is said at all."""
BUTTON = "button"
"""Type of a message that a button of a template made."""
WORDLESS = frozenset(["location", "contacts"])
"""Types whose words name a place or a person, and no subject."""


class Interpretation(msgspec.Struct, frozen=True, kw_only=True):
    """`words`: more than a greeting was said. `passing`: thanks, a thumb, STOP, or the button that
    lets go what waited for it: nothing to do.
    `silent`: no text may answer it, whatever it says. `late`: it is too old to answer. `tags`: the
    person's own."""

    outcome: Outcome
    text: str = ""
    has_subject: bool = False
    needs_no_action: bool = False
    no_reply: bool = False
    too_old: bool = False
    opt: str = ""
    language: str = ""
    sensitive: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


def interpret(
    unit: WorkUnit,
    item: items.Message,
    before: Conversation | None,
    number: Number,
    ground: RoutingContext,
) -> Interpretation:
    facts = facts_of(unit, item, before, number, ground)
    text, courtesy = facts.text, _courtesy(item, facts.text)
    opt = small_talk.opt_choice(text) if text else ""
    pressed = _pressed(item, before, ground)
    tenant = ground.config.tenant(number.tenant)
    assert tenant is not None
    return Interpretation(
        outcome=evaluate(ground.rules[number.tenant], facts),
        text=text,
        has_subject=bool(text or item.content.choice) and not (courtesy or opt or pressed),
        needs_no_action=bool(opt or pressed)
        or courtesy == "thanks"
        or item.content.type in PASSING,
        no_reply=item.content.type in SILENT,
        too_old=item.sent_at is not None and unit.at - item.sent_at > tenant.max_reply_age,
        opt=opt,
        language=facts.language,
        sensitive=_sensitive(item.content),
        tags=_own_tags(item, number, ground),
    )


def facts_of(
    unit: WorkUnit,
    item: items.Message,
    before: Conversation | None,
    number: Number,
    ground: RoutingContext,
) -> MessageFacts:
    """What rules look at."""
    text = "" if item.content.type in WORDLESS else words(item)
    spoken = language_detection.detect_language(text) if text else ""
    known = before.state.tags if before else ()
    return MessageFacts(
        at=unit.at,
        text=text,
        number=number.id,
        type=item.content.type,
        choice=item.content.choice,
        referral=_referral(item),
        language=spoken or (before.state.language if before else ""),
        tags=frozenset((*known, *_own_tags(item, number, ground))),
        state=state_of(before),
    )


def _pressed(item: items.Message, before: Conversation | None, ground: RoutingContext) -> bool:
    """Whether they only pressed the button under what asked them to write: what waited for that
    goes, and nobody need do more."""
    if item.content.type != BUTTON or before is None or not item.quoted:
        return False
    return ground.hash("wamid", item.quoted).hex() in before.state.asks_named


def _sensitive(content: items.Content) -> tuple[str, ...]:
    """In its words or in the name of its file: people call a file by their number."""
    each = (content.text, content.filename)
    return tuple(dict.fromkeys(f.kind for said in each for f in pii.find_pii(said)))


def _courtesy(item: items.Message, text: str) -> str:
    return small_talk.small_talk_kind(text) if text and not item.content.choice else ""


def _own_tags(item: items.Message, number: Number, ground: RoutingContext) -> tuple[str, ...]:
    """Those of the person in the municipality's own lists."""
    own = (
        tag
        for identity in item.person.identities
        if identity.kind == "phone"
        for tag in ground.contacts.get((number.tenant, identity.value.removeprefix("+")), ())
    )
    return tuple(dict.fromkeys(own))


def _referral(item: items.Message) -> str:
    """The words of the advertisement or the link that the citizen came by."""
    return " ".join(v for v in item.referral.values() if isinstance(v, str))


def state_of(before: Conversation | None) -> str:
    """As rules call it; see `services.rules.State`."""
    if before is None:
        return "new"
    if before.closed_at:
        return "reopened"
    if before.state.answered_at:
        return "answered"
    return "decided" if before.rule else "undecided"
