"""Deciding what a citizen wrote: who, which conversation, which department, and why. Pure."""

import base64
from uuid import UUID

import msgspec

from router import people
from router.decisions import Changes, Conversation, Decision, Ground, Heard, Unit
from router.knowledge import Knowledge
from router.rules import Verdict, route
from services.contract import REACTION
from services.numbers import Number
from services.whatsapp import items
from services.whatsapp.parse import words

INBOUND = "messages"
"""The webhook field under which citizens write; echoes and history are kept, never routed."""


def message(
    unit: Unit, item: items.Message, known: Knowledge, ground: Ground
) -> tuple[Decision, Changes]:
    number = ground.config.number(item.number)
    if number is None:
        return _refused(unit, "the number is not in the configuration", ground)
    if item.field != INBOUND or item.group:
        return kept(unit, "echo", item.number, ground), Changes()
    if not item.person.identities:
        return _refused(unit, "the sender has no identity", ground)
    at = people.said_at(unit, item.sent_at)
    called = people.Called(item.person.identities, at, item.becomes)
    who = people.resolve(unit, number, called, known, ground)
    before = known.conversations.get(known.open.get((number.id, who.person), ""))
    verdict = _verdict(before, words(item), number, ground)
    now = _conversation(unit, before or opened(unit, number, who.person, verdict, ground), verdict)
    decision = _decision(unit, before, now, ground)
    if who.continued:
        decision = msgspec.structs.replace(decision, continued=True)
    heard = _heard(item, decision)
    return decision, Changes(conversation=now, identities=who.changed, heard=heard)


def _heard(item: items.Message, decision: Decision) -> Heard | None:
    """So that it can be quoted; a reaction cannot."""
    if decision.message is None or not item.id or item.content.type == REACTION:
        return None
    return Heard(decision.message, item.id, decision.conversation)


def kept(unit: Unit, kind: str, number: str, ground: Ground) -> Decision:
    """For the record alone."""
    ours = ground.config.number(number)
    record = unit.id("record", ground.hash)
    return Decision(kind=kind, record=record, tenant=ours.tenant if ours else "")


def _refused(unit: Unit, reason: str, ground: Ground) -> tuple[Decision, Changes]:
    record = unit.id("record", ground.hash)
    return Decision(kind="quarantined", record=record, reason=reason), Changes()


def _verdict(before: Conversation | None, text: str, number: Number, ground: Ground) -> Verdict:
    """A department is sticky once a rule or a person has chosen it. While only the fallback stands,
    the first message that a rule knows still decides: people say hello before they say what it is
    about. A department that is gone from the configuration cannot be told anything: then it starts
    again."""
    verdict = route(ground.rules[number.tenant], text, number.fallback)
    if before is None or (verdict.rule and not before.rule):
        return verdict
    if ground.config.department(before.tenant, before.department) is None:
        return verdict
    return Verdict(before.department, before.rule, before.reason)


def opened(
    unit: Unit, number: Number, person: UUID, verdict: Verdict, ground: Ground
) -> Conversation:
    """A new episode. Its id begins with our number's, so that whoever has the id knows the
    partition and the municipality; the rest cannot be guessed."""
    chance = ground.hash("conversation", unit.key.hex())
    return Conversation(
        id=f"{number.id}-{base64.b32encode(chance).decode().rstrip('=').lower()}",
        tenant=number.tenant,
        number=number.id,
        person=person,
        department=verdict.department,
        rule=verdict.rule,
        reason=verdict.reason,
        since=unit.at,
        opened_at=unit.at,
        departments=(verdict.department,),
    )


def _conversation(unit: Unit, before: Conversation, verdict: Verdict) -> Conversation:
    moved = before.department != verdict.department
    return msgspec.structs.replace(
        before.into(verdict, unit.at),
        last_inbound_at=unit.at,
        # A move is an event of its own, with a place in the order just before the message.
        sequence=before.sequence + (2 if moved else 1),
    )


def _decision(
    unit: Unit, before: Conversation | None, now: Conversation, ground: Ground
) -> Decision:
    department = ground.config.department(now.tenant, now.department)
    moved = before is not None and before.department != now.department
    return Decision(
        kind="message",
        record=unit.id("record", ground.hash),
        tenant=now.tenant,
        conversation=now.id,
        department=now.department,
        destination=department.destination if department else "",
        rule=now.rule,
        reason=now.reason,
        sequence=now.sequence,
        message=unit.id("message", ground.hash),
        event=unit.id("event", ground.hash),
        opened=unit.id("opened", ground.hash) if before is None else None,
        transfer=unit.id("transfer", ground.hash) if moved else None,
        moved_from=before.department if before and moved else "",
        zaak=now.zaak,
    )
