"""Commands about a conversation: transfer, close, note, link ... Pure, a table by action.

A command that changes nothing is recorded all the same, at the current place in the conversation.
It makes no event.
"""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from router.conversation import auto_reply, consent, merge, outgoing, read_receipts, refusals
from router.conversation.confidentiality import is_confidential
from router.conversation.reply_text import ReplyCandidate, render_reply
from router.conversation.transition import apply_auto_reply, owner_before
from router.handlers import reopening, unconfirmed_sends
from router.handlers.pending_command import (
    EMPLOYEE,
    CommandHandler,
    Outcome,
    PendingCommand,
    Result,
    author_kind,
    command_status,
    event_of_change,
    record_of_change,
    status_of,
)
from router.identity import resolver
from router.model.changes import Changes
from router.model.conversation import Conversation
from router.model.decision import (
    AlarmedDestination,
    CommandAccepted,
    Data,
    Decision,
    FormerOwner,
    Merged,
    Reply,
)
from router.model.needs import Needs
from router.model.work import WorkUnit
from router.output.archive_records import KindAndData, ended_consent_data
from router.output.crm_events import (
    AddressedEvent,
    build_delivery,
    build_event,
    case_json,
    conversation_json,
    decision_json,
    sender_json,
    transcript_json,
)
from router.rules.engine import TRANSFER, Verdict
from services.contract import (
    Action,
    AddNote,
    CloseConversation,
    Command,
    ConfirmAlarm,
    LinkCase,
    MarkRead,
    MergeConversation,
    ReleaseConversation,
    ReopenConversation,
    SettleSend,
    TransferConversation,
    UnknownAction,
)
from services.event_types import CARE_CONFIRMED, CASE_LINKED, CLOSED, TRANSFERRED
from services.refusal import Refusal

REASON = "overgedragen"
TOO_OFTEN = "te vaak doorgestuurd zonder antwoord; terug naar de afdeling voor de rest"
MOVES = 8
"""Maximum transfers without an answer between them: more means two machines, or departments that
all refuse it. The conversation then stays with the number's fallback until an employee answers.
Employees who take it over within a department do not count."""


def _transfer(
    pending: PendingCommand, action: TransferConversation, previous: Conversation
) -> Outcome:
    """Transfer to another department, or into an employee's queue; no rule moves it again.

    Without a department the conversation goes to the number's fallback.
    """
    if refusal := refusals.transfer_refusal(action, previous, pending.context):
        return refusal
    verdict = _transfer_verdict(pending, action, previous)
    is_same = verdict.department == previous.department
    if is_same and action.to_department not in ("", previous.department):
        return refusals.TOO_OFTEN  # it is with the fallback already
    # Naming an employee of another department must not get around the maximum of transfers.
    is_allowed = previous.state.moves < MOVES or action.to_department == previous.department
    employee = action.employee if is_allowed else ""
    if is_same and employee == previous.state.assignee:
        return pending.accept_in(previous), Changes()
    after = previous.moved_to(verdict, pending.unit.at).with_next_sequence()
    after = after.with_state(
        home_department=verdict.department,
        assignee=employee,
        moves=previous.state.moves + (not is_same),
        has_question=True,
        menu="",
    )
    after, reply, changes = _citizen_text("doorgestuurd", pending, after, silent=is_same)
    destination = pending.context.destination_of(after)
    decision = pending.accept_in(
        after,
        sequence=after.sequence - (reply is not None),
        event=pending.unit.id("event") if destination else None,
        former=owner_before(pending.unit, previous, destination, pending.context),
        reply=reply,
    )
    return decision, msgspec.structs.replace(changes, conversation=after)


def _transfer_verdict(
    pending: PendingCommand, action: TransferConversation, previous: Conversation
) -> Verdict:
    fallback = pending.number.fallback
    if previous.state.moves >= MOVES and action.to_department != previous.department:
        return Verdict(fallback, TRANSFER, TOO_OFTEN)
    # The reason goes on to the next department, so one from a confidential department is left out.
    # The command's own record has it in any case.
    config, destination = pending.context.config, pending.context.destination_of(previous)
    is_secret = is_confidential(config, previous.tenant, previous.department, destination)
    reason = f"{REASON}: {action.reason}" if action.reason and not is_secret else REASON
    return Verdict(action.to_department or fallback, TRANSFER, reason)


def _transfer_events(
    unit: WorkUnit, command: Command, action: TransferConversation, decision: CommandAccepted
) -> Iterator[AddressedEvent]:
    """Yield the transfer for both departments, unless they share a destination."""
    former = decision.former
    if decision.event is None or former is None:
        return
    data = event_of_change(command, action.reason, decision) | {"from": former.department}
    destination, event = build_event(unit, decision, TRANSFERRED, decision.event, data)
    yield destination, event
    if former.event:
        yield former.destination, msgspec.structs.replace(event, id=former.event)


def _transfer_record(
    command: Command, action: TransferConversation, decision: Decision
) -> KindAndData:
    came_from = decision.department if isinstance(decision, CommandAccepted) else ""
    if decision.former:
        came_from = decision.former.department
    fields = {"from": came_from, "to": action.to_department}
    return record_of_change("transferred", command, decision, action.reason, **fields)


def _close(pending: PendingCommand, action: CloseConversation, previous: Conversation) -> Outcome:
    """Close the conversation: the citizen's next question begins another, or reopens this one."""
    if refusal := refusals.close_refusal(action, previous):
        return refusal
    if previous.closed_at is not None:
        return pending.accept_in(previous), Changes()
    unit, due = pending.unit, previous.state.due
    after = msgspec.structs.replace(previous.with_next_sequence(), closed_at=unit.at).with_state(
        waiting_since=None,
        escalated=False,
        menu="",
        due=None,
        closed_due=due,
        idle=False,
        held=False,
    )
    after, reply, changes = _citizen_text("afgesloten", pending, after)
    decision = pending.accept_in(
        after,
        sequence=after.sequence - (reply is not None),
        event=unit.id("event") if pending.context.destination_of(after) else None,
        reply=reply,
        releases=previous.state.held,  # closing a withheld conversation means it was dealt with
    )
    return decision, msgspec.structs.replace(changes, conversation=after)


def _close_events(
    unit: WorkUnit, command: Command, action: CloseConversation, decision: CommandAccepted
) -> Iterator[AddressedEvent]:
    if decision.event:
        data = event_of_change(command, action.reason, decision)
        data |= {"outcome": action.outcome or None} | retention_code_json(action)
        data |= transcript_json(decision.conversation)
        yield build_event(unit, decision, CLOSED, decision.event, data)


def _close_record(command: Command, action: CloseConversation, decision: Decision) -> KindAndData:
    fields = {"outcome": action.outcome or None} | retention_code_json(action)
    return record_of_change("closed", command, decision, action.reason, **fields)


def retention_code_json(action: CloseConversation) -> Data:
    """Return the result of the selection list; nothing if none was given."""
    return {"retentionCode": action.code} if action.code else {}


def _note(pending: PendingCommand, action: AddNote, previous: Conversation) -> Outcome:
    after = previous.with_next_sequence()
    return pending.accept_in(after), Changes(conversation=after)


def _note_record(command: Command, action: AddNote, decision: Decision) -> KindAndData:
    data = {
        "id": command.id,
        "text": action.text,
        "author": command.author,
        "token": command.token,
        "department": decision.department,
        "status": status_of(decision),
        "decision": decision_json(decision),
        "receivedAt": command.received_at,
    }
    return "note", data | case_json(decision)


def _link(pending: PendingCommand, action: LinkCase, previous: Conversation) -> Outcome:
    """Link to a zaak, which all later events and records of the conversation name. The department
    gets an event of its own only if the link is another one."""
    after = msgspec.structs.replace(previous.with_next_sequence(), zaak=action.zaak)
    is_told = action.zaak != previous.zaak and pending.context.destination_of(after)
    event = pending.unit.id("event") if is_told else None
    return pending.accept_in(after, event=event), Changes(conversation=after)


def _link_events(
    unit: WorkUnit, command: Command, action: LinkCase, decision: CommandAccepted
) -> Iterator[AddressedEvent]:
    if decision.event:
        data = conversation_json(decision) | {"by": sender_json(command)}
        yield build_event(unit, decision, CASE_LINKED, decision.event, data)


def _link_record(command: Command, action: LinkCase, decision: Decision) -> KindAndData:
    return record_of_change("linked", command, decision, zaak=action.zaak)


def _read(pending: PendingCommand, action: MarkRead, previous: Conversation) -> Outcome:
    """Send a read receipt. The conversation does not change, so there is no event."""
    unit = pending.unit
    if refusal := read_receipts.read_receipt_refusal(previous, pending.context, unit.at):
        return refusal
    read_receipt = read_receipts.build_read_receipt(unit, previous, typing=action.typing)
    return pending.accept_in(previous), Changes(read_receipt=read_receipt)


def _read_record(command: Command, action: MarkRead, decision: Decision) -> KindAndData:
    return record_of_change("read", command, decision, typing=action.typing)


def _confirm(pending: PendingCommand, action: ConfirmAlarm, previous: Conversation) -> Outcome:
    """Confirm that a person has seen the alarm: no further person is alarmed.

    A machine cannot: then nobody might look. The department and all who were alarmed hear of the
    first confirmation.
    """
    if author_kind(pending.command) != EMPLOYEE:
        return refusals.PERSON_NEEDED
    is_new = bool(previous.state.care) and not previous.state.confirmed_by
    destination = pending.context.destination_of(previous)
    author = pending.command.author.id if pending.command.author else ""
    after = previous.with_next_sequence().with_state(confirmed_by=author or pending.command.token)
    event = pending.unit.id("event") if is_new and destination else None
    alarmed = _alarmed_destinations(pending, previous) if is_new else ()
    decision = pending.accept_in(after, event=event, alarmed=alarmed)
    return decision, Changes(conversation=after)


def _alarmed_destinations(
    pending: PendingCommand, conversation: Conversation
) -> tuple[AlarmedDestination, ...]:
    """Return the destinations that were alarmed, without the one of the department: they were
    alarmed one after the other, and then again from the first one."""
    tenant = pending.context.config.tenant(conversation.tenant)
    asked = tenant.care.destinations[: conversation.state.care_asked] if tenant else ()
    own = pending.context.destination_of(conversation)
    return tuple(
        AlarmedDestination(destination=each, event=pending.unit.id(f"confirmed {each}"))
        for each in dict.fromkeys(asked)
        if each != own
    )


def _confirm_events(
    unit: WorkUnit, command: Command, action: ConfirmAlarm, decision: CommandAccepted
) -> Iterator[AddressedEvent]:
    if decision.event:
        data = conversation_json(decision) | {"by": sender_json(command)}
        yield build_event(unit, decision, CARE_CONFIRMED, decision.event, data)
    for each in decision.alarmed:
        # As little of the conversation as the alarm said.
        data = {"conversationId": decision.conversation, "by": sender_json(command)}
        event = build_delivery(unit, decision, CARE_CONFIRMED, each.event, data)
        yield each.destination, event


def _confirm_record(command: Command, action: ConfirmAlarm, decision: Decision) -> KindAndData:
    return record_of_change("confirmed", command, decision)


def _release(
    pending: PendingCommand, action: ReleaseConversation, previous: Conversation
) -> Outcome:
    """Release the withheld events, in order."""
    after = previous.with_next_sequence().with_state(held=False)
    return pending.accept_in(after, releases=True), Changes(conversation=after)


def _release_record(
    command: Command, action: ReleaseConversation, decision: Decision
) -> KindAndData:
    return record_of_change("released", command, decision)


def _merge(pending: PendingCommand, action: MergeConversation, previous: Conversation) -> Outcome:
    """Merge another conversation into this one: an employee knows that both people are one.

    The identities of the other person now belong to this one. The other conversation is closed.
    """
    unit, snapshot = pending.unit, pending.snapshot
    other = snapshot.conversations.get(action.other)
    if other is None:
        return refusals.NO_CONVERSATION
    if refusal := merge.merge_refusal(pending.command, previous, other):
        return refusal
    identities = tuple(
        msgspec.structs.replace(identity, person=previous.person, valid_from=unit.at, merged=True)
        for identity in snapshot.identities_of(other.person)
    )
    after = previous.with_next_sequence().with_state(**merge.merge_state(previous, other))
    closed = merge.close_merged(other, previous, unit.at)
    owner = FormerOwner(department=other.department)
    if other.closed_at is None:
        owner = owner_before(unit, other, "", pending.context)
    person_key = other.tenant, other.person
    withdrawals = consent.transfer_withdrawals(person_key, previous.person, snapshot)
    decision = pending.accept_in(
        after,
        merged=Merged(
            conversation=other.id, sequence=closed.sequence, owner=owner, zaak=other.zaak
        ),
        ended=consent.find_ended_purposes(withdrawals, snapshot),
    )
    return decision, Changes(
        conversation=after,
        identities=identities,
        merged_conversation=closed,
        timers=tuple(merge.timers_after_merge(unit, previous, after, pending.context)),
        withdrawals=withdrawals,
    )


def _merge_events(
    unit: WorkUnit, command: Command, action: MergeConversation, decision: CommandAccepted
) -> Iterator[AddressedEvent]:
    """Yield the closing of the merged conversation, for the department that had it."""
    merged = decision.merged
    if merged is None or merged.owner.event is None:
        return
    data: Data = {
        "conversationId": merged.conversation,
        "department": merged.owner.department,
        "reason": merge.REASON.format(decision.conversation),
        "by": sender_json(command),
        "outcome": None,
    } | transcript_json(merged.conversation)
    if merged.zaak:
        data["zaak"] = merged.zaak
    event = build_delivery(unit, decision, CLOSED, merged.owner.event, data)
    closed = msgspec.structs.replace(
        event,
        sequence=merged.sequence,
        conversation=merged.conversation,
        department=merged.owner.department,
    )
    yield merged.owner.destination, closed


def _merge_record(command: Command, action: MergeConversation, decision: Decision) -> KindAndData:
    ended = decision.ended if isinstance(decision, CommandAccepted) else ()
    fields = ended_consent_data(ended)
    if isinstance(decision, CommandAccepted) and decision.merged:
        fields["otherSequence"] = decision.merged.sequence
    return record_of_change("merged", command, decision, other=action.other, **fields)


def _merge_needs(command: Command, action: MergeConversation) -> Needs:
    return Needs(conversations=(action.other,), consents=True)


def _unknown_record(command: Command, action: UnknownAction, decision: Decision) -> KindAndData:
    return record_of_change("refused", command, decision)


def _refuse_unknown(pending: PendingCommand, action: UnknownAction) -> Result:
    return pending.refuse(refusals.TYPE_UNKNOWN)


Change = Callable[[PendingCommand, Any, Conversation], Outcome]


def _in_conversation(
    change: Change, *, is_anyones: bool = False
) -> Callable[[PendingCommand, Any], Result]:
    """Return the decision on a change by a department that has the conversation. `is_anyones`: any
    department of the municipality may make it."""

    def decide(pending: PendingCommand, action: Any) -> Result:
        command = pending.command
        conversation = pending.snapshot.conversations.get(command.conversation)
        if not refusals.is_conversation_of(conversation, command, pending.number):
            return pending.refuse(refusals.NO_CONVERSATION)
        if not is_anyones and (refusal := refusals.department_refusal(command, conversation)):
            return pending.refuse(refusal, conversation)
        outcome = change(pending, action, conversation)
        if isinstance(outcome, Refusal):
            return pending.refuse(outcome, conversation)
        decision, changes = outcome
        # A text to the citizen has a status beside that of the command.
        return decision, msgspec.structs.replace(
            changes,
            outgoing=command_status(pending.unit, command, decision),
            other_outgoing=changes.outgoing or changes.other_outgoing,
        )

    return decide


def _citizen_text(
    name: str, pending: PendingCommand, conversation: Conversation, *, silent: bool = False
) -> tuple[Conversation, Reply | None, Changes]:
    """Return the conversation and the changes after a text to the citizen, if one may be sent."""
    unit, snapshot, context = pending.unit, pending.snapshot, pending.context
    to = resolver.find_address(conversation.person, pending.number, snapshot)
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


CONVERSATION_COMMANDS: dict[type[Action], CommandHandler] = {
    TransferConversation: CommandHandler(
        _in_conversation(_transfer), _transfer_record, _transfer_events
    ),
    CloseConversation: CommandHandler(_in_conversation(_close), _close_record, _close_events),
    ReopenConversation: CommandHandler(
        _in_conversation(reopening.reopen), reopening.record, reopening.events
    ),
    AddNote: CommandHandler(_in_conversation(_note), _note_record),
    LinkCase: CommandHandler(_in_conversation(_link), _link_record, _link_events),
    MarkRead: CommandHandler(_in_conversation(_read), _read_record),
    # An alarm wakes people of any department.
    ConfirmAlarm: CommandHandler(
        _in_conversation(_confirm, is_anyones=True), _confirm_record, _confirm_events
    ),
    ReleaseConversation: CommandHandler(_in_conversation(_release), _release_record),
    MergeConversation: CommandHandler(
        _in_conversation(_merge), _merge_record, _merge_events, _merge_needs
    ),
    SettleSend: CommandHandler(
        _in_conversation(unconfirmed_sends.settle),
        unconfirmed_sends.record,
        unconfirmed_sends.events,
        unconfirmed_sends.needs,
    ),
    UnknownAction: CommandHandler(_refuse_unknown, _unknown_record),
}
"""Action on a conversation -> its handler."""
