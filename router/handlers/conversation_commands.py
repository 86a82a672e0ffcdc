"""Commands about a conversation: transfer, close, note, link ... Pure, a table by command type.

A command that changes nothing is recorded all the same, at the current place in the conversation.
It makes no event.
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
"""Maximum transfers without an answer between them: more means two machines, or departments that
all refuse it. The conversation then stays with the number's fallback until an employee answers."""

Result = tuple[Decision, Changes]


def _transfer(
    unit: WorkUnit,
    command: Command,
    previous: Conversation,
    snapshot: Snapshot,
    context: RoutingContext,
) -> Result:
    """Transfer to another department, or into an employee's queue; no rule moves it again.

    Without a department the conversation goes to the number's fallback.
    """
    verdict = _transfer_verdict(command, previous, context)
    is_same = verdict.department == previous.department
    # Naming an employee must not get around the maximum of transfers either.
    employee = command.employee if previous.state.moves < MOVES else ""
    if is_same and employee == previous.state.assignee:
        return _accepted(unit, previous, context, moved_from=previous.department), Changes()
    after = _next(previous.moved_to(verdict, unit.at)).with_state(
        home_department=verdict.department,
        assignee=employee,
        moves=previous.state.moves + 1,
        has_question=True,
        menu="",
    )
    after, reply, changes = _citizen_text(
        "doorgestuurd", unit, after, snapshot, context, silent=is_same
    )
    destination, former = _destination(after, context), _destination(previous, context)
    has_former_event = former not in ("", destination)
    decision = _accepted(
        unit,
        after,
        context,
        sequence=after.sequence - (reply is not None),
        moved_from=previous.department,
        event=unit.id("event") if destination else None,
        previous_department_event=unit.id("former") if has_former_event else None,
        former_destination=former if has_former_event else "",
        reply=reply,
    )
    return decision, msgspec.structs.replace(changes, conversation=after)


def _transfer_verdict(command: Command, previous: Conversation, context: RoutingContext) -> Verdict:
    number = context.config.number(previous.number)
    fallback = number.fallback if number else previous.department
    if previous.state.moves >= MOVES:
        return Verdict(fallback, TRANSFER, TOO_OFTEN)
    # The reason goes on to the next department, so one from a confidential department is left out.
    # The command's own record has it in any case.
    destination = _destination(previous, context)
    silent = is_confidential(context.config, previous.tenant, previous.department, destination)
    reason = f"{REASON}: {command.reason}" if command.reason and not silent else REASON
    return Verdict(command.to_department or fallback, TRANSFER, reason)


def _close(
    unit: WorkUnit,
    command: Command,
    previous: Conversation,
    snapshot: Snapshot,
    context: RoutingContext,
) -> Result:
    """Close the conversation: the citizen's next question begins another, or reopens this one."""
    if previous.closed_at is not None:
        return _accepted(unit, previous, context), Changes()
    after = msgspec.structs.replace(_next(previous), closed_at=unit.at).with_state(
        waiting_since=None, escalated=False, menu="", due=None, idle=False, held=False
    )
    is_open = outgoing.is_window_open(previous, unit.at)
    after, reply, changes = _citizen_text(
        "afgesloten", unit, after, snapshot, context, silent=not is_open
    )
    decision = _accepted(
        unit,
        after,
        context,
        sequence=after.sequence - (reply is not None),
        event=unit.id("event") if _destination(after, context) else None,
        reply=reply,
        releases=previous.state.held,  # closing a withheld conversation means it was dealt with
    )
    return decision, msgspec.structs.replace(changes, conversation=after)


def _note(
    unit: WorkUnit,
    command: Command,
    previous: Conversation,
    snapshot: Snapshot,
    context: RoutingContext,
) -> Result:
    after = _next(previous)
    return _accepted(unit, after, context), Changes(conversation=after)


def _link(
    unit: WorkUnit,
    command: Command,
    previous: Conversation,
    snapshot: Snapshot,
    context: RoutingContext,
) -> Result:
    """Link to a zaak, which all later events and records of the conversation name."""
    after = msgspec.structs.replace(_next(previous), zaak=command.zaak)
    return _accepted(unit, after, context), Changes(conversation=after)


def _read(
    unit: WorkUnit,
    command: Command,
    previous: Conversation,
    snapshot: Snapshot,
    context: RoutingContext,
) -> Result:
    """Send a read receipt. The conversation does not change, so there is no event."""
    if reason := read_receipts.read_receipt_refusal(previous, context, unit.at):
        return _refuse(unit, reason)
    read_receipt = read_receipts.build_read_receipt(unit, previous, typing=command.typing)
    return _accepted(unit, previous, context), Changes(read_receipt=read_receipt)


def _confirm(
    unit: WorkUnit,
    command: Command,
    previous: Conversation,
    snapshot: Snapshot,
    context: RoutingContext,
) -> Result:
    """Confirm that a person has seen the alarm: no further person is alarmed."""
    author = command.author.id if command.author else ""
    after = _next(previous).with_state(confirmed_by=author or command.token)
    return _accepted(unit, after, context), Changes(conversation=after)


def _release(
    unit: WorkUnit,
    command: Command,
    previous: Conversation,
    snapshot: Snapshot,
    context: RoutingContext,
) -> Result:
    """Release the withheld events, in order."""
    after = _next(previous).with_state(held=False)
    return _accepted(unit, after, context, releases=True), Changes(conversation=after)


def _merge(
    unit: WorkUnit,
    command: Command,
    previous: Conversation,
    snapshot: Snapshot,
    context: RoutingContext,
) -> Result:
    """Merge another conversation into this one: an employee knows that both people are one.

    The identities of the other person now belong to this one. The other conversation is closed.
    """
    other = snapshot.conversations.get(command.merge_from)
    if (reason := merge.merge_refusal(command, previous, other)) or other is None:
        return _refuse(unit, reason)
    identities = tuple(
        msgspec.structs.replace(identity, person=previous.person, valid_from=unit.at)
        for identity in snapshot.identities_of(other.person)
    )
    after = _next(previous).with_state(**merge.merge_state(previous, other))
    closed = merge.close_merged(other, previous, unit.at)
    former = _destination(other, context) if other.closed_at is None else ""
    decision = _accepted(
        unit,
        after,
        context,
        merged=other.id,
        merged_sequence=closed.sequence,
        moved_from=other.department,
        previous_department_event=unit.id("former") if former else None,
        former_destination=former,
    )
    person_key = other.tenant, other.person
    withdrawals = consent.transfer_withdrawals(person_key, previous.person, snapshot)
    decision = msgspec.structs.replace(
        decision, ended=consent.find_ended_purposes(withdrawals, snapshot)
    )
    return decision, Changes(
        conversation=after,
        identities=identities,
        merged_conversation=closed,
        timers=tuple(merge.timers_after_merge(unit, previous, after, context)),
        withdrawals=withdrawals,
    )


def _refuse(unit: WorkUnit, reason: str) -> Result:
    return Decision(kind="refused", record=unit.entry.id, reason=reason), Changes()


CONVERSATION_COMMANDS: dict[
    str, Callable[[WorkUnit, Command, Conversation, Snapshot, RoutingContext], Result]
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
"""Type of a command -> its handler."""


def _citizen_text(
    name: str,
    unit: WorkUnit,
    conversation: Conversation,
    snapshot: Snapshot,
    context: RoutingContext,
    *,
    silent: bool,
) -> tuple[Conversation, Reply | None, Changes]:
    """Return the conversation and the changes after a text to the citizen, if one may be sent."""
    to = _address(conversation, snapshot, context)
    tenant = context.config.tenant(conversation.tenant)
    if silent or to is None or tenant is None or not outgoing.is_window_open(conversation, unit.at):
        return conversation, None, Changes()
    notice = snapshot.number_notices.get(conversation.number)
    if not auto_reply.may_send_unprompted(conversation, notice, unit.at):
        return conversation, None, Changes()
    text = render_reply(unit, ReplyCandidate(name), conversation, tenant, context)
    if text is None:
        return conversation, None, Changes()
    candidate, reply = text
    conversation = apply_auto_reply(conversation, unit.at, candidate, None)
    return conversation, reply, outgoing.outgoing_changes(unit, conversation, reply, to)


def _address(
    conversation: Conversation, snapshot: Snapshot, context: RoutingContext
) -> Identity | None:
    number = context.config.number(conversation.number)
    return resolver.find_address(conversation.person, number, snapshot) if number else None


def _next(conversation: Conversation) -> Conversation:
    return msgspec.structs.replace(conversation, sequence=conversation.sequence + 1)


def _destination(conversation: Conversation, context: RoutingContext) -> str:
    """Return the destination of the department; '' if that is gone from the configuration."""
    department = context.config.department(conversation.tenant, conversation.department)
    return department.destination if department else ""


def _accepted(
    unit: WorkUnit, conversation: Conversation, context: RoutingContext, **overrides: Any
) -> Decision:
    fields: dict[str, Any] = {
        "kind": "accepted",
        "record": unit.id("record"),
        "tenant": conversation.tenant,
        "conversation": conversation.id,
        "department": conversation.department,
        "destination": _destination(conversation, context),
        "rule": conversation.rule,
        "reason": conversation.reason,
        "sequence": conversation.sequence,
        "status": COMMAND_DONE,
        "zaak": conversation.zaak,
        "version": context.version,
        "tags": conversation.state.tags,
        "priority": conversation.state.priority,
        "assignee": conversation.state.assignee,
        "held": conversation.state.held,
    }
    return Decision(**(fields | overrides))
