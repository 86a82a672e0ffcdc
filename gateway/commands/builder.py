"""Build the router's command from a request body, or find its faults. Pure.

`services.api.json_body` has checked the body alone. This module checks it against the token and the
configuration.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from gateway.commands.authorization import ConversationView
from gateway.commands.graph_payload import disclosure_faults, graph_payload, link_pointer, upload_of
from gateway.commands.plain_text import plain_text_of
from gateway.requests.changes import (
    ClearNotice,
    Close,
    Confirm,
    GiveConsent,
    LinkCase,
    Merge,
    Note,
    Notice,
    Read,
    Release,
    State,
    Transfer,
    WithdrawConsent,
)
from gateway.requests.messages import (
    Author,
    Consent,
    Message,
    ReactionMessage,
    TemplateMessage,
    Terms,
)
from services import contract
from services.api.json_body import FieldError
from services.config.model import Configuration
from services.http.rights import Rights

Change = Transfer | Close | Note | LinkCase | Read | Confirm | Release | Merge
CHANGE_TYPES: dict[type[Change], str] = {
    Transfer: "transfer",
    Close: "close",
    Note: "note",
    LinkCase: "link",
    Read: "read",
    Confirm: "confirm",
    Release: "release",
    Merge: "merge",
}
"""Request body -> type of a command for a conversation."""
NumberCommand = Notice | ClearNotice | State
NUMBER_COMMAND_TYPES: dict[type[NumberCommand], str] = {
    Notice: "notice",
    ClearNotice: "notice",
    State: "state",
}
"""Request body -> type of a command for a number."""
ConsentCommand = GiveConsent | WithdrawConsent
CLOCK_SKEW = timedelta(minutes=1)
"""Time by which the clock of a CRM may be ahead."""
MAX_DURATION = timedelta(days=31)
"""Longest duration of a notice or state of a number. What lasts longer belongs in texts and opening
hours; a forgotten notice must not be sent for a year."""


class CommandContext(msgspec.Struct, frozen=True, kw_only=True):
    """The token that gave a command, the command's id, and the time it was first accepted."""

    rights: Rights
    id: UUID
    at: datetime


def command_faults(
    body: Message | Change, rights: Rights, config: Configuration
) -> list[FieldError]:
    """Return all faults of a command, except those of its conversation."""
    faults = terms_faults(body, rights, config, is_transfer=isinstance(body, Transfer))
    if not isinstance(body, Change):
        faults += disclosure_faults(body, _disclosure(rights, config))
        faults += _link_faults(body, config)
    return faults


def _link_faults(body: Message, config: Configuration) -> Iterator[FieldError]:
    """A file that Meta fetches from a link is not scanned, so production refuses links."""
    if config.environment == "production" and (pointer := link_pointer(body)):
        yield FieldError(pointer, "must be an upload (`id`): in production files are scanned")


def terms_faults(
    terms: Message | Change | Terms | ConsentCommand,
    rights: Rights,
    config: Configuration,
    *,
    is_transfer: bool = False,
    is_municipal: bool = False,
) -> list[FieldError]:
    """Return the faults of a command that do not depend on its content.

    `is_transfer`: `department` is the one that receives the conversation. `is_municipal`: the
    command belongs to the municipality and to no department.
    """
    department: str | None = getattr(terms, "department", None)
    faults = [*_author_faults(terms.author, rights)]
    number: str | None = getattr(terms, "number", None)
    if is_municipal:
        faults += _number_faults(number, rights, config)
    elif not is_transfer:
        faults += _sender_faults(department, number, rights, config)
    elif department and config.department(rights.tenant, department) is None:
        faults.append(FieldError("/department", "is no department of this municipality"))
    return faults


def time_faults(until: datetime | None, now: datetime) -> list[FieldError]:
    """Return the faults of the time at which a notice or state ends."""
    if until is None or now < until <= now + MAX_DURATION:
        return []
    late = f"must lie within {MAX_DURATION.days} days"
    return [FieldError("/until", late if until > now else "must lie in the future")]


def number_command_faults(body: NumberCommand, rights: Rights, now: datetime) -> list[FieldError]:
    """Return the faults of a command for a number."""
    until = getattr(body, "until", None)
    return [*_author_faults(body.author, rights), *time_faults(until, now)]


def merge_faults(body: Merge, conversation: ConversationView) -> list[FieldError]:
    """Return the faults of the conversation to merge with, as far as its id shows them."""
    if body.other == conversation.id:
        return [FieldError("/with", "must be another conversation")]
    if body.other.partition("-")[0] != conversation.number:
        return [FieldError("/with", "must be a conversation of the same number")]
    return []


def _author_faults(author: Author | None, rights: Rights) -> Iterator[FieldError]:
    if rights.people and author is None:
        yield FieldError("/author", "must be given: people write with this token")
    elif rights.people and author and author.kind == "employee" and not author.id:
        yield FieldError("/author/id", "must be given: people write with this token")


def _sender_faults(
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
        and len(rights.departments) > 1
    ):
        yield FieldError("/department", "must be given: this token has more than one")


def _number_faults(id: str | None, rights: Rights, config: Configuration) -> Iterator[FieldError]:
    number = config.number(id) if id else None
    if id is not None and (number is None or number.tenant != rights.tenant):
        yield FieldError("/number", "must be the id of a number of ours")


def consent_date_faults(terms: Message | Terms | ConsentCommand, now: datetime) -> list[FieldError]:
    """Return the faults of the time at which consent was given."""
    consent: Consent | None = getattr(terms, "consent", None)
    times = {
        "/givenAt": getattr(terms, "given_at", None),
        "/consent/givenAt": consent.given_at if consent else None,
    }
    late = "must not lie in the future"
    return [
        FieldError(pointer, late) for pointer, at in times.items() if at and at > now + CLOCK_SKEW
    ]


def build_message(
    body: Message,
    conversation: ConversationView | None,
    context: CommandContext,
    config: Configuration,
) -> contract.Command:
    """Build the command for a message; `conversation` is the one that the body names, if any."""
    disclosure = _disclosure(context.rights, config)
    return contract.Command(
        id=context.id,
        received_at=context.at,
        token=context.rights.name,
        type=body.media.kind if body.type == "media" else body.type,
        text=plain_text_of(body, disclosure),
        content=graph_payload(body, disclosure),
        conversation=conversation.id if conversation else "",
        number=conversation.number if conversation else body.number or "",
        to=body.to or "",
        author=_author(body.author),
        tenant=context.rights.tenant,
        departments=sorted(context.rights.departments),
        department=body.department or "",
        reply_to_message=_referenced_message(body),
        media=upload.id if (upload := upload_of(body)) else None,
        **(_template_consent_fields(body) if isinstance(body, TemplateMessage) else {}),
    )


def _template_consent_fields(body: TemplateMessage) -> dict[str, Any]:
    """Return the consent for a business-initiated template, as fields of a command."""
    return _consent_fields(body.consent) if body.consent else {"purpose": body.purpose or ""}


def _consent_fields(consent: Consent) -> dict[str, Any]:
    return {
        "purpose": consent.purpose,
        "given_at": consent.given_at.astimezone(UTC),
        "source": consent.source,
    }


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
    return contract.Command(
        id=context.id,
        received_at=context.at,
        token=context.rights.name,
        type=CHANGE_TYPES[type(body)],
        conversation=conversation.id,
        number=conversation.number,
        author=_author(body.author),
        tenant=context.rights.tenant,
        departments=sorted(context.rights.departments),
        **_change_fields(body),
    )


def _change_fields(body: Change) -> dict[str, Any]:
    """Return the change as fields of a command."""
    fields: dict[str, Any] = {}
    match body:
        case Transfer():
            fields = {
                "department": body.from_department or "",
                "to_department": body.department or "",
                "employee": body.employee or "",
                "reason": body.reason,
            }
        case Close():
            fields = {"reason": body.reason or "", "outcome": body.outcome or ""}
        case Note():
            fields = {"text": body.text}
        case LinkCase():
            fields = {"zaak": body.zaak}
        case Read():
            fields = {"typing": body.typing or False}
        case Merge():
            fields = {"merge_from": body.other}
    return fields


def build_number_command(
    body: NumberCommand, number: str, context: CommandContext
) -> contract.Command:
    """Build the command that sets the state or the notice of a number."""
    until = getattr(body, "until", None)
    return contract.Command(
        id=context.id,
        received_at=context.at,
        token=context.rights.name,
        type=NUMBER_COMMAND_TYPES[type(body)],
        text=getattr(body, "text", None) or "",
        number=number,
        author=_author(body.author),
        tenant=context.rights.tenant,
        departments=sorted(context.rights.departments),
        until=until.astimezone(UTC) if until else None,
        state=body.state if isinstance(body, State) else "",
    )


def build_consent_command(body: ConsentCommand, context: CommandContext) -> contract.Command:
    """Build the command that records or ends consent."""
    gives = isinstance(body, GiveConsent)
    fields = _consent_fields(body) if isinstance(body, GiveConsent) else {"purpose": body.purpose}
    return contract.Command(
        id=context.id,
        received_at=context.at,
        token=context.rights.name,
        type="consent" if gives else "withdraw",
        number=body.number,
        to=body.to,
        author=_author(body.author),
        tenant=context.rights.tenant,
        departments=sorted(context.rights.departments),
        **fields,
    )


def _author(author: Author | None) -> contract.Author | None:
    return contract.Author(kind=author.kind, id=author.id) if author else None
