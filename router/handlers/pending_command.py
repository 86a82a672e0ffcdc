"""A command to decide: its context, its acceptance and refusal, and the form of a handler. Pure.

A refusal reaches the sender as status `failed` with a sentence. Meta is not called.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import msgspec

from router.conversation.refusals import may_act_for
from router.model.changes import Changes, OutgoingStatus
from router.model.conversation import Conversation
from router.model.decision import CommandAccepted, CommandRefused, Data, Decision, RefusalEvent
from router.model.needs import Needs
from router.model.snapshot import Snapshot
from router.model.work import RoutingContext, WorkUnit
from router.output.archive_records import KindAndData, conversation_event_data
from router.output.crm_events import (
    AddressedEvent,
    conversation_json,
    labels_json,
    reply_json,
    sender_json,
)
from services.config.numbers import Number
from services.contract import Command, SendMessage
from services.ids import CONVERSATION
from services.refusal import Refusal
from services.whatsapp.delivery_status import COMMAND_DONE

Result = tuple[Decision, Changes]
Outcome = tuple[CommandAccepted, Changes] | Refusal
"""Outcome of a command in its conversation."""
EMPLOYEE = "employee"
"""Kind of author whose message is an answer of a person."""


class PendingCommand(msgspec.Struct, frozen=True):
    """A command to decide, with its unit, its number, and the rows and configuration for it."""

    unit: WorkUnit
    command: Command
    number: Number
    snapshot: Snapshot
    context: RoutingContext

    def accept(self, **fields: Any) -> CommandAccepted:
        """Return the decision on a command that belongs to the municipality as a whole."""
        return CommandAccepted(
            record=self.unit.id("record"),
            tenant=self.number.tenant,
            status=COMMAND_DONE,
            version=self.context.version,
            **fields,
        )

    def accept_in(self, conversation: Conversation, **fields: Any) -> CommandAccepted:
        """Return the decision on a command that leaves its conversation like this."""
        decision = CommandAccepted(
            record=self.unit.id("record"),
            tenant=conversation.tenant,
            conversation=conversation.id,
            department=conversation.department,
            destination=self.context.destination_of(conversation),
            rule=conversation.rule,
            reason=conversation.why(),
            sequence=conversation.sequence,
            status=COMMAND_DONE,
            zaak=conversation.zaak,
            version=self.context.version,
            labels=conversation.labels(),
            window_until=conversation.window_until(),
            held=conversation.state.held,
        )
        return msgspec.structs.replace(decision, **fields)

    def refuse(self, refusal: Refusal, conversation: Conversation | None = None) -> Result:
        return refuse(self.unit, self.command, refusal, self.context, conversation)


def no_events(
    unit: WorkUnit, command: Command, action: Any, decision: CommandAccepted
) -> Iterator[AddressedEvent]:
    return iter(())


def no_needs(command: Command, action: Any) -> Needs:
    return Needs()


class CommandHandler(NamedTuple):
    """Decides one action, and makes its record and its events."""

    decide: Callable[[PendingCommand, Any], Result]
    record: Callable[[Command, Any, Decision], KindAndData]
    events: Callable[[WorkUnit, Command, Any, CommandAccepted], Iterator[AddressedEvent]] = (
        no_events
    )
    needs: Callable[[Command, Any], Needs] = no_needs
    """Rows that it reads beyond those of every command."""


def refuse(
    unit: WorkUnit,
    command: Command,
    refusal: Refusal,
    context: RoutingContext,
    conversation: Conversation | None = None,
) -> Result:
    """Refuse a command. The record belongs to the sender's department and to no conversation."""
    number = context.config.number(command.number)
    tenant = command.tenant or (number.tenant if number else "")
    decision = CommandRefused(
        record=unit.id("record"),
        tenant=tenant,
        department=command.department or _department_of_sender(command, conversation, tenant),
        message=command.id,
        reason=str(refusal),
        refusal_event=plan_refusal_event(unit, command, refusal, context, conversation),
    )
    return decision, Changes(outgoing=command_status(unit, command, decision))


def plan_refusal_event(
    unit: WorkUnit,
    command: Command,
    refusal: Refusal,
    context: RoutingContext,
    conversation: Conversation | None = None,
) -> RefusalEvent | None:
    """Return the event of a refusal for the destination that the command names; None without one.

    `conversation` is the one that its sender may know of.
    """
    is_addressed = context.config.destination(command.reply_to) is not None
    if not (is_addressed and CONVERSATION.fullmatch(command.conversation)):
        return None
    number = context.config.number(command.number)
    return RefusalEvent(
        id=unit.id("event"),
        destination=command.reply_to,
        tenant=command.tenant or (number.tenant if number else ""),
        conversation=command.conversation,
        department=conversation.department if conversation else "",
        sequence=conversation.sequence if conversation else 0,
        reason=str(refusal),
    )


def status_of(decision: Decision) -> str:
    """Return the status of a command after a decision."""
    return decision.status if isinstance(decision, CommandAccepted) else "failed"


def record_of_change(
    event: str, command: Command, decision: Decision, reason: str = "", **fields: Any
) -> KindAndData:
    """Return what the record of a change by a person says, done or refused."""
    outcome = event if isinstance(decision, CommandAccepted) else "refused"
    cause = {"order": command.type, "by": sender_json(command), "status": status_of(decision)}
    data = conversation_event_data(outcome, decision) | cause | {"reason": reason}
    return "conversation", data | fields


def event_of_change(command: Command, reason: str, decision: CommandAccepted) -> Data:
    """Return what an event says of a change by a person."""
    by = {"reason": reason, "by": sender_json(command)}
    return conversation_json(decision) | by | labels_json(decision) | reply_json(decision)


def command_status(unit: WorkUnit, command: Command, decision: Decision) -> OutgoingStatus:
    """Return the status of a command that its sender can ask for."""
    is_accepted = isinstance(decision, CommandAccepted)
    return OutgoingStatus(
        id=command.id,
        tenant=decision.tenant,
        number=command.number,
        conversation=decision.conversation or command.conversation,
        department=decision.department,
        status=status_of(decision),
        reason="" if is_accepted else decision.reason,
        changed_at=unit.at,
        type=command.type if is_accepted else "",
        author_kind=author_kind(command) if isinstance(command.action, SendMessage) else "",
    )


def author_kind(command: Command) -> str:
    """Return who wrote the message of a command: an employee, where its sender does not say."""
    return command.author.kind if command.author else EMPLOYEE


def _department_of_sender(command: Command, conversation: Conversation | None, tenant: str) -> str:
    """Return the department of a command that names none; '' if it is uncertain.

    It is a department that the token acts for and that has the conversation, or had it last; or
    else the only department of the token.
    """
    if conversation and conversation.tenant == tenant:
        for department in (conversation.department, *reversed(conversation.departments)):
            if may_act_for(command, department):
                return department
    return command.departments[0] if len(command.departments) == 1 else ""
