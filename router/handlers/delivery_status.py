"""Deciding what became of a message of ours: never backwards. Pure.

`services.fates` says which word is further than which.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from router.billing import charges
from router.billing.charges import Charge
from router.conversation import reopen_request
from router.handlers.citizen_message import archive_only
from router.model.decision import (
    Changes,
    Decision,
    EarlyStatus,
    OutgoingStatus,
    RoutingContext,
    WorkUnit,
)
from router.model.needs import Needs
from router.model.snapshot import Snapshot
from services.contract import SendOutcome
from services.whatsapp import items
from services.whatsapp.delivery_status import COMMAND_DONE, STATUS_RANK, error_explanation

_json = msgspec.json.Decoder(dict[str, Any])


def needs_of_outcome(unit: WorkUnit, said: SendOutcome, ground: RoutingContext) -> Needs:
    """The message, and the statuses that came before its wamid was known."""
    early = (wamid_key(said.wamid, ground),) if said.wamid else ()
    return Needs(numbers=(said.number,), messages=(said.message,), early=early)


def decide_send_outcome(
    unit: WorkUnit, said: SendOutcome, known: Snapshot, ground: RoutingContext
) -> tuple[Decision, Changes]:
    """What the deliverer heard from Meta. `sent` brings the wamid by which Meta speaks of it."""
    before = _message(said.message, known)
    if before is None:
        return _unmatched(unit, said.number, ground), Changes()
    after = before
    if said.state == "sent":
        # Meta has accepted it; that it left is Meta's to say, in a status. It waits no more.
        named = msgspec.structs.replace(_named(before, said.wamid, ground), reason="")
        after = named if before.status == "accepted" else _named(before, said.wamid, ground)
        return _apply_early_statuses(unit, before, after, known, ground)
    if said.state == "held":
        return _held(unit, said, before, known, ground)
    if _forward(before.status, said.state):
        after = msgspec.structs.replace(
            before, status=said.state, reason=said.reason, code=said.code, changed_at=said.at
        )
    return _decision(unit, "outcome", before, after, known, ground)


def _held(
    unit: WorkUnit,
    said: SendOutcome,
    before: OutgoingStatus,
    known: Snapshot,
    ground: RoutingContext,
) -> tuple[Decision, Changes]:
    """It waits until its citizen writes again: whoever sent it hears that, and they are asked."""
    if before.status != "accepted":
        return _decision(unit, "outcome", before, before, known, ground)
    reason = reopen_request.hold_reason(unit, said, before, known, ground)
    after = msgspec.structs.replace(before, reason=reason, changed_at=said.at)
    decision, changes = _decision(unit, "outcome", before, after, known, ground)
    asked = reopen_request.build_reopen_request(unit, said, before, known, ground)
    if asked is None:
        return decision, changes
    conversation = changes.conversation or known.conversations[before.conversation]
    now, sent = reopen_request.apply_request(unit, conversation, asked)
    more = {"conversation": now, "send": sent.send, "reopen_message": sent.outgoing}
    told = msgspec.structs.replace(decision, reply=asked[0], sequence=conversation.sequence)
    return told, msgspec.structs.replace(changes, **more)


def _apply_early_statuses(
    unit: WorkUnit,
    before: OutgoingStatus,
    after: OutgoingStatus,
    known: Snapshot,
    ground: RoutingContext,
) -> tuple[Decision, Changes]:
    """What its statuses said that came before its wamid was known."""
    early = known.early_statuses.get(after.wamid_hash or b"", ())
    theirs = [said for said in early if said.number == after.number]
    for said in sorted(theirs, key=lambda one: STATUS_RANK[one.status]):
        if _forward(after.status, said.status):
            after = msgspec.structs.replace(
                after, status=said.status, reason=said.reason, code=said.code, changed_at=said.at
            )
    priced = [(said.status, _json.decode(said.pricing), said.at) for said in theirs]
    decision, changes = _decision(unit, "outcome", before, after, known, ground)
    met = after.wamid_hash if early else None
    return decision, msgspec.structs.replace(
        changes, early_status_consumed=met, **_charged(before, priced, known)
    )


def needs_of_status(unit: WorkUnit, said: items.Status, ground: RoutingContext) -> Needs:
    """The message, by the value that we gave Meta or by its wamid, and its charge."""
    message = message_id_from_opaque(said)
    return Needs(
        numbers=(said.number,),
        messages=(message,) if message else (),
        wamids=(wamid_key(said.id, ground),),
        charges=True,
    )


def decide_status(
    unit: WorkUnit, said: items.Status, known: Snapshot, ground: RoutingContext
) -> tuple[Decision, Changes]:
    """What Meta says in a webhook: known by our own value first, since that is there before the
    answer to the send is stored; else by the wamid. Under another number it is none of ours: a
    conversation is written by its own number's partition alone."""
    message = message_id_from_opaque(said) or known.message_by_wamid.get(wamid_key(said.id, ground))
    before = _message(message, known) if message else None
    if before is None or before.number != said.number:
        early = _early(unit, said, ground) if before is None and message is None else None
        return _unmatched(unit, said.number, ground), Changes(early_status=early)
    after = _named(before, said.id, ground)
    if _forward(before.status, said.status):
        after = msgspec.structs.replace(
            after,
            status=said.status,
            reason=_reason(said),
            code=said.code,
            changed_at=said.at or unit.at,
        )
    decision, changes = _decision(unit, "status", before, after, known, ground)
    settled = (before.id, said.id) if said.id and before.wamid_hash is None else None
    more = _charged(before, [(said.status, said.pricing, said.at or unit.at)], known)
    return (
        msgspec.structs.replace(decision, status=said.status),
        msgspec.structs.replace(changes, settled_send=settled, **more),
    )


def _early(unit: WorkUnit, said: items.Status, ground: RoutingContext) -> EarlyStatus | None:
    """To be looked at again once Meta has answered; None for what names no message, and for a word
    that means nothing to us."""
    if not said.id or said.status not in STATUS_RANK:
        return None
    return EarlyStatus(
        wamid_hash=wamid_key(said.id, ground),
        status=said.status,
        number=said.number,
        code=said.code,
        reason=_reason(said),
        at=said.at or unit.at,
        pricing=msgspec.json.encode(said.pricing),
        received_at=unit.at,
    )


def _reason(said: items.Status) -> str:
    return error_explanation(said.code) if said.code else said.reason


Priced = tuple[str, dict[str, Any], datetime]
"""What a status says of the price, and when: its word, Meta's `pricing`."""


def _charged(
    message: OutgoingStatus, statuses: Iterable[Priced], known: Snapshot
) -> dict[str, Any]:
    """What statuses change in what Meta charges for the message."""
    was = now = known.charges.get(message.id) or Charge(
        id=message.id,
        tenant=message.tenant,
        number=message.number,
        department=message.department,
    )
    for each in statuses:
        now = charges.apply_pricing(now, *each)
    if now == was:
        return {}
    return {"charge": now, "is_newly_charged": now.charged and not was.charged}


def _message(id: UUID, known: Snapshot) -> OutgoingStatus | None:
    """What we sent under this id; not what was done with a conversation."""
    found = known.outgoing.get(id)
    return None if found is None or found.status == COMMAND_DONE else found


def _named(message: OutgoingStatus, wamid: str, ground: RoutingContext) -> OutgoingStatus:
    """The message under the name that Meta gave it, where it gave one."""
    if not wamid:
        return message
    return msgspec.structs.replace(message, wamid_hash=wamid_key(wamid, ground))


def wamid_key(wamid: str, ground: RoutingContext) -> bytes:
    """By which a wamid is found again; the wamid itself holds a phone number."""
    return ground.hash("wamid", wamid)


def message_id_from_opaque(said: items.Status) -> UUID | None:
    """The message id in our biz_opaque_callback_data, `<message id>.<attempt>`."""
    try:
        return UUID(said.opaque.partition(".")[0])
    except ValueError:
        return None


def _is_reportable(before: OutgoingStatus, after: OutgoingStatus) -> bool:
    """Whether there is something to tell whoever sent it: how far it has come, or why not
    further."""
    return after.status != before.status or bool(after.reason and after.reason != before.reason)


def _forward(old: str, new: str) -> bool:
    return STATUS_RANK.get(new, -1) > STATUS_RANK[old]


def _unmatched(unit: WorkUnit, number: str, ground: RoutingContext) -> Decision:
    decision = archive_only(unit, "status", number, ground)
    return msgspec.structs.replace(decision, reason="it matches no message of ours")


def _decision(
    unit: WorkUnit,
    kind: str,
    before: OutgoingStatus,
    after: OutgoingStatus,
    known: Snapshot,
    ground: RoutingContext,
) -> tuple[Decision, Changes]:
    """An event for the CRM only when there is news and a department is there to be told; the record
    always."""
    was = conversation = known.conversations.get(before.conversation)
    department = ground.department(after.tenant, after.department, conversation)
    told = _is_reportable(before, after) and conversation is not None and department is not None
    if conversation and told:
        conversation = msgspec.structs.replace(conversation, sequence=conversation.sequence + 1)
    if conversation:
        conversation = reopen_request.apply_request_result(conversation, after)
    whose = department.id if department else after.department
    theirs = conversation is not None and conversation.department == whose
    decision = Decision(
        kind=kind,
        record=unit.id("record"),
        tenant=after.tenant,
        conversation=after.conversation,
        department=whose,
        destination=department.destination if department else "",
        reason=after.reason if _is_reportable(before, after) else "",
        sequence=conversation.sequence if conversation and told else 0,
        message=after.id,
        event=unit.id("event") if told else None,
        status=after.status,
        # The zaak is of whoever has the conversation now, and may say what it is about.
        zaak=conversation.zaak if conversation and theirs else "",
        held=conversation is not None and conversation.state.held,
    )
    changed = conversation if conversation != was else None
    return decision, Changes(conversation=changed, outgoing=after if after != before else None)
