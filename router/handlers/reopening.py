"""Opening a closed conversation again, because a person found that it is not dealt with. Pure."""

from collections.abc import Iterator

import msgspec

from router.conversation import refusals, timers
from router.handlers.pending_command import (
    Outcome,
    PendingCommand,
    event_of_change,
    record_of_change,
)
from router.model.changes import Changes
from router.model.conversation import Conversation
from router.model.decision import CommandAccepted, Decision
from router.model.work import WorkUnit
from router.output.archive_records import KindAndData
from router.output.crm_events import AddressedEvent, build_event
from services.contract import Command, ReopenConversation
from services.event_types import REOPENED


def reopen(pending: PendingCommand, action: ReopenConversation, previous: Conversation) -> Outcome:
    """Open the conversation again where it was closed. The citizen gets no text."""
    if previous.closed_at is None:
        return pending.accept_in(previous), Changes()
    unit, context = pending.unit, pending.context
    if refusal := refusals.reopen_refusal(previous, pending.snapshot, context):
        return refusal
    after = _open_again(previous, pending)
    decision = pending.accept_in(after, event=unit.id("event"))
    return decision, Changes(
        conversation=after, timers=timers.after_reopening(unit, after, context)
    )


def _open_again(previous: Conversation, pending: PendingCommand) -> Conversation:
    """Return the conversation with its open question. A citizen who ever asked something waits from
    now on, so that it is not forgotten a second time; the deadline is what it was."""
    state = previous.state
    after = msgspec.structs.replace(previous.with_next_sequence(), closed_at=None)
    return after.with_state(
        has_question=True,
        waiting_since=pending.unit.at if state.last_request_sequence else None,
        escalated=False,
        due=state.due or state.closed_due,
        idle=False,
        reopened=state.reopened + 1,
    )


def events(
    unit: WorkUnit, command: Command, action: ReopenConversation, decision: CommandAccepted
) -> Iterator[AddressedEvent]:
    if decision.event:
        data = event_of_change(command, action.reason, decision)
        yield build_event(unit, decision, REOPENED, decision.event, data)


def record(command: Command, action: ReopenConversation, decision: Decision) -> KindAndData:
    return record_of_change("reopened", command, decision, action.reason)
