"""Deciding what a CRM does with a conversation: transfer, close, note, link ... Pure, a table.

What changes nothing is recorded all the same, in the place that the conversation has reached, and
told to nobody.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from router.conversation import auto_reply, consent, merge, outgoing, read_receipts
from router.conversation.confidentiality import is_confidential
from router.conversation.reply_text import ReplyCandidate, render_reply
from router.conversation.transition import apply_auto_reply
from router.identity import resolver
from router.model.conversation import Conversation
from router.model.decision import Changes, Decision, Identity, Reply, RoutingContext, WorkUnit
from router.model.snapshot import Snapshot
from router.rules.engine import TRANSFER, Verdict
from services.contract import Command
from services.whatsapp.delivery_status import COMMAND_DONE

REASON = "overgedragen"
TOO_OFTEN = "te vaak doorgestuurd zonder antwoord; terug naar de afdeling voor de rest"
MOVES = 8
"""Transfers without an answer between them: more is two machines, or nobody who wants it. Then it
goes to the number's fallback, and stays there until somebody answers."""

Steered = tuple[Decision, Changes]


def _transfer(
    unit: WorkUnit, given: Command, before: Conversation, known: Snapshot, ground: RoutingContext
) -> Steered:
    """To another department, or into somebody's queue, for good: no rule moves it again. Without a
    department: to the front desk."""
    verdict = _whereto(given, before, ground)
    same = verdict.department == before.department
    # Whose queue it is put in is no way around going round either.
    employee = given.employee if before.state.moves < MOVES else ""
    if same and employee == before.state.assignee:
        return _accepted(unit, before, ground, moved_from=before.department), Changes()
    now = _next(before.moved_to(verdict, unit.at)).with_state(
        home_department=verdict.department,
        assignee=employee,
        moves=before.state.moves + 1,
        has_question=True,
        menu="",
    )
    now, reply, sent = _citizen_text("doorgestuurd", unit, now, known, ground, silent=same)
    destination, former = _destination(now, ground), _destination(before, ground)
    told_both = former not in ("", destination)
    decision = _accepted(
        unit,
        now,
        ground,
        sequence=now.sequence - (reply is not None),
        moved_from=before.department,
        event=unit.id("event") if destination else None,
        previous_department_event=unit.id("former") if told_both else None,
        former_destination=former if told_both else "",
        reply=reply,
    )
    return decision, msgspec.structs.replace(sent, conversation=now)


def _whereto(given: Command, before: Conversation, ground: RoutingContext) -> Verdict:
    number = ground.config.number(before.number)
    desk = number.fallback if number else before.department
    if before.state.moves >= MOVES:
        return Verdict(desk, TRANSFER, TOO_OFTEN)
    # It goes on with the conversation, to whoever has it next; in the history it stands by itself.
    destination = _destination(before, ground)
    silent = is_confidential(ground.config, before.tenant, before.department, destination)
    reason = f"{REASON}: {given.reason}" if given.reason and not silent else REASON
    return Verdict(given.to_department or desk, TRANSFER, reason)


def _close(
    unit: WorkUnit, given: Command, before: Conversation, known: Snapshot, ground: RoutingContext
) -> Steered:
    """The citizen's next question begins another conversation, or opens this one again."""
    if before.closed_at is not None:
        return _accepted(unit, before, ground), Changes()
    now = msgspec.structs.replace(_next(before), closed_at=unit.at).with_state(
        waiting_since=None, escalated=False, menu="", due=None, idle=False, held=False
    )
    open = outgoing.is_window_open(before, unit.at)
    now, reply, sent = _citizen_text("afgesloten", unit, now, known, ground, silent=not open)
    event = unit.id("event") if _destination(now, ground) else None
    sequence = now.sequence - (reply is not None)
    lets_go = before.state.held  # whoever closes it has seen to it
    decision = _accepted(
        unit, now, ground, sequence=sequence, event=event, reply=reply, releases=lets_go
    )
    return decision, msgspec.structs.replace(sent, conversation=now)


def _note(
    unit: WorkUnit, given: Command, before: Conversation, known: Snapshot, ground: RoutingContext
) -> Steered:
    now = _next(before)
    return _accepted(unit, now, ground), Changes(conversation=now)


def _link(
    unit: WorkUnit, given: Command, before: Conversation, known: Snapshot, ground: RoutingContext
) -> Steered:
    """To a zaak, which everything that is said of the conversation carries from here on."""
    now = msgspec.structs.replace(_next(before), zaak=given.zaak)
    return _accepted(unit, now, ground), Changes(conversation=now)


def _read(
    unit: WorkUnit, given: Command, before: Conversation, known: Snapshot, ground: RoutingContext
) -> Steered:
    """The citizen sees it; in the conversation nothing changes, so nobody else is told."""
    if reason := read_receipts.read_receipt_refusal(before, ground, unit.at):
        return _refuse(unit, reason)
    mark = read_receipts.build_read_receipt(unit, before, typing=given.typing)
    return _accepted(unit, before, ground), Changes(read_receipt=mark)


def _confirm(
    unit: WorkUnit, given: Command, before: Conversation, known: Snapshot, ground: RoutingContext
) -> Steered:
    """Somebody has seen the alarm: nobody else is woken."""
    author = given.author.id if given.author else ""
    now = _next(before).with_state(confirmed_by=author or given.token)
    return _accepted(unit, now, ground), Changes(conversation=now)


def _release(
    unit: WorkUnit, given: Command, before: Conversation, known: Snapshot, ground: RoutingContext
) -> Steered:
    """What was held is told now, in order."""
    now = _next(before).with_state(held=False)
    return _accepted(unit, now, ground, releases=True), Changes(conversation=now)


def _merge(
    unit: WorkUnit, given: Command, before: Conversation, known: Snapshot, ground: RoutingContext
) -> Steered:
    """An employee knows that two people are one: whoever is in the other conversation is from now
    on who is in this one. The other goes on here, and is closed."""
    other = known.conversations.get(given.merge_from)
    if (reason := merge.merge_refusal(given, before, other)) or other is None:
        return _refuse(unit, reason)
    names = tuple(
        msgspec.structs.replace(name, person=before.person, valid_from=unit.at)
        for name in known.identities_of(other.person)
    )
    now = _next(before).with_state(**merge.merge_state(before, other))
    closed = merge.close_merged(other, before, unit.at)
    told = _destination(other, ground) if other.closed_at is None else ""
    decision = _accepted(
        unit,
        now,
        ground,
        merged=other.id,
        merged_sequence=closed.sequence,
        moved_from=other.department,
        previous_department_event=unit.id("former") if told else None,
        former_destination=told,
    )
    rings = tuple(merge.timers_after_merge(unit, before, now, ground))
    theirs = other.tenant, other.person
    withdrawals = consent.transfer_withdrawals(theirs, before.person, known)
    decision = msgspec.structs.replace(
        decision, ended=consent.find_ended_purposes(withdrawals, known)
    )
    return decision, Changes(
        conversation=now,
        identities=names,
        merged_conversation=closed,
        timers=rings,
        withdrawals=withdrawals,
    )


def _refuse(unit: WorkUnit, reason: str) -> Steered:
    return Decision(kind="refused", record=unit.entry.id, reason=reason), Changes()


CONVERSATION_COMMANDS: dict[
    str, Callable[[WorkUnit, Command, Conversation, Snapshot, RoutingContext], Steered]
] = {
    "transfer": _transfer,
    "close": _close,
    "note": _note,
    "link": _link,
    "read": _read,
    "confirm": _confirm,
    "release": _release,
    "merge": _merge,
}
"""Type of an order -> what it does."""


def _citizen_text(
    name: str,
    unit: WorkUnit,
    now: Conversation,
    known: Snapshot,
    ground: RoutingContext,
    *,
    silent: bool,
) -> tuple[Conversation, Reply | None, Changes]:
    """With what the citizen is told of it, where that is wanted."""
    to = _address(now, known, ground)
    tenant = ground.config.tenant(now.tenant)
    if silent or to is None or tenant is None or not outgoing.is_window_open(now, unit.at):
        return now, None, Changes()
    if not auto_reply.may_send_unprompted(now, known.number_notices.get(now.number), unit.at):
        return now, None, Changes()
    text = render_reply(unit, ReplyCandidate(name), now, tenant, ground)
    if text is None:
        return now, None, Changes()
    said, reply = text
    now = apply_auto_reply(now, unit.at, said, None)
    return now, reply, outgoing.outgoing_changes(unit, now, reply, to)


def _address(now: Conversation, known: Snapshot, ground: RoutingContext) -> Identity | None:
    number = ground.config.number(now.number)
    return resolver.find_address(now.person, number, known) if number else None


def _next(conversation: Conversation) -> Conversation:
    return msgspec.structs.replace(conversation, sequence=conversation.sequence + 1)


def _destination(conversation: Conversation, ground: RoutingContext) -> str:
    """Where its department is told things; '' where that is gone from the configuration."""
    there = ground.config.department(conversation.tenant, conversation.department)
    return there.destination if there else ""


def _accepted(unit: WorkUnit, now: Conversation, ground: RoutingContext, **more: Any) -> Decision:
    given: dict[str, Any] = {
        "kind": "accepted",
        "record": unit.id("record"),
        "tenant": now.tenant,
        "conversation": now.id,
        "department": now.department,
        "destination": _destination(now, ground),
        "rule": now.rule,
        "reason": now.reason,
        "sequence": now.sequence,
        "status": COMMAND_DONE,
        "zaak": now.zaak,
        "version": ground.version,
        "tags": now.state.tags,
        "priority": now.state.priority,
        "assignee": now.state.assignee,
        "held": now.state.held,
    }
    return Decision(**(given | more))
