"""Reasons to refuse a command. Pure."""

from typing import TypeGuard
from uuid import UUID

import msgspec

from router.model.conversation import Conversation
from router.model.snapshot import Snapshot
from router.model.work import RoutingContext
from services.config.numbers import Number
from services.contract import (
    REACTION,
    CloseConversation,
    Command,
    SendMessage,
    TransferConversation,
)
from services.refusal import Refusal
from services.whatsapp.delivery_status import COMMAND_DONE

NO_CONVERSATION = Refusal("conversation_unknown", "dit gesprek bestaat niet")
NO_NUMBER = Refusal("number_unknown", "dit nummer staat niet in de configuratie")
NO_ADDRESS = Refusal("address_unknown", "van deze inwoner is geen nummer bekend")
NO_DEPARTMENT = Refusal("department_unknown", "deze afdeling bestaat niet")
NAME_DEPARTMENT = Refusal("department_unknown", "zeg voor welke afdeling dit bericht is")
NO_MESSAGE = Refusal(
    "message_unknown",
    "het bericht waarop dit slaat hoort niet bij dit gesprek, of is te lang geleden",
)
TRANSFERRED = Refusal("transferred", "dit gesprek is nu bij een andere afdeling")
CLOSED = Refusal("closed", "dit gesprek is gesloten")
OTHER_OPEN = Refusal("other_open", "met deze inwoner is al een ander gesprek open")
TYPE_UNKNOWN = Refusal("type_unknown", "dit soort opdracht bestaat niet")
FAULT = Refusal("fault", "Postkamer kon dit niet uitvoeren; de beheerder moet kijken waarom")
ASKED = Refusal("asked_meanwhile", "de inwoner vroeg nog iets dat daar niet is gezien")
ANSWERED = Refusal("answered_meanwhile", "een collega aan een ander bureau heeft al geantwoord")
TOO_OFTEN = Refusal(
    "too_often", "te vaak doorgestuurd zonder antwoord; het blijft bij de afdeling voor de rest"
)
OUTCOME_NEEDED = Refusal("outcome_needed", "zeg wat er met dit officiële bericht is gedaan")
SAME = Refusal("same", "dit is hetzelfde gesprek")
HELD = Refusal("held", "een van beide gesprekken wordt vastgehouden; laat het eerst los")
MARKS_OFF = Refusal("marks_off", "dit nummer laat niemand zien dat een bericht is gelezen")
CONFIDENTIAL = Refusal(
    "confidential", "een vertrouwelijke afdeling laat niemand zien dat iets is gelezen"
)
NOTHING_TO_MARK = Refusal("nothing_to_mark", "de inwoner schreef hier de laatste 30 dagen niets")
NOT_IN_DOUBT = Refusal(
    "not_in_doubt",
    "de status van dit bericht is niet unknown: het wacht nog, of het is al bekend",
)
PERSON_NEEDED = Refusal("person_needed", "alleen een medewerker kan een zorgalarm bevestigen")
TEST_TOKEN = Refusal(
    "test_token",
    "een testtoken verandert geen toestemming en laat geen echt bericht opnieuw gaan",
)
OPTED_OUT = Refusal("opted_out", "de inwoner wil deze berichten niet meer krijgen")

BLOCKED = {
    "PAUSED": Refusal("template_blocked", "dit sjabloon is door Meta gepauzeerd"),
    "DISABLED": Refusal("template_blocked", "dit sjabloon is door Meta uitgezet"),
    "REJECTED": Refusal("template_blocked", "dit sjabloon is door Meta afgekeurd"),
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


def read_template(message: SendMessage) -> tuple[str, str] | None:
    """Return name and language of the template that a message sends."""
    if message.type != "template":
        return None
    try:
        template = _content.decode(message.content).template
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return template.name, template.language.code


def is_same_tenant(command: Command, number: Number) -> bool:
    """True if the token may act for the municipality of this number."""
    return command.tenant in ("", number.tenant)


def is_conversation_of(
    conversation: Conversation | None, command: Command, number: Number
) -> TypeGuard[Conversation]:
    """True if the conversation exists for the sender of a command to this number."""
    if conversation is None or not is_same_tenant(command, number):
        return False
    return (conversation.number, conversation.tenant) == (number.id, number.tenant)


def may_act_for(command: Command, department: str) -> bool:
    """True if the token may act for this department."""
    return not command.departments or department in command.departments


def department_refusal(command: Command, conversation: Conversation) -> Refusal | None:
    """Check the department again: since the gateway checked it, the conversation may have moved."""
    is_own_department = command.department in ("", conversation.department)
    may_act = is_own_department and may_act_for(command, conversation.department)
    return None if may_act else TRANSFERRED


def transfer_refusal(
    action: TransferConversation, conversation: Conversation, context: RoutingContext
) -> Refusal | None:
    to = action.to_department
    if to and context.config.department(conversation.tenant, to) is None:
        return NO_DEPARTMENT
    return CLOSED if conversation.closed_at else None


def close_refusal(action: CloseConversation, conversation: Conversation) -> Refusal | None:
    """Refuse a close if the citizen has asked something since `last_seen_sequence`, the last
    message that the sender saw in another system, or if a conversation with legal weight has no
    outcome."""
    last_seen, state = action.last_seen_sequence, conversation.state
    if last_seen is not None and state.last_request_sequence > last_seen:
        return ASKED
    return OUTCOME_NEEDED if OFFICIAL in state.tags and not action.outcome else None


def reopen_refusal(
    conversation: Conversation, snapshot: Snapshot, context: RoutingContext
) -> Refusal | None:
    """Refuse to open a conversation again if the citizen has another open one at this number, as a
    message of theirs must have one place, or if its department is gone and no one would hear it."""
    if context.config.department(conversation.tenant, conversation.department) is None:
        return NO_DEPARTMENT
    is_other_open = snapshot.open.get((conversation.number, conversation.person)) is not None
    return OTHER_OPEN if is_other_open else None


def answered_refusal(
    message: SendMessage, command: Command, conversation: Conversation
) -> Refusal | None:
    """Refuse a second answer: another desk answered since `last_seen_sequence`, the last message
    that the sender saw in another system."""
    last_seen, state = message.last_seen_sequence, conversation.state
    if last_seen is None or state.answered_token == command.token:
        return None
    return ANSWERED if state.answered_sequence > last_seen else None


def quoted_message_refusal(
    quoted: UUID | None, conversation: str, snapshot: Snapshot
) -> Refusal | None:
    """Return the reason to refuse a quote or a reaction: the message belongs to another
    conversation, was never sent to the citizen, is not a message at all, or is a reaction, which
    Meta allows no one to quote or react to."""
    if quoted is None:
        return None
    if inbound := snapshot.inbound.get(quoted):
        return None if inbound.conversation == conversation else NO_MESSAGE
    outgoing = snapshot.outgoing.get(quoted)
    if outgoing is None or outgoing.conversation != conversation:
        return NO_MESSAGE
    is_unsent = outgoing.status == "failed" and outgoing.wamid_hash is None
    if is_unsent or outgoing.status == COMMAND_DONE or outgoing.type == REACTION:
        return NO_MESSAGE
    return None


def template_refusal(
    message: SendMessage, conversation: Conversation, snapshot: Snapshot, context: RoutingContext
) -> Refusal | None:
    """Return the reason to refuse a template: Meta does not send it any more, or this citizen opted
    out of its category."""
    name_and_language = read_template(message)
    number = context.config.number(conversation.number)
    if name_and_language is None or number is None:
        return None
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
    return OPTED_OUT if marketing and choice and choice.value == "stop" else None


def _may_send(waba: str, number: Number, context: RoutingContext) -> bool:
    """True if a number sends the templates of this account. A number without a configured account
    does so if there is only one municipality that could."""
    if number.waba:
        return waba == number.waba
    others = {n.waba for n in context.config.numbers} - {""}
    return len(context.config.tenants) == 1 and waba not in others
