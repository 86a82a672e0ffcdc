"""Deciding what a citizen wrote: who, which conversation, which department, and why. Pure."""

from datetime import datetime

import msgspec

from router.conversation import auto_reply, consent, outgoing, timers, transition
from router.conversation.interpretation import interpret
from router.conversation.message_context import MessageContext
from router.conversation.placement import (
    apply_deputy,
    find_conversation,
    open_conversation,
    place_message,
)
from router.conversation.refusals import MARKETING_MESSAGES
from router.identity import resolver
from router.model.consent import STOP, OptOut, Withdrawal
from router.model.conversation import Conversation
from router.model.decision import (
    Alarm,
    Changes,
    Decision,
    InboundRef,
    NumberNotice,
    Reply,
    RoutingContext,
    WorkUnit,
)
from router.model.needs import Needs, identity_hashes
from router.model.snapshot import Snapshot
from router.text import small_talk
from services.config.numbers import Number
from services.contract import REACTION
from services.whatsapp import items
from services.whatsapp.delivery_status import CUSTOMER_SERVICE_WINDOW
from services.whatsapp.parser import words

INBOUND = "messages"
"""The webhook field under which citizens write; echoes and history are kept, never routed."""


def needs(unit: WorkUnit, item: items.Message, ground: RoutingContext) -> Needs:
    """The sender, and their consents where the words withdraw them."""
    identities = (*item.person.identities, *item.becomes)
    return Needs(
        numbers=(item.number,),
        identities=identity_hashes(item.number, identities, ground),
        consents=small_talk.opt_choice(words(item)) == "stop",
    )


def decide_message(
    unit: WorkUnit, item: items.Message, known: Snapshot, ground: RoutingContext
) -> tuple[Decision, Changes]:
    number = ground.config.number(item.number)
    if number is None:
        return _refused(unit, "the number is not in the configuration", ground)
    if item.field != INBOUND or item.group:
        return archive_only(unit, "echo", item.number, ground), Changes()
    if not item.person.identities:
        return _refused(unit, "the sender has no identity", ground)
    at = resolver.written_at(unit, item.sent_at)
    called = resolver.SenderIdentities(item.person.identities, at, item.becomes)
    who = resolver.resolve_person(unit, number, called, known, ground)
    case = _case(unit, item, number, who, known, ground)
    now = transition.apply_message(case)
    till = _closed_till(now, unit, ground)
    to = resolver.find_reply_address(who, number, known)
    moment = _moment(case, now, till)
    answered = auto_reply.choose_reply(moment, ground) if to else None
    reply = None
    if answered:
        candidate, reply = answered
        now = transition.apply_auto_reply(now, unit.at, candidate, till)
    elif (
        owes := auto_reply.find_pending_reply(moment, ground)
    ) and owes not in now.state.pending_texts:
        now = now.with_state(pending_texts=(*now.state.pending_texts, owes))
    withdrawals = _withdrawn(case)
    decision = _decision(case, now, reply)
    decision = msgspec.structs.replace(
        decision, ended=consent.find_ended_purposes(withdrawals, known)
    )
    sent = outgoing.outgoing_changes(unit, now, reply, to) if reply and to else Changes()
    sent = msgspec.structs.replace(sent, withdrawals=withdrawals)
    return decision, _changes(case, now, decision, sent)


def _case(
    unit: WorkUnit,
    item: items.Message,
    number: Number,
    who: resolver.ResolvedPerson,
    known: Snapshot,
    ground: RoutingContext,
) -> MessageContext:
    last = find_conversation(number, who.person, known)
    said = interpret(unit, item, last, number, ground)
    found = place_message(unit, item, last, said, number, ground)
    if last and found.previous is None:  # what was closed, with its labels, is another matter
        said = interpret(unit, item, None, number, ground)
        found = place_message(unit, item, None, said, number, ground)
    found = apply_deputy(found, number, unit, ground)
    tenant = ground.config.tenant(number.tenant)
    assert tenant is not None
    return MessageContext(
        unit=unit,
        item=item,
        number=number,
        tenant=tenant,
        sender=who,
        interpretation=said,
        placement=found,
        previous=found.previous
        or open_conversation(unit, number, who.person, found.verdict, ground),
        number_notice=known.number_notices.get(number.id) or NumberNotice(number=number.id),
        is_first_contact=auto_reply.is_first_contact(known.last_heard.get(who.person), unit.at)
        or (last is not None and last.state.welcome),
        context=ground,
    )


def _closed_till(now: Conversation, unit: WorkUnit, ground: RoutingContext) -> datetime | None:
    hours = ground.hours.get((now.tenant, now.department))
    return None if hours is None or hours.is_open(unit.at) else hours.next_opening(unit.at)


def _moment(
    case: MessageContext, now: Conversation, till: datetime | None
) -> auto_reply.ReplyContext:
    chosen = case.placement.choice
    return auto_reply.ReplyContext(
        unit=case.unit,
        interpretation=case.interpretation,
        conversation=now,
        tenant=case.tenant,
        number_notice=case.number_notice,
        type=case.item.content.type,
        unsupported_type=str(case.item.content.detail.get("type", "")),
        errors=case.item.errors,
        sent_at=case.item.sent_at,
        menu_path=case.placement.menu_path,
        option_reply=chosen.option.reply if chosen and not chosen.is_back else "",
        is_unclear=case.placement.is_unclear,
        department_opens_at=till,
    )


def _heard(case: MessageContext, decision: Decision) -> InboundRef | None:
    """So that it can be quoted; a reaction cannot."""
    item = case.item
    if decision.message is None or not item.id or item.content.type == REACTION:
        return None
    return InboundRef(decision.message, item.id, decision.conversation)


def archive_only(unit: WorkUnit, kind: str, number: str, ground: RoutingContext) -> Decision:
    """For the record alone."""
    ours = ground.config.number(number)
    record = unit.id("record")
    return Decision(kind=kind, record=record, tenant=ours.tenant if ours else "")


def _refused(unit: WorkUnit, reason: str, ground: RoutingContext) -> tuple[Decision, Changes]:
    record = unit.id("record")
    return Decision(kind="quarantined", record=record, reason=reason), Changes()


def _decision(case: MessageContext, now: Conversation, reply: Reply | None) -> Decision:
    unit, said, state = case.unit, case.interpretation, now.state
    department = case.context.config.department(now.tenant, now.department)
    moved = (
        {}
        if case.is_new_conversation
        else transition.transfer_fields(unit, case.previous, now, case.context)
    )
    provisional = not (state.has_question or state.answered_at)
    care = said.outcome.care
    return Decision(
        kind="message",
        record=unit.id("record"),
        tenant=now.tenant,
        conversation=now.id,
        department=now.department,
        destination=department.destination if department else "",
        rule=now.rule,
        reason=now.reason,
        sequence=now.sequence - (reply is not None),
        message=unit.id("message"),
        event=unit.id("event"),
        opened=unit.id("opened") if case.is_new_conversation else None,
        zaak=now.zaak,
        matched_by_phone=case.sender.matched_by_phone,
        version=case.context.version,
        provisional=provisional,
        task=not (provisional or said.needs_no_action),
        reopened=case.placement.reopened,
        tags=state.tags,
        priority=state.priority,
        language=state.language,
        sensitive=said.sensitive,
        mask=tuple(dict.fromkeys((*state.mask, *(department.mask if department else ())))),
        due=state.due,
        care=care.kind if care else "",
        care_reason=said.outcome.care_reason,
        alarm=_alarm(case),
        reply=reply,
        assignee=state.assignee,
        window_until=now.said_at + CUSTOMER_SERVICE_WINDOW if now.said_at else None,
        held=state.held,
        releases=case.previous.state.held and not state.held,
        marks=said.outcome.annotations.rules,
        **moved,
    )


def _alarm(case: MessageContext) -> Alarm | None:
    care, wake = case.interpretation.outcome.care, case.tenant.care.destinations
    if care is None or not wake or not transition.should_alert(case):
        return None
    event = case.unit.id("alarm")
    return Alarm(event=event, destination=wake[0], care=care.kind, nth=1)


def _changes(case: MessageContext, now: Conversation, decision: Decision, sent: Changes) -> Changes:
    return msgspec.structs.replace(
        sent,
        conversation=now,
        identities=case.sender.identities,
        inbound=_heard(case, decision),
        opt_out=_opt_out(case),
        timers=timers.after_message(case, now),
    )


def _opt_out(case: MessageContext) -> OptOut | None:
    if not case.interpretation.opt:
        return None
    return OptOut(
        tenant=case.number.tenant,
        person=case.sender.person,
        category=MARKETING_MESSAGES,
        value="stop" if case.interpretation.opt == "stop" else "resume",
        at=case.unit.at,
    )


def _withdrawn(case: MessageContext) -> tuple[Withdrawal, ...]:
    """Who says STOP ends all that they agreed to."""
    if case.interpretation.opt != "stop":
        return ()
    tenant, person = case.number.tenant, case.sender.person
    return (Withdrawal(tenant=tenant, person=person, by=STOP, at=case.unit.at),)
