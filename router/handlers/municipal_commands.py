"""Commands that belong to a municipality as a whole: about a number, or about consent. Pure.

They need no rules, restart or operator, and no conversation gets an event.
"""

import msgspec

from router.conversation import consent, refusals
from router.handlers.pending_command import (
    CommandHandler,
    PendingCommand,
    Result,
    command_status,
    status_of,
)
from router.identity import resolver
from router.model.changes import Changes, NumberNotice
from router.model.decision import Decision
from router.model.needs import Needs
from router.output.archive_records import KindAndData, evidence_json
from router.output.crm_events import sender_json
from services.contract import (
    Action,
    Command,
    EndConsent,
    RecordConsent,
    SetNotice,
    SetNumberState,
)
from services.refusal import Refusal
from services.whatsapp.identities import address

NumberAction = SetNotice | SetNumberState
ConsentAction = RecordConsent | EndConsent


def _decide_for_number(pending: PendingCommand, action: NumberAction) -> Result:
    """Apply a command of the contact centre to a number."""
    unit, command, number = pending.unit, pending.command, pending.number
    if not refusals.is_same_tenant(command, number):
        return pending.refuse(refusals.NO_NUMBER)
    previous = pending.snapshot.number_notices.get(number.id) or NumberNotice(number=number.id)
    decision = pending.accept()
    return decision, Changes(
        number_notice=_apply(command, action, previous),
        outgoing=command_status(unit, command, decision),
    )


def _apply(command: Command, action: NumberAction, previous: NumberNotice) -> NumberNotice:
    """Return the notice and the state of a number after a command.

    A notice is sent once in each conversation until it ends; one without a text removes it. A state
    decides whether the number sends automatic texts at all.
    """
    if isinstance(action, SetNotice):
        id = command.id if action.text else None
        return msgspec.structs.replace(
            previous, notice=action.text, notice_id=id, notice_until=action.until
        )
    return msgspec.structs.replace(
        previous, state=action.state, state_text=action.text, state_until=action.until
    )


def _number_record(command: Command, action: NumberAction, decision: Decision) -> KindAndData:
    return "number", {
        "event": command.type,
        "number": command.number,
        "text": action.text,
        "state": action.state if isinstance(action, SetNumberState) else None,
        "until": action.until,
        "by": sender_json(command),
        "status": status_of(decision),
        "reason": decision.reason or None,
    }


def _decide_for_person(pending: PendingCommand, action: ConsentAction) -> Result:
    """Give or withdraw consent for the whole municipality, even for a citizen who never wrote."""
    unit, command, number = pending.unit, pending.command, pending.number
    snapshot, context, purpose = pending.snapshot, pending.context, action.purpose
    if not refusals.is_same_tenant(command, number):
        return pending.refuse(refusals.NO_NUMBER)
    identities = resolver.SenderIdentities((address(command.to),), unit.at)
    who = resolver.resolve_person(unit, number, identities, snapshot, context)
    person_key = number.tenant, who.person
    if isinstance(action, RecordConsent):
        evidence, token = action.evidence, command.token
        new = consent.build_consent(unit, token, purpose, evidence, person_key, snapshot)
    else:
        new = consent.end_consent(unit, purpose, person_key, snapshot)
    if isinstance(new, Refusal):
        return pending.refuse(new)
    decision = pending.accept(ended=(purpose,) if new and new.ended_at else ())
    status = command_status(unit, command, decision)
    return decision, Changes(identities=who.identities, consent=new, outgoing=status)


def _consent_record(command: Command, action: ConsentAction, decision: Decision) -> KindAndData:
    """Return the consent that a citizen gave, or withdrew."""
    evidence = action.evidence if isinstance(action, RecordConsent) else None
    return "consent", {
        "event": "given" if isinstance(action, RecordConsent) else "ended",
        "number": command.number,
        "to": command.to,
        **evidence_json(action.purpose, evidence),
        "by": sender_json(command),
        "status": status_of(decision),
        "reason": decision.reason or None,
    }


def _consent_needs(command: Command, action: ConsentAction) -> Needs:
    return Needs(consents=True)


_NUMBER = CommandHandler(_decide_for_number, _number_record)
_CONSENT = CommandHandler(_decide_for_person, _consent_record, needs=_consent_needs)
MUNICIPAL_COMMANDS: dict[type[Action], CommandHandler] = {
    SetNotice: _NUMBER,
    SetNumberState: _NUMBER,
    RecordConsent: _CONSENT,
    EndConsent: _CONSENT,
}
"""Action that belongs to a municipality as a whole -> its handler."""
