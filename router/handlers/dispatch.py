"""One unit: choose the handler of its kind. Pure, a table.

`decide` returns the decision and its changes. The partition commits both before it publishes the
records and events that follow from the unit and its decision.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import msgspec

from router.conversation.confidentiality import flag_confidential, leave_behind
from router.conversation.refusals import FAULT
from router.handlers import (
    account_event,
    citizen_message,
    commands,
    delivery_status,
    destroyed,
    media,
    timer_fired,
)
from router.handlers.pending_command import plan_refusal_event
from router.identity.changes import add_identity_changes
from router.model.changes import Changes
from router.model.decision import Decision, Quarantined
from router.model.needs import Needs
from router.model.snapshot import Snapshot
from router.model.work import RoutingContext, WorkUnit
from router.output.archive_records import (
    KindAndData,
    records_before,
    reply_record,
    unit_record,
)
from router.output.crm_events import AddressedEvent, redact
from router.output.retry_entry import retry_refusal
from services.contract import (
    Command,
    ConversationDestroyed,
    MediaOutcome,
    Receipt,
    Record,
    SendOutcome,
    Timeout,
)
from services.whatsapp import items


def decide(unit: WorkUnit, snapshot: Snapshot, context: RoutingContext) -> tuple[Decision, Changes]:
    """Decide a unit. Input from a citizen, Meta or a CRM never makes this raise."""
    decision, changes = _decide_entry(unit, snapshot, context)
    decision = add_identity_changes(unit, decision, changes, snapshot)
    return leave_behind(flag_confidential(decision, context.config), changes, snapshot)


def _decide_entry(
    unit: WorkUnit, snapshot: Snapshot, context: RoutingContext
) -> tuple[Decision, Changes]:
    subject = _subject(unit)
    if subject is None:
        return quarantine(unit, "the body cannot be read"), Changes()
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


def crm_events(unit: WorkUnit, decision: Decision) -> Iterator[AddressedEvent]:
    """Yield the events of one decision, in order; none if no CRM hears of it."""
    subject = _subject(unit)
    if subject is None or (isinstance(decision, Quarantined) and not decision.refusal_event):
        return
    yield from redact(decision, HANDLERS[type(subject)].events(unit, subject, decision))


def records(unit: WorkUnit, decision: Decision) -> Iterator[Record]:
    """Yield the records of one decision, in order."""
    yield from records_before(unit, decision)
    subject = _subject(unit)
    if subject is None or isinstance(decision, Quarantined):
        data = {"reason": decision.reason, "refusal": retry_refusal(unit)}
        yield unit_record(unit, decision, "quarantine", data)
    elif made := HANDLERS[type(subject)].record(unit, subject, decision):
        yield unit_record(unit, decision, *made)
    if decision.reply:
        yield reply_record(unit, decision, decision.reply)


class Handler(NamedTuple):
    """Decides one kind of work unit, declares the rows that this takes, and makes the events and
    the record of the decision. All four are pure."""

    needs: Callable[[WorkUnit, Any, RoutingContext], Needs]
    decide: Callable[[WorkUnit, Any, Snapshot, RoutingContext], tuple[Decision, Changes]]
    events: Callable[[WorkUnit, Any, Decision], Iterator[AddressedEvent]]
    record: Callable[[WorkUnit, Any, Decision], KindAndData | None]
    """None where there is nothing to record."""


def _needs_nothing(unit: WorkUnit, item: items.Unknown, context: RoutingContext) -> Needs:
    return Needs()


def _quarantine_unknown(
    unit: WorkUnit, item: items.Unknown, snapshot: Snapshot, context: RoutingContext
) -> tuple[Decision, Changes]:
    return quarantine(unit, item.reason), Changes()


def _no_events(unit: WorkUnit, subject: Any, decision: Decision) -> Iterator[AddressedEvent]:
    return iter(())


def _no_record(unit: WorkUnit, subject: Any, decision: Decision) -> KindAndData | None:
    return None


def quarantine(unit: WorkUnit, reason: str) -> Quarantined:
    """Quarantine a unit with its reason: nothing is lost, and an operator is alarmed.

    The record has an id of its own and replaces no other, since the unit may have been decided
    before.
    """
    return Quarantined(record=unit.id("aside"), reason=reason)


def quarantine_unit(
    unit: WorkUnit, reason: str, context: RoutingContext
) -> tuple[Decision, Changes]:
    """Quarantine a unit that could not be decided or written.

    The sender of a command hears that it failed.
    """
    entry, decision = unit.entry, quarantine(unit, reason)
    if isinstance(entry, Command):
        event = plan_refusal_event(unit, entry, FAULT, context)
        decision = msgspec.structs.replace(decision, refusal_event=event)
        return decision, Changes(outgoing=commands.failed_command(unit, entry, context))
    fired = entry.id if isinstance(entry, Timeout) else None  # or it would fire for ever
    return decision, Changes(fired_timer=fired)


HANDLERS: dict[type, Handler] = {
    items.Message: Handler(
        needs=citizen_message.needs,
        decide=citizen_message.decide_message,
        events=citizen_message.events,
        record=citizen_message.record,
    ),
    items.Status: Handler(
        needs=delivery_status.needs_of_status,
        decide=delivery_status.decide_status,
        events=delivery_status.events,
        record=delivery_status.status_record,
    ),
    items.Notice: Handler(
        needs=account_event.needs,
        decide=account_event.decide_account_event,
        events=_no_events,
        record=account_event.record,
    ),
    items.Unknown: Handler(
        needs=_needs_nothing,
        decide=_quarantine_unknown,
        events=_no_events,
        record=_no_record,
    ),
    Command: Handler(
        needs=commands.needs,
        decide=commands.decide_command,
        events=commands.events,
        record=commands.record,
    ),
    SendOutcome: Handler(
        needs=delivery_status.needs_of_outcome,
        decide=delivery_status.decide_send_outcome,
        events=delivery_status.events,
        record=delivery_status.outcome_record,
    ),
    Timeout: Handler(
        needs=timer_fired.needs,
        decide=timer_fired.decide_timer,
        events=timer_fired.events,
        record=timer_fired.record,
    ),
    MediaOutcome: Handler(
        needs=media.needs,
        decide=media.decide_media,
        events=media.events,
        record=media.record,
    ),
    ConversationDestroyed: Handler(
        needs=destroyed.needs,
        decide=destroyed.decide_destroyed,
        events=destroyed.events,
        record=destroyed.record,
    ),
}
"""Kind of work unit -> its handler."""
