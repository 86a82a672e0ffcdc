"""Why an order of a CRM is refused, in a sentence for whoever gave it. Pure.

Each begins with its code. '' says that nothing is against it.
"""

import msgspec

from router.model.conversation import Conversation
from router.model.decision import RoutingContext
from router.model.snapshot import Snapshot
from services.config.numbers import Number
from services.contract import REACTION, Command
from services.whatsapp.delivery_status import COMMAND_DONE

NO_CONVERSATION = "conversation_unknown: dit gesprek bestaat niet"
NO_NUMBER = "number_unknown: dit nummer staat niet in de configuratie"
NO_ADDRESS = "address_unknown: van deze inwoner is geen nummer bekend"
NO_DEPARTMENT = "department_unknown: deze afdeling bestaat niet"
NAME_DEPARTMENT = "department_unknown: zeg voor welke afdeling dit bericht is"
NO_MESSAGE = "message_unknown: het bericht waarop dit slaat hoort niet bij dit gesprek"
TRANSFERRED = "transferred: dit gesprek is nu bij een andere afdeling"
CLOSED = "closed: dit gesprek is gesloten"
TYPE_UNKNOWN = "type_unknown: dit soort opdracht bestaat niet"
FAULT = "fault: Postkamer kon dit niet uitvoeren; de beheerder moet kijken waarom"
ASKED = "asked_meanwhile: de inwoner vroeg nog iets dat daar niet is gezien"
OUTCOME_NEEDED = "outcome_needed: zeg wat er met dit officiële bericht is gedaan"
SAME = "same: dit is hetzelfde gesprek"
HELD = "held: een van beide gesprekken wordt vastgehouden; laat het eerst los"
MARKS_OFF = "marks_off: dit nummer laat niemand zien dat een bericht is gelezen"
CONFIDENTIAL = "confidential: een vertrouwelijke afdeling laat niemand zien dat iets is gelezen"
NOTHING_TO_MARK = "nothing_to_mark: de inwoner schreef hier de laatste 30 dagen niets"
OPTED_OUT = "opted_out: de inwoner wil deze berichten niet meer krijgen"

BLOCKED = {
    "PAUSED": "template_blocked: dit sjabloon is door Meta gepauzeerd",
    "DISABLED": "template_blocked: dit sjabloon is door Meta uitgezet",
    "REJECTED": "template_blocked: dit sjabloon is door Meta afgekeurd",
}
"""Meta's word for the state of a template that it sends no more."""
OFFICIAL = "officieel"
"""Label of a message with legal weight: an objection, a complaint, a request."""
MARKETING = "MARKETING"
"""Meta's category of template, and what its users turn off."""
MARKETING_MESSAGES = "marketing_messages"


class _Language(msgspec.Struct):
    code: str


class _Named(msgspec.Struct):
    name: str
    language: _Language


class _Content(msgspec.Struct):
    template: _Named


_content = msgspec.json.Decoder(_Content)


def template_of(order: Command) -> tuple[str, str] | None:
    """Name and language of the template that an order would send."""
    if order.type != "template":
        return None
    try:
        named = _content.decode(order.content).template
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return named.name, named.language.code


def same_tenant(order: Command, number: Number) -> bool:
    """Whether the token is of the municipality whose number it is."""
    return order.tenant in ("", number.tenant)


def exists(number: Number, department: str, ground: RoutingContext) -> bool:
    return ground.config.department(number.tenant, department) is not None


def refusal_for(
    order: Command, conversation: Conversation | None, number: Number, ground: RoutingContext
) -> str:
    """Against anything in this conversation. Another municipality's does not exist."""
    if conversation is None or not same_tenant(order, number):
        return NO_CONVERSATION
    if (conversation.number, conversation.tenant) != (number.id, number.tenant):
        return NO_CONVERSATION
    if order.type == "confirm":  # whoever was woken need not be of the department
        return ""
    if reason := department_mismatch(order, conversation):
        return reason
    if order.type == "transfer":
        return _no_transfer(order, conversation, number, ground)
    return _no_close(order, conversation) if order.type == "close" else ""


def _no_transfer(
    order: Command, conversation: Conversation, number: Number, ground: RoutingContext
) -> str:
    if order.to_department and not exists(number, order.to_department, ground):
        return NO_DEPARTMENT
    return CLOSED if conversation.closed_at else ""


def _no_close(order: Command, conversation: Conversation) -> str:
    """Whoever looked elsewhere says how far that was."""
    if (
        order.last_seen_sequence is not None
        and conversation.state.last_request_sequence > order.last_seen_sequence
    ):
        return ASKED
    return OUTCOME_NEEDED if outcome_missing(order, conversation) else ""


def outcome_missing(order: Command, conversation: Conversation) -> bool:
    """Whether it has legal weight and nobody says what was done about it."""
    return OFFICIAL in conversation.state.tags and not order.outcome


def allows(order: Command, department: str) -> bool:
    """Whether the token may act for this department."""
    return not order.departments or department in order.departments


def department_mismatch(order: Command, conversation: Conversation) -> str:
    """The router has the last word: when the door looked, it may still have been theirs."""
    own = order.department in ("", conversation.department)
    return "" if own and allows(order, conversation.department) else TRANSFERRED


def quoted_message_refusal(order: Command, conversation: str, known: Snapshot) -> str:
    """Against what it quotes or reacts to: not of this conversation, never at the citizen's, no
    message at all, or a reaction, which Meta lets nobody quote or react to."""
    if order.reply_to_message is None:
        return ""
    heard, ours = (
        known.inbound.get(order.reply_to_message),
        known.outgoing.get(order.reply_to_message),
    )
    if heard:
        return "" if heard.conversation == conversation else NO_MESSAGE
    if ours is None or ours.conversation != conversation:
        return NO_MESSAGE
    unsent = ours.status == "failed" and ours.wamid_hash is None
    return NO_MESSAGE if unsent or ours.status == COMMAND_DONE or ours.type == REACTION else ""


def template(
    order: Command, conversation: Conversation, known: Snapshot, ground: RoutingContext
) -> str:
    """Against a template: Meta sends it no more, or this citizen wants none of its kind."""
    named = template_of(order)
    number = ground.config.number(conversation.number)
    if named is None or number is None:
        return ""
    ours = [
        each
        for each in known.templates.values()
        if (each.name, each.language) == named and _is_of(each.waba, number, ground)
    ]
    for each in ours:
        if each.status in BLOCKED:
            return BLOCKED[each.status]
    choice = known.opt_outs.get((conversation.tenant, conversation.person, MARKETING_MESSAGES))
    marketing = any(each.category == MARKETING for each in ours)
    return OPTED_OUT if marketing and choice and choice.value == "stop" else ""


def _is_of(waba: str, number: Number, ground: RoutingContext) -> bool:
    """Whether a number sends the templates of this account. One whose account is not configured
    does so when there is but one municipality that could."""
    if number.waba:
        return waba == number.waba
    others = {n.waba for n in ground.config.numbers} - {""}
    return len(ground.config.tenants) == 1 and waba not in others
