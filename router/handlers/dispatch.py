"""Decide once: what one unit means, given what is known. Pure.

`decide` returns the decision and what it changes; the shell commits both before anything is said.
"""

import msgspec

from router.conversation.confidentiality import flag_confidential
from router.handlers import (
    account_event,
    citizen_message,
    commands,
    delivery_status,
    media,
    timer_fired,
)
from router.identity.changes import add_identity_changes
from router.model.decision import Changes, Decision, RoutingContext, WorkUnit
from router.model.snapshot import Snapshot
from services.contract import Command, MediaOutcome, Receipt, SendOutcome, Timeout
from services.whatsapp import items


def decide(unit: WorkUnit, known: Snapshot, ground: RoutingContext) -> tuple[Decision, Changes]:
    """What is to be done with `unit`; never raises for what a citizen, Meta or a CRM sent."""
    decision, changes = _decided(unit, known, ground)
    decision = add_identity_changes(unit, decision, changes, known)
    return flag_confidential(decision, ground.config), changes


def _decided(unit: WorkUnit, known: Snapshot, ground: RoutingContext) -> tuple[Decision, Changes]:
    match unit.entry:
        case Command() as command:
            return commands.decide_command(unit, command, known, ground)
        case SendOutcome() as outcome:
            return delivery_status.decide_send_outcome(unit, outcome, known, ground)
        case Timeout() as entry:
            return timer_fired.decide_timer(unit, entry, known, ground)
        case MediaOutcome() as outcome:
            return media.decide_media(unit, outcome, known, ground)
        case Receipt():
            decision, changes = _item(unit, known, ground)
    if unit.item and (sighting := account_event.unknown_vocabulary(unit.item)):
        changes = msgspec.structs.replace(changes, sighting=sighting)
    return decision, changes


def _item(unit: WorkUnit, known: Snapshot, ground: RoutingContext) -> tuple[Decision, Changes]:
    match unit.item:
        case items.Message() as message:
            return citizen_message.decide_message(unit, message, known, ground)
        case items.Status() as status:
            return delivery_status.decide_status(unit, status, known, ground)
        case items.Notice() as notice:
            return account_event.decide_account_event(unit, notice, known, ground)
        case items.Unknown() as unknown:
            return quarantine(unit, unknown.reason, ground), Changes()
        case None:
            return quarantine(unit, "the body cannot be read", ground), Changes()


def quarantine(unit: WorkUnit, reason: str, ground: RoutingContext) -> Decision:
    """Keep it aside with its reason: nothing of it is lost, and somebody is told. Its record takes
    the place of no other: it may have been decided before."""
    return Decision(kind="quarantined", record=unit.id("aside"), reason=reason)


def quarantine_unit(
    unit: WorkUnit, reason: str, ground: RoutingContext
) -> tuple[Decision, Changes]:
    """Of what could not be decided or written. Whoever gave an order hears that it failed."""
    given = unit.entry
    failed = commands.failed_command(unit, given, ground) if isinstance(given, Command) else None
    rung = given.id if isinstance(given, Timeout) else None  # or it would ring for ever
    return quarantine(unit, reason, ground), Changes(outgoing=failed, fired_timer=rung)
