"""Decide once: what one unit means, given what is known. Pure.

`decide` returns the decision and what it changes; the shell commits both before anything is said.
"""

import msgspec

from router.conversation.confidentiality import marked
from router.handlers import (
    account_event,
    citizen_message,
    commands,
    delivery_status,
    media,
    timer_fired,
)
from router.identity.changes import with_renames
from router.model.decision import Changes, Decision, Ground, Unit
from router.model.snapshot import Knowledge
from services.contract import Command, MediaOutcome, Receipt, SendOutcome, Timeout
from services.whatsapp import items


def decide(unit: Unit, known: Knowledge, ground: Ground) -> tuple[Decision, Changes]:
    """What is to be done with `unit`; never raises for what a citizen, Meta or a CRM sent."""
    decision, changes = _decided(unit, known, ground)
    decision = with_renames(unit, decision, changes, known)
    return marked(decision, ground.config), changes


def _decided(unit: Unit, known: Knowledge, ground: Ground) -> tuple[Decision, Changes]:
    match unit.entry:
        case Command() as command:
            return commands.command(unit, command, known, ground)
        case SendOutcome() as outcome:
            return delivery_status.outcome(unit, outcome, known, ground)
        case Timeout() as entry:
            return timer_fired.timeout(unit, entry, known, ground)
        case MediaOutcome() as outcome:
            return media.outcome(unit, outcome, known, ground)
        case Receipt():
            decision, changes = _item(unit, known, ground)
    if unit.item and (sighting := account_event.sighting(unit.item)):
        changes = msgspec.structs.replace(changes, sighting=sighting)
    return decision, changes


def _item(unit: Unit, known: Knowledge, ground: Ground) -> tuple[Decision, Changes]:
    match unit.item:
        case items.Message() as message:
            return citizen_message.message(unit, message, known, ground)
        case items.Status() as status:
            return delivery_status.status(unit, status, known, ground)
        case items.Notice() as notice:
            return account_event.notice(unit, notice, known, ground)
        case items.Unknown() as unknown:
            return quarantine(unit, unknown.reason, ground), Changes()
        case None:
            return quarantine(unit, "the body cannot be read", ground), Changes()


def quarantine(unit: Unit, reason: str, ground: Ground) -> Decision:
    """Keep it aside with its reason: nothing of it is lost, and somebody is told. Its record takes
    the place of no other: it may have been decided before."""
    return Decision(kind="quarantined", record=unit.id("aside"), reason=reason)


def set_aside(unit: Unit, reason: str, ground: Ground) -> tuple[Decision, Changes]:
    """Of what could not be decided or written. Whoever gave an order hears that it failed."""
    given = unit.entry
    failed = commands.failed(unit, given, ground) if isinstance(given, Command) else None
    rung = given.id if isinstance(given, Timeout) else None  # or it would ring for ever
    return quarantine(unit, reason, ground), Changes(outgoing=failed, fired=rung)
