"""Build the router's command from a request body, or find its faults. Pure.

`services.api.json_body` has checked the body alone. This module checks it against the token and the
configuration.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from gateway.commands.authorization import ConversationView
from gateway.commands.graph_payload import disclosure_faults, graph_payload, link_pointer, upload_of
from gateway.commands.plain_text import plain_text_of
from gateway.requests.changes import (
    Change,
    ClearNotice,
    ConsentCommand,
    GiveConsent,
    Merge,
    NumberCommand,
    Transfer,
)
from gateway.requests.messages import (
    Author,
    Message,
    ReactionMessage,
    TemplateMessage,
    Terms,
)
from services import contract
from services.api.json_body import FieldError
from services.config.model import Configuration
from services.http.rights import Rights

CLOCK_SKEW = timedelta(minutes=1)
"""Time by which the clock of a CRM may be ahead."""
MAX_DURATION = timedelta(days=31)
"""Longest duration of a notice or state of a number. What lasts longer belongs in texts and opening
hours; a forgotten notice must not be sent for a year."""


class CommandContext(msgspec.Struct, frozen=True, kw_only=True):
    """The token that gave a command, the command's id, the time it was first accepted, and its
    trace."""

    rights: Rights
    id: UUID
    at: datetime
    traceparent: str = ""


def message_faults(
    body: Message, rights: Rights, config: Configuration, now: datetime
) -> list[FieldError]:
    """Return all faults of a message, except those of its file and its conversation."""
    return [
        *sender_faults(body, rights, config),
        *disclosure_faults(body, _disclosure(rights, config)),
        *_link_faults(body, config),
        *_template_consent_faults(body, now),
    ]


def _link_faults(body: Message, config: Configuration) -> Iterator[FieldError]:
    """A file that Meta fetches from a link is not scanned, so production refuses links."""
    if config.environment == "production" and (pointer := link_pointer(body)):
        yield FieldError(pointer, "must be an upload (`id`): in production files are scanned")


def _template_consent_faults(body: Message, now: datetime) -> list[FieldError]:
    consent = body.consent if isinstance(body, TemplateMessage) else None
    return consent_time_faults("/consent/givenAt", consent.given_at if consent else None, now)


def sender_faults(
    body: Message | Terms, rights: Rights, config: Configuration
) -> Iterator[FieldError]:
    """Yield the faults of author, department and number of a message."""
    yield from author_faults(body.author, rights)
    yield from _department_faults(body.department, body.number, rights, config)


def change_faults(
    body: Change | Terms, rights: Rights, config: Configuration
) -> Iterator[FieldError]:
    """Yield the faults of a change of a conversation, except those of its conversation.

    The department of a transfer is the one that receives the conversation.
    """
    yield from author_faults(body.author, rights)
    department = body.department if isinstance(body, Transfer | Terms) else None
    if department and config.department(rights.tenant, department) is None:
        yield FieldError("/department", "is no department of this municipality")


def consent_faults(
    body: ConsentCommand | Terms, rights: Rights, config: Configuration, now: datetime
) -> Iterator[FieldError]:
    """Yield the faults of a command that belongs to the municipality and to no department."""
    yield from author_faults(body.author, rights)
    yield from _number_faults(body.number, rights, config)
    given_at = body.given_at if isinstance(body, GiveConsent | Terms) else None
    yield from consent_time_faults("/givenAt", given_at, now)


def time_faults(until: datetime | None, now: datetime) -> list[FieldError]:
    """Return the faults of the time at which a notice or state ends."""
    if until is None or now < until <= now + MAX_DURATION:
        return []
    late = f"must lie within {MAX_DURATION.days} days"
    return [FieldError("/until", late if until > now else "must lie in the future")]


def number_command_faults(body: NumberCommand, rights: Rights, now: datetime) -> list[FieldError]:
    """Return the faults of a command for a number."""
    until = None if isinstance(body, ClearNotice) else body.until
    return [*author_faults(body.author, rights), *time_faults(until, now)]


def merge_faults(body: Merge, conversation: ConversationView) -> list[FieldError]:
    """Return the faults of the conversation to merge with, as far as its id shows them."""
    if body.other == conversation.id:
        return [FieldError("/with", "must be another conversation")]
    if body.other.partition("-")[0] != conversation.number:
        return [FieldError("/with", "must be a conversation of the same number")]
    return []


def author_faults(author: Author | None, rights: Rights) -> Iterator[FieldError]:
    """Yield a fault if people write with this token and the author is not named, or if it is a
    person's token and the author is another."""
    if rights.person:
        if author and author.kind != "employee":
            yield FieldError("/author/kind", "must be employee: this token is a person's")
        elif author and author.id not in ("", rights.person):
            yield FieldError("/author/id", "must be the person of this token, or be left out")
    elif rights.people and author is None:
        yield FieldError("/author", "must be given: people write with this token")
    elif rights.people and author and author.kind == "employee" and not author.id:
        yield FieldError("/author/id", "must be given: people write with this token")


def _department_faults(
    department: str | None, number_id: str | None, rights: Rights, config: Configuration
) -> Iterator[FieldError]:
    exists = department is None or config.department(rights.tenant, department)
    if department is not None and not (exists and rights.handles(department)):
        yield FieldError("/department", "is no department of this token")
    if faults := list(_number_faults(number_id, rights, config)):
        yield from faults
        return
    number = config.number(number_id) if number_id else None
    if (
        number
        and department is None
        and not rights.handles(number.fallback)
        and len(rights.departments or ()) > 1
    ):
        yield FieldError("/department", "must be given: this token has more than one")


def _number_faults(id: str | None, rights: Rights, config: Configuration) -> Iterator[FieldError]:
    number = config.number(id) if id else None
    if id is not None and (number is None or number.tenant != rights.tenant):
        yield FieldError("/number", "must be the id of a number of ours")


def consent_time_faults(pointer: str, at: datetime | None, now: datetime) -> list[FieldError]:
    """Return the faults of the time at which consent was given."""
    is_late = at is not None and at > now + CLOCK_SKEW
    return [FieldError(pointer, "must not lie in the future")] if is_late else []


def build_message(
    body: Message,
    conversation: ConversationView | None,
    context: CommandContext,
    config: Configuration,
    file: contract.AttachedFile | None = None,
) -> contract.Command:
    """Build the command for a message; `conversation` and `file` are those that the body names, if
    any."""
    disclosure = _disclosure(context.rights, config)
    template = body if isinstance(body, TemplateMessage) else None
    consent = template.consent if template else None
    message = contract.SendMessage(
        type=body.media.kind if body.type == "media" else body.type,
        text=plain_text_of(body, disclosure),
        content=graph_payload(body, disclosure),
        reply_to_message=_referenced_message(body),
        media=upload.id if (upload := upload_of(body)) else None,
        purpose=consent.purpose if consent else (template and template.purpose) or "",
        evidence=consent.evidence() if consent else None,
        file=file,
    )
    command = _command(context, body.author, message)
    return msgspec.structs.replace(
        command,
        conversation=conversation.id if conversation else "",
        number=conversation.number if conversation else body.number or "",
        to=body.to or "",
        department=body.department or "",
    )


def _referenced_message(body: Message) -> UUID | None:
    """Return the message that this one reacts to or quotes."""
    if isinstance(body, ReactionMessage):
        return body.reaction.message_id
    return None if isinstance(body, TemplateMessage) else body.reply_to


def _disclosure(rights: Rights, config: Configuration) -> str:
    tenant = config.tenant(rights.tenant)
    return tenant.disclosure if tenant else ""


def build_change(
    body: Change, conversation: ConversationView, context: CommandContext
) -> contract.Command:
    """Build the command that changes a conversation."""
    command = _command(context, body.author, body.action())
    return msgspec.structs.replace(
        command,
        conversation=conversation.id,
        number=conversation.number,
        department=expected_owner(body),
    )


def expected_owner(body: Change) -> str:
    """Return the department that must own the conversation; '': any department of the token."""
    return body.from_department or "" if isinstance(body, Transfer) else ""


def build_number_command(
    body: NumberCommand, number: str, context: CommandContext
) -> contract.Command:
    """Build the command that sets the state or the notice of a number."""
    command = _command(context, body.author, body.action())
    return msgspec.structs.replace(command, number=number)


def build_consent_command(body: ConsentCommand, context: CommandContext) -> contract.Command:
    """Build the command that records or ends consent."""
    command = _command(context, body.author, body.action())
    return msgspec.structs.replace(command, number=body.number, to=body.to)


def _command(
    context: CommandContext, author: Author | None, action: contract.AnyAction
) -> contract.Command:
    return contract.Command(
        id=context.id,
        received_at=context.at,
        token=context.rights.name,
        action=action,
        author=_author_of(author, context.rights),
        tenant=context.rights.tenant,
        departments=_sent_departments(context.rights),
        traceparent=context.traceparent,
        test=context.rights.test,
    )


def _author_of(author: Author | None, rights: Rights) -> contract.Author | None:
    """Return the author of a command, and if it was proven who that is."""
    if rights.person:
        return contract.Author(kind="employee", id=rights.person, identified=rights.identified)
    if author and author.kind == "employee" and author.id:
        return contract.Author(kind=author.kind, id=author.id, identified=rights.identified)
    return contract.Author(kind=author.kind, id=author.id) if author else None


def _sent_departments(rights: Rights) -> list[str]:
    """Return the departments of a token as the router reads them: an empty list means all."""
    if rights.departments is None:
        return []
    return sorted(rights.departments) or [""]  # no department has this name
