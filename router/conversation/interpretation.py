"""Interpret a citizen's message, before anything is done with it. Pure.

Not every message is a question: people greet first, send six photographs, say thanks, react with a
thumb. Only words that say more than that decide where a conversation belongs.
"""

import msgspec

from router.conversation import menus
from router.model.conversation import Conversation
from router.model.work import RoutingContext, WorkUnit
from router.rules.engine import Outcome, evaluate
from router.rules.matcher import MessageFacts
from router.text import language_detection, small_talk
from services.config.numbers import Number
from services.contract import REACTION
from services.language.personal_numbers import find_pii
from services.texts.catalogue import fold_request
from services.whatsapp import items
from services.whatsapp.parser import words

SILENT = frozenset([REACTION, "edit", "revoke", "system", "request_welcome"])
"""Types that get no automatic text and that ask for nothing new on their own."""
PASSING = frozenset([REACTION, "revoke", "system", "request_welcome"])
"""Those of the silent types in which nothing is said at all."""
TYPED = "text"
"""Type of a message that is typed and nothing else."""
BUTTON = "button"
"""Type of a message that is sent by a button of a template."""
WORDLESS = frozenset(["location", "contacts"])
"""Types with words that name a place or a person and no subject."""


class Interpretation(msgspec.Struct, frozen=True, kw_only=True):
    """Meaning of a message. `has_subject`: it says more than a greeting. `needs_no_action`: it is
    thanks, a thumb, STOP or START, a request for a text, or a press on the button that releases the
    answers on hold.
    `no_reply`: no text may answer it, whatever it says. `too_old`: it is too old to answer. `tags`:
    tags of the person in the municipality's lists."""

    outcome: Outcome
    text: str = ""
    has_subject: bool = False
    needs_no_action: bool = False
    no_reply: bool = False
    too_old: bool = False
    opt: str = ""
    asked_text: str = ""
    """Id of the text that it asks for."""
    language: str = ""
    sensitive: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


def interpret(
    unit: WorkUnit,
    item: items.Message,
    previous: Conversation | None,
    number: Number,
    context: RoutingContext,
) -> Interpretation:
    facts = collect_facts(unit, item, previous, number, context)
    text, kind = facts.text, _small_talk_kind(item, facts.text)
    opt = small_talk.opt_choice(text) if text else ""
    asked_text = "" if opt else _find_asked_text(item, text, previous, number, context)
    is_reopen_button = _is_reopen_button(item, previous, context)
    is_request = bool(opt or asked_text or is_reopen_button)
    tenant = context.config.tenant(number.tenant)
    assert tenant is not None
    return Interpretation(
        outcome=evaluate(context.rules[number.tenant], facts),
        text=text,
        has_subject=bool(text or item.content.choice) and not (kind or is_request),
        needs_no_action=is_request or kind == "thanks" or item.content.type in PASSING,
        no_reply=item.content.type in SILENT,
        too_old=item.sent_at is not None and unit.at - item.sent_at > tenant.max_reply_age,
        opt=opt,
        asked_text=asked_text,
        language=facts.language or context.rules[number.tenant].matcher.find_language(text),
        sensitive=_find_pii_kinds(item.content),
        tags=_contact_tags(item, number, context),
    )


def collect_facts(
    unit: WorkUnit,
    item: items.Message,
    previous: Conversation | None,
    number: Number,
    context: RoutingContext,
) -> MessageFacts:
    """Collect the facts that rules test."""
    text = "" if item.content.type in WORDLESS else words(item)
    spoken = language_detection.detect_language(text) if text else ""
    tags = previous.state.tags if previous else ()
    return MessageFacts(
        at=unit.at,
        text=text,
        number=number.id,
        type=item.content.type,
        choice=item.content.choice,
        referral=_referral(item),
        language=spoken or (previous.state.language if previous else ""),
        tags=frozenset((*tags, *_contact_tags(item, number, context))),
        state=rule_state(previous),
    )


def _find_asked_text(
    item: items.Message,
    text: str,
    previous: Conversation | None,
    number: Number,
    context: RoutingContext,
) -> str:
    """Return the id of the text that typed words ask for. A caption, a tap and an option of the
    open menu ask for none: nobody would look at the file or at the choice."""
    asked = context.text_words.get(fold_request(text), "")
    if not asked or item.content.type != TYPED:
        return ""
    path = menus.open_path(previous)
    is_option = menus.match_choice(item, text, path, context.config, number.tenant)
    return "" if is_option else asked


def _is_reopen_button(
    item: items.Message, previous: Conversation | None, context: RoutingContext
) -> bool:
    """True if the citizen only pressed the button of the reopen request. Then the answers on hold
    are sent and there is no other work."""
    if item.content.type != BUTTON or previous is None or not item.quoted:
        return False
    hash = context.hashes.of(previous.tenant)
    return hash("wamid", item.quoted).hex() in previous.state.asks_named


def _find_pii_kinds(content: items.Content) -> tuple[str, ...]:
    """Look in the text and in the file name, because people name a file after their number."""
    findings = find_pii(content.text)
    if content.filename:
        findings += find_pii(content.filename)
    return tuple(dict.fromkeys([finding.kind for finding in findings]))


def _small_talk_kind(item: items.Message, text: str) -> str:
    return small_talk.small_talk_kind(text) if text and not item.content.choice else ""


def _contact_tags(item: items.Message, number: Number, context: RoutingContext) -> tuple[str, ...]:
    """Return the tags of the person in the municipality's own lists."""
    if not context.contacts:  # of most municipalities
        return ()
    tags = (
        tag
        for identity in item.person.identities
        if identity.kind == "phone"
        for tag in context.contacts.get((number.tenant, identity.value.removeprefix("+")), ())
    )
    return tuple(dict.fromkeys(tags))


def _referral(item: items.Message) -> str:
    """Return the words of the advertisement or the link that brought the citizen here."""
    if not item.referral:  # most messages
        return ""
    return " ".join(v for v in item.referral.values() if isinstance(v, str))


def rule_state(previous: Conversation | None) -> str:
    """Return the state of the conversation in the words of a rule; see
    `services.config.routing_rules`."""
    if previous is None:
        return "new"
    if previous.closed_at:
        return "reopened"
    if previous.state.answered_at:
        return "answered"
    return "decided" if previous.rule else "undecided"
