"""The delivery status of an outgoing message, which never goes backwards. Pure.

`services.whatsapp.delivery_status` has the order of the statuses.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from router.billing import charges
from router.billing.charges import Charge
from router.conversation import reopen_request
from router.handlers.citizen_message import archive_only
from router.model.changes import Changes, EarlyStatus, OutgoingStatus
from router.model.decision import Decision, StatusDecision
from router.model.needs import Needs
from router.model.snapshot import Snapshot
from router.model.work import RoutingContext, WorkUnit
from router.output.archive_records import KindAndData
from router.output.crm_events import AddressedEvent, build_event, conversation_json, reply_json
from services.contract import SendOutcome
from services.event_types import STATUS_CHANGED
from services.whatsapp import items
from services.whatsapp.delivery_status import (
    COMMAND_DONE,
    STATUS_RANK,
    WAITS_AT_META,
    error_explanation,
)

_pricing = msgspec.json.Decoder(dict[str, Any])


def needs_of_outcome(unit: WorkUnit, outcome: SendOutcome, context: RoutingContext) -> Needs:
    """The message, and the statuses that came before its wamid was known."""
    early = (wamid_key(outcome.wamid, outcome.number, context),) if outcome.wamid else ()
    return Needs(numbers=(outcome.number,), messages=(outcome.message,), early=early)


def decide_send_outcome(
    unit: WorkUnit, outcome: SendOutcome, snapshot: Snapshot, context: RoutingContext
) -> tuple[Decision, Changes]:
    """Apply Meta's answer to the deliverer. `sent` brings the wamid that Meta's statuses name."""
    previous = _outgoing_message(outcome.message, snapshot)
    if previous is None:
        return _unmatched(unit, outcome.number, context), Changes()
    after = previous
    if outcome.state == "sent" and not outcome.reported:
        # Meta has accepted the message. A status of Meta's will say that it was sent.
        after = _with_wamid(unit, previous, outcome.wamid, context)
        if previous.status == "accepted":  # it is no longer on hold, unless at Meta
            waits = outcome.reason in WAITS_AT_META.values()
            after = msgspec.structs.replace(after, reason=outcome.reason if waits else "")
        return _apply_early_statuses(unit, previous, after, snapshot, context)
    if outcome.state == "held":
        return _put_on_hold(unit, outcome, previous, snapshot, context)
    # A status that stands in for Meta's has no reason and no price.
    status = outcome.reported or outcome.state
    if _is_forward(previous.status, status):
        after = msgspec.structs.replace(
            previous,
            status=status,
            reason=outcome.reason,
            code=outcome.code,
            changed_at=outcome.at,
        )
    return _decision(unit, previous, after, snapshot, context)


def _put_on_hold(
    unit: WorkUnit,
    outcome: SendOutcome,
    previous: OutgoingStatus,
    snapshot: Snapshot,
    context: RoutingContext,
) -> tuple[Decision, Changes]:
    """Put an answer on hold until the citizen writes again; tell the sender, ask the citizen."""
    if previous.status != "accepted":
        return _decision(unit, previous, previous, snapshot, context)
    reason = reopen_request.hold_reason(unit, outcome, previous, snapshot, context)
    after = msgspec.structs.replace(previous, reason=reason, changed_at=outcome.at)
    decision, changes = _decision(unit, previous, after, snapshot, context)
    request = reopen_request.build_reopen_request(unit, outcome, previous, snapshot, context)
    if request is None:
        return decision, changes
    conversation = changes.conversation or snapshot.conversations[previous.conversation]
    requested, sent = reopen_request.apply_request(unit, conversation, request)
    decision = msgspec.structs.replace(decision, reply=request[0], sequence=conversation.sequence)
    return decision, msgspec.structs.replace(
        changes, conversation=requested, send=sent.send, other_outgoing=sent.outgoing
    )


def _apply_early_statuses(
    unit: WorkUnit,
    previous: OutgoingStatus,
    after: OutgoingStatus,
    snapshot: Snapshot,
    context: RoutingContext,
) -> tuple[Decision, Changes]:
    """Apply the statuses that came before the wamid of their message was known."""
    early = snapshot.early_statuses.get(after.wamid_hash or b"", ())
    statuses = [status for status in early if status.number == after.number]
    for status in sorted(statuses, key=lambda each: STATUS_RANK[each.status]):
        if _is_forward(after.status, status.status):
            after = msgspec.structs.replace(
                after,
                status=status.status,
                reason=status.reason,
                code=status.code,
                changed_at=status.at,
            )
    priced = [(status.status, _pricing.decode(status.pricing), status.at) for status in statuses]
    decision, changes = _decision(unit, previous, after, snapshot, context)
    consumed = after.wamid_hash if early else None
    return decision, msgspec.structs.replace(
        changes, early_status_consumed=consumed, **_charge_changes(previous, priced, snapshot)
    )


def needs_of_status(unit: WorkUnit, status: items.Status, context: RoutingContext) -> Needs:
    """The message, by the value that we gave Meta or by its wamid, and its charge."""
    message = message_id_from_opaque(status)
    return Needs(
        numbers=(status.number,),
        messages=(message,) if message else (),
        wamids=(wamid_key(status.id, status.number, context),),
        charges=True,
    )


def decide_status(
    unit: WorkUnit, status: items.Status, snapshot: Snapshot, context: RoutingContext
) -> tuple[Decision, Changes]:
    """Apply a status from a webhook.

    The message is found by our own value first, which is known before the answer to the send is
    stored, and else by the wamid. A status for another number does not match: a conversation is
    written only by the partition of its own number.
    """
    message = message_id_from_opaque(status) or snapshot.message_by_wamid.get(
        wamid_key(status.id, status.number, context)
    )
    previous = _outgoing_message(message, snapshot) if message else None
    if previous is None or previous.number != status.number:
        is_early = previous is None and message is None
        early_status = _early_status(unit, status, context) if is_early else None
        return _unmatched(unit, status.number, context), Changes(early_status=early_status)
    after = _with_wamid(unit, previous, status.id, context)
    if _is_forward(previous.status, status.status):
        after = msgspec.structs.replace(
            after,
            status=status.status,
            reason=_reason(status),
            code=status.code,
            changed_at=status.at or unit.at,
        )
    decision, changes = _decision(unit, previous, after, snapshot, context)
    settled = (previous.id, status.id) if status.id and previous.wamid_hash is None else None
    priced = [(status.status, status.pricing, status.at or unit.at)]
    charge = _charge_changes(previous, priced, snapshot)
    return (
        msgspec.structs.replace(decision, status=status.status),
        msgspec.structs.replace(changes, settled_send=settled, **charge),
    )


def _early_status(
    unit: WorkUnit, status: items.Status, context: RoutingContext
) -> EarlyStatus | None:
    """Return a status to store until Meta's answer to the send names its wamid.

    None for a status without a wamid, or with a word that we do not know.
    """
    if not status.id or status.status not in STATUS_RANK:
        return None
    return EarlyStatus(
        wamid_hash=wamid_key(status.id, status.number, context),
        status=status.status,
        number=status.number,
        code=status.code,
        reason=_reason(status),
        at=status.at or unit.at,
        pricing=msgspec.json.encode(status.pricing),
        received_at=unit.at,
    )


def _reason(status: items.Status) -> str:
    return error_explanation(status.code) if status.code else status.reason


PricedStatus = tuple[str, dict[str, Any], datetime]
"""A status, Meta's `pricing` in it, and its time."""


def _charge_changes(
    message: OutgoingStatus, statuses: Iterable[PricedStatus], snapshot: Snapshot
) -> dict[str, Any]:
    """Return the fields of `Changes` for what statuses change in the charge of a message."""
    previous = snapshot.charges.get(message.id) or Charge(
        id=message.id,
        tenant=message.tenant,
        number=message.number,
        department=message.department,
    )
    charge = previous
    for each in statuses:
        charge = charges.apply_pricing(charge, *each)
    if charge == previous:
        return {}
    return {"charge": charge, "is_newly_charged": charge.is_charged and not previous.is_charged}


def _outgoing_message(id: UUID, snapshot: Snapshot) -> OutgoingStatus | None:
    """Return the message that was sent under this id; None for a command about a conversation."""
    message = snapshot.outgoing.get(id)
    return None if message is None or message.status == COMMAND_DONE else message


def _with_wamid(
    unit: WorkUnit, message: OutgoingStatus, wamid: str, context: RoutingContext
) -> OutgoingStatus:
    if not wamid:
        return message
    return msgspec.structs.replace(message, wamid_hash=wamid_key(wamid, unit.number, context))


def wamid_key(wamid: str, number_id: str, context: RoutingContext) -> bytes:
    """Return the key under which a wamid of a number is stored: the wamid itself contains a phone
    number. A number that is not ours has no message that it could belong to."""
    number = context.config.number(number_id)
    hash = context.hashes.of(number.tenant) if number else context.hashes.own
    return hash("wamid", wamid)


def message_id_from_opaque(status: items.Status) -> UUID | None:
    """Read the message id from our biz_opaque_callback_data, `<message id>.<attempt>`."""
    try:
        return UUID(status.opaque.partition(".")[0])
    except ValueError:
        return None


def _is_reportable(previous: OutgoingStatus, after: OutgoingStatus) -> bool:
    """True when there is news for the sender: a new status, or a new reason."""
    return after.status != previous.status or bool(after.reason and after.reason != previous.reason)


def _is_forward(old: str, new: str) -> bool:
    return STATUS_RANK.get(new, -1) > STATUS_RANK[old]


def _unmatched(unit: WorkUnit, number: str, context: RoutingContext) -> Decision:
    return archive_only(unit, number, context, reason="it matches no message of ours")


def _decision(
    unit: WorkUnit,
    previous: OutgoingStatus,
    after: OutgoingStatus,
    snapshot: Snapshot,
    context: RoutingContext,
) -> tuple[StatusDecision, Changes]:
    """Make a record always, and an event for news that a department can receive."""
    stored = conversation = snapshot.conversations.get(previous.conversation)
    department = context.department(after.tenant, after.department, conversation)
    is_news = _is_reportable(previous, after)
    has_event = is_news and conversation is not None and department is not None
    if conversation and has_event:
        conversation = conversation.with_next_sequence()
    if conversation:
        conversation = reopen_request.apply_request_result(conversation, after)
    department_id = department.id if department else after.department
    is_owner = conversation is not None and conversation.department == department_id
    decision = StatusDecision(
        record=unit.id("record"),
        tenant=after.tenant,
        conversation=after.conversation,
        department=department_id,
        destination=department.destination if department else "",
        reason=after.reason if is_news else "",
        sequence=conversation.sequence if conversation and has_event else 0,
        message=after.id,
        event=unit.id("event") if has_event else None,
        status=after.status,
        author_kind=after.author_kind,
        # Only the department that has the conversation now sees the zaak: it may reveal the matter.
        zaak=conversation.zaak if conversation and is_owner else "",
        held=conversation is not None and conversation.state.held,
    )
    changed = conversation if conversation != stored else None
    return decision, Changes(conversation=changed, outgoing=after if after != previous else None)


def events(
    unit: WorkUnit, subject: items.Status | SendOutcome, decision: Decision
) -> Iterator[AddressedEvent]:
    """Yield the news for the department that sent the message."""
    if not isinstance(decision, StatusDecision) or decision.event is None:
        return
    meta_time = subject.at if isinstance(subject, items.Status) else None
    data = {
        "messageId": decision.message,
        "status": decision.status,
        "reason": decision.reason,
        "at": meta_time or unit.at,
        "author": {"kind": decision.author_kind},
    }
    data = conversation_json(decision) | data | reply_json(decision)
    yield build_event(unit, decision, STATUS_CHANGED, decision.event, data)


def status_record(unit: WorkUnit, status: items.Status, decision: Decision) -> KindAndData:
    return "status", {
        "status": status.status,
        "wamid": status.id,
        "at": status.at,
        "code": status.code,
        "reason": status.reason or decision.reason,
        "pricing": status.pricing,
    }


def outcome_record(unit: WorkUnit, outcome: SendOutcome, decision: Decision) -> KindAndData:
    report = {"reported": outcome.reported} if outcome.reported else {}
    return "send", report | {
        "state": outcome.state,
        "wamid": outcome.wamid,
        "code": outcome.code,
        "reason": outcome.reason,
        "status": decision.status if isinstance(decision, StatusDecision) else "",
        "at": outcome.at,
    }
