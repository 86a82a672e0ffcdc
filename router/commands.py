"""Deciding what a CRM ordered: whether, to whom, in which conversation. Pure.

A refusal reaches the sender as status `failed` with a sentence; Meta is not asked.
"""

import msgspec

from router import people
from router.decisions import (
    Changes,
    Conversation,
    Decision,
    Ground,
    Identity,
    Knowledge,
    Outgoing,
    Send,
    Unit,
)
from router.messages import open_conversation
from router.rules import Verdict
from services.contract import Command
from services.numbers import Number
from services.whatsapp import items

NO_CONVERSATION = "conversation_unknown: dit gesprek bestaat niet"
NO_NUMBER = "number_unknown: dit nummer staat niet in de configuratie"
NO_ADDRESS = "address_unknown: van deze inwoner is geen nummer bekend"


def command(
    unit: Unit, given: Command, known: Knowledge, ground: Ground
) -> tuple[Decision, Changes]:
    number = ground.config.number(given.number)
    if number is None:
        return _refused(unit, given, NO_NUMBER, ground)
    if not given.conversation:
        return _to_phone(unit, given, number, known, ground)
    conversation = known.conversations.get(given.conversation)
    if conversation is None or conversation.number != number.id:
        return _refused(unit, given, NO_CONVERSATION, ground)
    address = people.address(conversation.person, known)
    if address is None:
        return _refused(unit, given, NO_ADDRESS, ground)
    return _accepted(unit, given, conversation, address, known, ground)


def _to_phone(
    unit: Unit, given: Command, number: Number, known: Knowledge, ground: Ground
) -> tuple[Decision, Changes]:
    """To this very number, in the conversation that is open with whoever has it, or a new one."""
    phone = items.Identity("phone", given.to)
    person, new = people.resolve(unit, number.tenant, (phone,), known, ground)
    hash = ground.hash(number.tenant, phone.kind, phone.value)
    address = new[0] if new else known.identities[number.tenant, phone.kind, hash]
    why = Verdict(number.fallback, "", "de gemeente begon dit gesprek")
    conversation = known.conversations.get(
        known.open.get((number.id, person), "")
    ) or open_conversation(unit, number, person, why, ground)
    decision, changes = _accepted(unit, given, conversation, address, known, ground)
    return decision, msgspec.structs.replace(changes, identities=new)


def _accepted(
    unit: Unit,
    given: Command,
    before: Conversation,
    address: Identity,
    known: Knowledge,
    ground: Ground,
) -> tuple[Decision, Changes]:
    now = msgspec.structs.replace(before, sequence=before.sequence + 1)
    outgoing = Outgoing(
        id=given.id,
        tenant=now.tenant,
        number=now.number,
        conversation=now.id,
        department=now.department,
        status="accepted",
        changed_at=unit.at,
    )
    new = before.id not in known.conversations
    decision = Decision(
        kind="accepted",
        record=unit.id("record", ground.hash),
        tenant=now.tenant,
        conversation=now.id,
        department=now.department,
        rule=now.rule,
        reason=now.reason,
        sequence=now.sequence,
        message=given.id,
        status="accepted",
        opened=unit.id("opened", ground.hash) if new else None,
    )
    send = _send(unit, given, now, address)
    return decision, Changes(conversation=now, outgoing=outgoing, send=send)


def _send(unit: Unit, given: Command, conversation: Conversation, address: Identity) -> Send:
    return Send(
        id=given.id,
        number=conversation.number,
        conversation=conversation.id,
        person=conversation.person,
        address_kind=address.kind,
        address=address.value,
        content=msgspec.json.encode({"type": "text", "text": {"body": given.text}}),
        created_at=unit.at,
    )


def _refused(unit: Unit, given: Command, reason: str, ground: Ground) -> tuple[Decision, Changes]:
    number = ground.config.number(given.number)
    tenant = number.tenant if number else ""
    outgoing = Outgoing(
        id=given.id,
        tenant=tenant,
        number=given.number,
        conversation=given.conversation,
        department="",
        status="failed",
        reason=reason,
        changed_at=unit.at,
    )
    decision = Decision(
        kind="refused",
        record=unit.id("record", ground.hash),
        tenant=tenant,
        message=given.id,
        status="failed",
        reason=reason,
    )
    return decision, Changes(outgoing=outgoing)
