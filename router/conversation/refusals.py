"""Reasons to refuse a command, as a sentence for its sender. Pure.

Each reason begins with its code; '' means that the command is allowed.
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
"""Status in which Meta does not send a template -> reason of the refusal."""
OFFICIAL = "officieel"
"""Tag of a message with legal weight: an objection, a complaint, a request."""
MARKETING = "MARKETING"
"""Meta's category of templates that a user can opt out of, and Meta's name for that opt-out."""
MARKETING_MESSAGES = "marketing_messages"


class _Language(msgspec.Struct):
    code: str


class _Template(msgspec.Struct):
    name: str
    language: _Language


class _Content(msgspec.Struct):
    template: _Template


_content = msgspec.json.Decoder(_Content)


def read_template(command: Command) -> tuple[str, str] | None:
    """Return name and language of the template that a command sends."""
    if command.type != "template":
        return None
    try:
        template = _content.decode(command.content).template
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return template.name, template.language.code


def is_same_tenant(command: Command, number: Number) -> bool:
    """True if the token may act for the municipality of this number."""
    return command.tenant in ("", number.tenant)


def has_department(number: Number, department: str, context: RoutingContext) -> bool:
    return context.config.department(number.tenant, department) is not None


def conversation_refusal(
    command: Command, conversation: Conversation | None, number: Number, context: RoutingContext
) -> str:
    """Return the reason to refuse any command in this conversation. A conversation of another
    municipality does not exist for the sender."""
    if conversation is None or not is_same_tenant(command, number):
        return NO_CONVERSATION
    if (conversation.number, conversation.tenant) != (number.id, number.tenant):
        return NO_CONVERSATION
    if command.type == "confirm":  # an alerted person may be of another department
        return ""
    if reason := department_refusal(command, conversation):
        return reason
    if command.type == "transfer":
        return _transfer_refusal(command, conversation, number, context)
    return _close_refusal(command, conversation) if command.type == "close" else ""


def _transfer_refusal(
    command: Command, conversation: Conversation, number: Number, context: RoutingContext
) -> str:
    if command.to_department and not has_department(number, command.to_department, context):
        return NO_DEPARTMENT
    return CLOSED if conversation.closed_at else ""


def _close_refusal(command: Command, conversation: Conversation) -> str:
    """Refuse a close if the citizen has asked something since `last_seen_sequence`, the last
    message that the sender saw in another system."""
    if (
        command.last_seen_sequence is not None
        and conversation.state.last_request_sequence > command.last_seen_sequence
    ):
        return ASKED
    return OUTCOME_NEEDED if is_outcome_missing(command, conversation) else ""


def is_outcome_missing(command: Command, conversation: Conversation) -> bool:
    """True if the conversation has legal weight and the command does not say what was done about
    it."""
    return OFFICIAL in conversation.state.tags and not command.outcome


def may_act_for(command: Command, department: str) -> bool:
    """True if the token may act for this department."""
    return not command.departments or department in command.departments


def department_refusal(command: Command, conversation: Conversation) -> str:
    """Check the department again: since the gateway checked it, the conversation may have moved."""
    is_own_department = command.department in ("", conversation.department)
    may_act = is_own_department and may_act_for(command, conversation.department)
    return "" if may_act else TRANSFERRED


def quoted_message_refusal(command: Command, conversation: str, snapshot: Snapshot) -> str:
    """Return the reason to refuse a quote or a reaction: the message belongs to another
    conversation, was never sent to the citizen, is not a message at all, or is a reaction, which
    Meta allows no one to quote or react to."""
    if command.reply_to_message is None:
        return ""
    outgoing = snapshot.outgoing.get(command.reply_to_message)
    if inbound := snapshot.inbound.get(command.reply_to_message):
        return "" if inbound.conversation == conversation else NO_MESSAGE
    if outgoing is None or outgoing.conversation != conversation:
        return NO_MESSAGE
    is_unsent = outgoing.status == "failed" and outgoing.wamid_hash is None
    if is_unsent or outgoing.status == COMMAND_DONE or outgoing.type == REACTION:
        return NO_MESSAGE
    return ""


def template_refusal(
    command: Command, conversation: Conversation, snapshot: Snapshot, context: RoutingContext
) -> str:
    """Return the reason to refuse a template: Meta does not send it any more, or this citizen opted
    out of its category."""
    name_and_language = read_template(command)
    number = context.config.number(conversation.number)
    if name_and_language is None or number is None:
        return ""
    templates = [
        template
        for template in snapshot.templates_named(*name_and_language)
        if _may_send(template.waba, number, context)
    ]
    for template in templates:
        if template.status in BLOCKED:
            return BLOCKED[template.status]
    choice = snapshot.opt_outs.get((conversation.tenant, conversation.person, MARKETING_MESSAGES))
    marketing = any(template.category == MARKETING for template in templates)
    return OPTED_OUT if marketing and choice and choice.value == "stop" else ""


def _may_send(waba: str, number: Number, context: RoutingContext) -> bool:
    """True if a number sends the templates of this account. A number without a configured account
    does so if there is only one municipality that could."""
    if number.waba:
        return waba == number.waba
    others = {n.waba for n in context.config.numbers} - {""}
    return len(context.config.tenants) == 1 and waba not in others
