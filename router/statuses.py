"""Deciding what became of a message of ours: never backwards. Pure.

unknown < accepted < sent < delivered < read < played;  failed only before delivered
"""

from uuid import UUID

import msgspec

from router.decisions import Changes, Decision, Ground, Knowledge, Outgoing, Unit
from router.messages import kept
from services.contract import SendOutcome
from services.whatsapp import items

RANKS = {"unknown": 0, "accepted": 1, "sent": 2, "delivered": 3, "read": 4, "played": 5}


def outcome(
    unit: Unit, said: SendOutcome, known: Knowledge, ground: Ground
) -> tuple[Decision, Changes]:
    """What the deliverer heard from Meta. `sent` brings the wamid by which Meta speaks of it."""
    before = known.outgoing.get(said.message)
    if before is None:
        return _unmatched(unit, said.number, ground), Changes()
    wamid_hash = wamid_key(said.wamid, ground) if said.wamid else before.wamid_hash
    if said.state == "sent":
        # Meta has accepted it; that it left is Meta's to say, in a status.
        after = msgspec.structs.replace(before, wamid_hash=wamid_hash)
        return _decision(unit, "outcome", before, after, known, ground)
    status = said.state if _forward(before.status, said.state) else before.status
    after = msgspec.structs.replace(
        before, status=status, reason=said.reason, code=said.code, changed_at=said.at
    )
    return _decision(unit, "outcome", before, after, known, ground)


def status(
    unit: Unit, said: items.Status, known: Knowledge, ground: Ground
) -> tuple[Decision, Changes]:
    """What Meta says in a webhook: known by our own value first, since that is there before the
    answer to the send is stored; else by the wamid."""
    message = our_message(said) or known.by_wamid.get(wamid_key(said.id, ground))
    before = known.outgoing.get(message) if message else None
    if before is None:
        return _unmatched(unit, said.number, ground), Changes()
    if not _forward(before.status, said.status):
        decision, _ = _decision(unit, "status", before, before, known, ground)
        return msgspec.structs.replace(decision, status=said.status), Changes()
    after = msgspec.structs.replace(
        before,
        status=said.status,
        reason=said.reason,
        code=said.code,
        changed_at=said.at or unit.at,
        wamid_hash=wamid_key(said.id, ground),
    )
    decision, changes = _decision(unit, "status", before, after, known, ground)
    settled = (before.id, said.id) if before.wamid_hash is None else None
    return decision, msgspec.structs.replace(changes, settled=settled)


def wamid_key(wamid: str, ground: Ground) -> bytes:
    """By which a wamid is found again; the wamid itself holds a phone number."""
    return ground.hash("wamid", wamid)


def our_message(said: items.Status) -> UUID | None:
    """The message id in our biz_opaque_callback_data, `<message id>.<attempt>`."""
    try:
        return UUID(said.opaque.partition(".")[0])
    except ValueError:
        return None


def _forward(old: str, new: str) -> bool:
    if new == "failed":
        return old in ("unknown", "accepted", "sent")
    if new == "unknown":
        return old == "accepted"
    return old != "failed" and RANKS.get(new, -1) > RANKS.get(old, 0)


def _unmatched(unit: Unit, number: str, ground: Ground) -> Decision:
    decision = kept(unit, "status", number, ground)
    return msgspec.structs.replace(decision, reason="it matches no message of ours")


def _decision(
    unit: Unit, kind: str, before: Outgoing, after: Outgoing, known: Knowledge, ground: Ground
) -> tuple[Decision, Changes]:
    """An event for the CRM only when the status changed; the record always."""
    told = after.status != before.status
    conversation = known.conversations.get(before.conversation)
    if conversation and told:
        conversation = msgspec.structs.replace(conversation, sequence=conversation.sequence + 1)
    department = ground.config.department(after.tenant, after.department)
    decision = Decision(
        kind=kind,
        record=unit.id("record", ground.hash),
        tenant=after.tenant,
        conversation=after.conversation,
        department=after.department,
        destination=department.destination if department else "",
        reason=after.reason,
        sequence=conversation.sequence if conversation and told else 0,
        message=after.id,
        event=unit.id("event", ground.hash) if told and conversation else None,
        status=after.status,
    )
    changed = conversation if told else None
    return decision, Changes(conversation=changed, outgoing=after if after != before else None)
