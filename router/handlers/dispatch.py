"""Decide one unit: choose the handler of its kind. Pure.

`decide` returns the decision and its changes. The partition commits both before it publishes.
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


def decide(unit: WorkUnit, snapshot: Snapshot, context: RoutingContext) -> tuple[Decision, Changes]:
    """Decide a unit. Input from a citizen, Meta or a CRM never makes this raise."""
    decision, changes = _decide_entry(unit, snapshot, context)
    decision = add_identity_changes(unit, decision, changes, snapshot)
    return flag_confidential(decision, context.config), changes


def _decide_entry(
    unit: WorkUnit, snapshot: Snapshot, context: RoutingContext
) -> tuple[Decision, Changes]:
    match unit.entry:
        case Command() as command:
            return commands.decide_command(unit, command, snapshot, context)
        case SendOutcome() as outcome:
            return delivery_status.decide_send_outcome(unit, outcome, snapshot, context)
        case Timeout() as timer:
            return timer_fired.decide_timer(unit, timer, snapshot, context)
        case MediaOutcome() as outcome:
            return media.decide_media(unit, outcome, snapshot, context)
        case Receipt():
            decision, changes = _decide_item(unit, snapshot, context)
    if unit.item and (sighting := account_event.unknown_vocabulary(unit.item)):
        changes = msgspec.structs.replace(changes, sighting=sighting)
    return decision, changes


def _decide_item(
    unit: WorkUnit, snapshot: Snapshot, context: RoutingContext
) -> tuple[Decision, Changes]:
    match unit.item:
        case items.Message() as message:
            return citizen_message.decide_message(unit, message, snapshot, context)
        case items.Status() as status:
            return delivery_status.decide_status(unit, status, snapshot, context)
        case items.Notice() as notice:
            return account_event.decide_account_event(unit, notice, snapshot, context)
        case items.Unknown() as unknown:
            return quarantine(unit, unknown.reason, context), Changes()
        case None:
            return quarantine(unit, "the body cannot be read", context), Changes()


def quarantine(unit: WorkUnit, reason: str, context: RoutingContext) -> Decision:
    """Quarantine a unit with its reason: nothing is lost, and an operator is alarmed.

    The record has an id of its own and replaces no other, since the unit may have been decided
    before.
    """
    return Decision(kind="quarantined", record=unit.id("aside"), reason=reason)


def quarantine_unit(
    unit: WorkUnit, reason: str, context: RoutingContext
) -> tuple[Decision, Changes]:
    """Quarantine a unit that could not be decided or written.

    The sender of a command hears that it failed.
    """
    entry = unit.entry
    failed = commands.failed_command(unit, entry, context) if isinstance(entry, Command) else None
    fired = entry.id if isinstance(entry, Timeout) else None  # or it would fire for ever
    return quarantine(unit, reason, context), Changes(outgoing=failed, fired_timer=fired)
