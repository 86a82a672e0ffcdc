"""Decide one unit: choose the handler of its kind. Pure.

`decide` returns the decision and its changes. The partition commits both before it publishes.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

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
from router.model.needs import Needs
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
    subject = _subject(unit)
    if subject is None:
        return quarantine(unit, "the body cannot be read", context), Changes()
    decision, changes = HANDLERS[type(subject)].decide(unit, subject, snapshot, context)
    if unit.item and (sighting := account_event.unknown_vocabulary(unit.item)):
        changes = msgspec.structs.replace(changes, sighting=sighting)
    return decision, changes


def needs_of(unit: WorkUnit, context: RoutingContext) -> Needs:
    """Return the keys of the rows that the decision on a unit reads."""
    subject = _subject(unit)
    return Needs() if subject is None else HANDLERS[type(subject)].needs(unit, subject, context)


def _subject(unit: WorkUnit) -> object:
    """Return the item of a receipt, else the entry; None for a body that cannot be read."""
    return unit.item if isinstance(unit.entry, Receipt) else unit.entry


class Handler(NamedTuple):
    """Decides one kind of work unit, and declares the rows that this takes. Both pure."""

    needs: Callable[[WorkUnit, Any, RoutingContext], Needs]
    decide: Callable[[WorkUnit, Any, Snapshot, RoutingContext], tuple[Decision, Changes]]


def _needs_nothing(unit: WorkUnit, item: items.Unknown, context: RoutingContext) -> Needs:
    return Needs()


def _quarantine_unknown(
    unit: WorkUnit, item: items.Unknown, snapshot: Snapshot, context: RoutingContext
) -> tuple[Decision, Changes]:
    return quarantine(unit, item.reason, context), Changes()


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


HANDLERS: dict[type, Handler] = {
    items.Message: Handler(citizen_message.needs, citizen_message.decide_message),
    items.Status: Handler(delivery_status.needs_of_status, delivery_status.decide_status),
    items.Notice: Handler(account_event.needs, account_event.decide_account_event),
    items.Unknown: Handler(_needs_nothing, _quarantine_unknown),
    Command: Handler(commands.needs, commands.decide_command),
    SendOutcome: Handler(delivery_status.needs_of_outcome, delivery_status.decide_send_outcome),
    Timeout: Handler(timer_fired.needs, timer_fired.decide_timer),
    MediaOutcome: Handler(media.needs, media.decide_media),
}
"""Kind of work unit -> its handler."""
