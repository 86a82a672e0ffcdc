"""A message from a citizen: its person, conversation, department and automatic reply. Pure."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec

from router.conversation import auto_reply, consent, outgoing, timers, transition
from router.conversation.burst import is_undecided
from router.conversation.interpretation import interpret
from router.conversation.message_context import MessageContext
from router.conversation.placement import (
    apply_deputy,
    find_conversation,
    open_conversation,
    place_message,
)
from router.conversation.refusals import MARKETING_MESSAGES
from router.handlers.media import LINK, attachment_info
from router.identity import resolver
from router.model.changes import Changes, InboundRef, NumberNotice
from router.model.consent import STOP, OptOut, Withdrawal
from router.model.conversation import Conversation
from router.model.decision import (
    Alarm,
    Archived,
    Data,
    Decision,
    MessageDecision,
    Quarantined,
    Reply,
)
from router.model.needs import Needs, identity_hashes
from router.model.snapshot import Snapshot
from router.model.work import RoutingContext, WorkUnit
from router.output.archive_records import KindAndData, ended_consent_data
from router.output.crm_events import (
    AddressedEvent,
    build_alarm,
    build_event,
    build_transfer,
    case_json,
    conversation_json,
    decision_json,
    labels_json,
    person_json,
    reply_json,
)
from router.text import small_talk
from services.config.numbers import Number
from services.contract import REACTION
from services.event_types import RECEIVED
from services.files.filenames import sanitise_filename
from services.language.personal_numbers import mask_pii
from services.whatsapp import items
from services.whatsapp.parser import words

INBOUND = "messages"
"""Webhook field of citizens' messages. Echoes and history are archived and never routed."""


def needs(unit: WorkUnit, item: items.Message, context: RoutingContext) -> Needs:
    """The sender and their last message, and their consents where the words withdraw them."""
    identities = (*item.person.identities, *item.becomes)
    return Needs(
        numbers=(item.number,),
        identities=identity_hashes(item.number, identities, context),
        consents=small_talk.opt_choice(words(item)) == "stop",
        last_heard=True,
    )


def decide_message(
    unit: WorkUnit, item: items.Message, snapshot: Snapshot, context: RoutingContext
) -> tuple[Decision, Changes]:
    number = context.config.number(item.number)
    if number is None:
        return _quarantine(unit, "the number is not in the configuration")
    if item.field != INBOUND or item.group:
        return archive_only(unit, item.number, context), Changes()
    if not item.person.identities:
        return _quarantine(unit, "the sender has no identity")
    at = resolver.written_at(unit, item.sent_at)
    identities = resolver.SenderIdentities(item.person.identities, at, item.becomes)
    who = resolver.resolve_person(unit, number, identities, snapshot, context)
    message = _message_context(unit, item, number, who, snapshot, context)
    conversation = transition.apply_message(message)
    closed_till = _find_next_opening(conversation, unit, context)
    reply_context = _reply_context(message, conversation, closed_till)
    chosen = auto_reply.choose_reply(reply_context, context)
    to = resolver.find_reply_address(who, number, snapshot) if chosen else None
    reply, sent = None, Changes()
    if chosen and to:
        candidate, reply = chosen
        conversation = transition.apply_auto_reply(conversation, unit.at, candidate, closed_till)
        sent = outgoing.outgoing_changes(unit, conversation, reply, to)
    elif pending := auto_reply.find_pending_reply(reply_context, context):
        conversation = _with_pending_text(conversation, pending)
    withdrawals = _withdrawals(message)
    ended = consent.find_ended_purposes(withdrawals, snapshot)
    decision = _decision(message, conversation, reply, ended)
    return decision, _changes(message, conversation, decision, sent, withdrawals)


def _with_pending_text(conversation: Conversation, text: str) -> Conversation:
    pending = conversation.state.pending_texts
    if text in pending:
        return conversation
    return conversation.with_state(pending_texts=(*pending, text))


def _message_context(
    unit: WorkUnit,
    item: items.Message,
    number: Number,
    who: resolver.ResolvedPerson,
    snapshot: Snapshot,
    context: RoutingContext,
) -> MessageContext:
    last = find_conversation(number, who.person, snapshot)
    interpretation = interpret(unit, item, last, number, context)
    placement = place_message(unit, item, last, interpretation, number, context)
    if last and placement.previous is None:
        # A new conversation: the closed one, with its tags, does not affect the interpretation.
        interpretation = interpret(unit, item, None, number, context)
        placement = place_message(unit, item, None, interpretation, number, context)
    placement = apply_deputy(placement, number, unit, context)
    tenant = context.config.tenant(number.tenant)
    assert tenant is not None
    return MessageContext(
        unit=unit,
        item=item,
        number=number,
        tenant=tenant,
        sender=who,
        interpretation=interpretation,
        placement=placement,
        previous=placement.previous
        or open_conversation(unit, number, who.person, placement.verdict, context),
        number_notice=snapshot.number_notices.get(number.id) or NumberNotice(number=number.id),
        is_first_contact=auto_reply.is_first_contact(snapshot.last_heard.get(who.person), unit.at)
        or (last is not None and last.state.welcome),
        context=context,
    )


def _find_next_opening(
    conversation: Conversation, unit: WorkUnit, context: RoutingContext
) -> datetime | None:
    """Return when the closed department of a conversation opens; None while it is open."""
    hours = context.hours.get((conversation.tenant, conversation.department))
    return None if hours is None or hours.is_open(unit.at) else hours.next_opening(unit.at)


def _reply_context(
    message: MessageContext, conversation: Conversation, closed_till: datetime | None
) -> auto_reply.ReplyContext:
    chosen = message.placement.choice
    return auto_reply.ReplyContext(
        unit=message.unit,
        interpretation=message.interpretation,
        conversation=conversation,
        tenant=message.tenant,
        number_notice=message.number_notice,
        type=message.item.content.type,
        unsupported_type=str(message.item.content.detail.get("type", "")),
        errors=message.item.errors,
        sent_at=message.item.sent_at,
        menu_path=message.placement.menu_path,
        option_reply=chosen.option.reply if chosen and not chosen.is_back else "",
        is_unclear=message.placement.is_unclear,
        department_opens_at=closed_till,
    )


def _inbound_ref(message: MessageContext, decision: Decision) -> InboundRef | None:
    """Return the reference by which an answer can quote this message; a reaction has none."""
    item = message.item
    if decision.message is None or not item.id or item.content.type == REACTION:
        return None
    return InboundRef(decision.message, item.id, decision.conversation)


def archive_only(unit: WorkUnit, number: str, context: RoutingContext, **fields: Any) -> Archived:
    """Return a decision that makes a record and nothing else."""
    configured = context.config.number(number)
    tenant = configured.tenant if configured else ""
    return Archived(record=unit.id("record"), tenant=tenant, **fields)


def _quarantine(unit: WorkUnit, reason: str) -> tuple[Decision, Changes]:
    return Quarantined(record=unit.id("record"), reason=reason), Changes()


def _decision(
    message: MessageContext,
    conversation: Conversation,
    reply: Reply | None,
    ended: tuple[str, ...],
) -> MessageDecision:
    unit, interpretation, state = message.unit, message.interpretation, conversation.state
    department = message.context.config.department(conversation.tenant, conversation.department)
    former = None
    if not message.is_new_conversation:
        former = transition.former_owner(unit, message.previous, conversation, message.context)
    provisional = is_undecided(state)
    care = interpretation.outcome.care
    return MessageDecision(
        record=unit.id("record"),
        tenant=conversation.tenant,
        conversation=conversation.id,
        department=conversation.department,
        destination=department.destination if department else "",
        rule=conversation.rule,
        reason=conversation.why(),
        sequence=conversation.sequence - (reply is not None),
        message=unit.id("message"),
        event=unit.id("event"),
        opened=unit.id("opened") if message.is_new_conversation else None,
        zaak=conversation.zaak,
        matched_by_phone=message.sender.matched_by_phone,
        version=message.context.version,
        provisional=provisional,
        task=not (provisional or interpretation.needs_no_action),
        reopened=message.placement.reopened,
        labels=conversation.labels(),
        sensitive=interpretation.sensitive,
        mask=tuple(dict.fromkeys((*state.mask, *(department.mask if department else ())))),
        care=care.kind if care else "",
        care_reason=interpretation.outcome.care_reason,
        alarm=_alarm(message),
        reply=reply,
        window_until=conversation.window_until(),
        held=state.held,
        releases=message.previous.state.held and not state.held,
        marks=interpretation.outcome.annotations.rules,
        former=former,
        ended=ended,
    )


def _alarm(message: MessageContext) -> Alarm | None:
    care, wake = message.interpretation.outcome.care, message.tenant.care.destinations
    if care is None or not wake or not transition.should_alert(message):
        return None
    event = message.unit.id("alarm")
    return Alarm(event=event, destination=wake[0], care=care.kind, nth=1)


def _changes(
    message: MessageContext,
    conversation: Conversation,
    decision: Decision,
    sent: Changes,
    withdrawals: tuple[Withdrawal, ...],
) -> Changes:
    return msgspec.structs.replace(
        sent,
        withdrawals=withdrawals,
        conversation=conversation,
        identities=message.sender.identities,
        inbound=_inbound_ref(message, decision),
        opt_out=_opt_out(message),
        timers=timers.after_message(message, conversation),
    )


def _opt_out(message: MessageContext) -> OptOut | None:
    if not message.interpretation.opt:
        return None
    return OptOut(
        tenant=message.number.tenant,
        person=message.sender.person,
        category=MARKETING_MESSAGES,
        value="stop" if message.interpretation.opt == "stop" else "resume",
        at=message.unit.at,
    )


def _withdrawals(message: MessageContext) -> tuple[Withdrawal, ...]:
    """Return the withdrawal of all consent by a citizen who sends STOP."""
    if message.interpretation.opt != "stop":
        return ()
    tenant, person = message.number.tenant, message.sender.person
    return (Withdrawal(tenant=tenant, person=person, by=STOP, at=message.unit.at),)


def events(unit: WorkUnit, message: items.Message, decision: Decision) -> Iterator[AddressedEvent]:
    """Yield the alarm, the transfer by a rule, and the message itself."""
    if not isinstance(decision, MessageDecision):
        return
    if decision.alarm:
        yield build_alarm(unit, decision, decision.alarm)
    yield from build_transfer(unit, decision)
    if decision.event:
        data = _event_data(unit, message, decision)
        yield build_event(unit, decision, RECEIVED, decision.event, data)


def _event_data(unit: WorkUnit, message: items.Message, decision: MessageDecision) -> Data:
    content = message.content
    return {
        **conversation_json(decision),
        "messageId": decision.message,
        "type": content.type,
        "text": _mask(content.text, decision),
        "choice": content.choice,
        "author": {"kind": "citizen"},
        "from": person_json(message.person) | {"name": _mask(message.person.name, decision)},
        "receivedAt": unit.at,
        "sentAt": message.sent_at,
        "media": [_media_json(content, decision)] if attachment_info(content) else [],
        "decision": decision_json(decision),
        "provisional": decision.provisional,
        "task": decision.task,
        "reopened": decision.reopened,
        "sensitive": decision.sensitive,
        "windowUntil": decision.window_until,
        **_place_json(content),
        **labels_json(decision, decision.care),
        **reply_json(decision),
    }


def _media_json(content: items.Content, decision: MessageDecision) -> Data:
    return {
        "id": decision.message,
        "mimeType": content.mime_type,
        "filename": sanitise_filename(_mask(content.filename, decision)),
        "link": LINK.format(decision.message),
    }


def _place_json(content: items.Content) -> Data:
    """Return the place that a citizen shared, in degrees; nothing without one."""
    place = content.detail if content.type == "location" else {}
    degrees = place.get("latitude"), place.get("longitude")
    if not all(isinstance(each, int | float) for each in degrees):
        return {}
    return {"place": {"latitude": degrees[0], "longitude": degrees[1]}}


def _mask(text: str, decision: MessageDecision) -> str:
    """Mask PII that the department does not see in a message, a file name or a person's name."""
    return mask_pii(text, decision.mask) if decision.mask else text


def record(unit: WorkUnit, message: items.Message, decision: Decision) -> KindAndData:
    """Return what the record of a message from a citizen, or of an echo, says."""
    data = {
        "direction": "in" if isinstance(decision, MessageDecision) else "echo",
        "type": message.content.type,
        "text": message.content.text,
        "wamid": message.id,
        "number": message.number,
        "field": message.field,
        "department": decision.department,
        "decision": decision_json(decision),
        "from": person_json(message.person),
        "receivedAt": unit.at,
        "sentAt": message.sent_at,
        "quoted": message.quoted,
    }
    if medium := attachment_info(message.content):
        data["medium"] = medium
    if isinstance(decision, MessageDecision):
        data |= {name: value for name, value in _labels_data(decision).items() if value}
        data |= ended_consent_data(decision.ended)
    data |= case_json(decision)
    return "message", data


def _labels_data(decision: MessageDecision) -> Data:
    return {
        "tags": decision.labels.tags,
        "priority": decision.labels.priority,
        "priorityReason": decision.labels.priority_reason,
        "alsoAbout": decision.labels.also_about,
        "language": decision.labels.language,
        "sensitive": decision.sensitive,
        "mask": decision.mask,
        "due": decision.labels.due,
        "care": decision.care,
        "careReason": decision.care_reason,
        "asked": decision.alarm.destination if decision.alarm else "",
        "provisional": decision.provisional,
        "reopened": decision.reopened,
        "held": decision.held,
        "marks": decision.marks,
        "automatic": decision.reply.name if decision.reply else "",
        "continued": decision.matched_by_phone,
    }
