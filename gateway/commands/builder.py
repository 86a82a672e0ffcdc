"""From a body that was read to the router's command, or what stands against it. Pure.

What the body alone can say, `services.reading` has looked at; here it meets the token and the
configuration.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from gateway.commands.authorization import ConversationView
from gateway.commands.graph_payload import disclosure_faults, graph_payload, link_of, upload_of
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
KINDS: dict[type[Change], str] = {
    Transfer: "transfer",
    Close: "close",
    Note: "note",
    LinkCase: "link",
    Read: "read",
    Confirm: "confirm",
    Release: "release",
    Merge: "merge",
}
"""Body -> type of the command, of a conversation."""
Saying = Notice | ClearNotice | State
SAYINGS: dict[type[Saying], str] = {Notice: "notice", ClearNotice: "notice", State: "state"}
"""The same, of a number."""
Agreeing = GiveConsent | WithdrawConsent
AHEAD = timedelta(minutes=1)
"""By which the clock of a CRM may be fast."""
LONGEST = timedelta(days=31)
"""For which the contact centre speaks beforehand. What holds for longer belongs in the texts and
opening hours; a notice that somebody forgot is not told for a year."""


class CommandContext(msgspec.Struct, frozen=True, kw_only=True):
    """By whom a command is given, under which id and when it was first accepted."""

    rights: Rights
    id: UUID
    at: datetime


def faults(body: Message | Change, rights: Rights, config: Configuration) -> list[FieldError]:
    """All that stands against an order, beside the conversation that it is for."""
    found = terms_faults(body, rights, config, moves=isinstance(body, Transfer))
    if not isinstance(body, Change):
        found += disclosure_faults(body, _disclosure(rights, config))
        found += _link_faults(body, config)
    return found


def _link_faults(body: Message, config: Configuration) -> Iterator[FieldError]:
    """What Meta fetches from elsewhere, nobody of ours has looked at."""
    if config.environment == "production" and (where := link_of(body)):
        yield FieldError(where, "must be an upload (`id`): in production files are scanned")


def terms_faults(
    terms: Message | Change | Terms | Agreeing,
    rights: Rights,
    config: Configuration,
    *,
    moves: bool = False,
    whole: bool = False,
) -> list[FieldError]:
    """What stands against an order whatever its words are; `moves`: it is a transfer. `whole`: it
    is the municipality's, and no department's."""
    department: str | None = getattr(terms, "department", None)
    found = [*_author_faults(terms.author, rights)]
    number: str | None = getattr(terms, "number", None)
    if whole:
        found += _number_faults(number, rights, config)
    elif not moves:
        found += _sender_faults(department, number, rights, config)
    elif department and config.department(rights.tenant, department) is None:
        found.append(FieldError("/department", "is no department of this municipality"))
    return found


def time_faults(until: datetime | None, now: datetime) -> list[FieldError]:
    """What stands against the moment at which something is to end."""
    if until is None or now < until <= now + LONGEST:
        return []
    late = f"must lie within {LONGEST.days} days"
    return [FieldError("/until", late if until > now else "must lie in the future")]


def number_command_errors(body: Saying, rights: Rights, now: datetime) -> list[FieldError]:
    """All that stands against what is said of a number."""
    until = getattr(body, "until", None)
    return [*_author_faults(body.author, rights), *time_faults(until, now)]


def merge_faults(body: Merge, held: ConversationView) -> list[FieldError]:
    """What stands against the other conversation, as far as its id says."""
    if body.other == held.id:
        return [FieldError("/with", "must be another conversation")]
    if body.other.partition("-")[0] != held.number:
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
    known = department is None or config.department(rights.tenant, department)
    if department is not None and not (known and rights.handles(department)):
        yield FieldError("/department", "is no department of this token")
    if wrong := list(_number_faults(number_id, rights, config)):
        yield from wrong
        return
    number = config.number(number_id) if number_id else None
    if (
        number
        and department is None
        and not rights.handles(number.fallback)
        and len(rights.departments) > 1
    ):
        yield FieldError("/department", "must be given: this token has more than one")


def _number_faults(
    number: str | None, rights: Rights, config: Configuration
) -> Iterator[FieldError]:
    ours = config.number(number) if number else None
    if number is not None and (ours is None or ours.tenant != rights.tenant):
        yield FieldError("/number", "must be the id of a number of ours")


def consent_date_errors(terms: Message | Terms | Agreeing, now: datetime) -> list[FieldError]:
    """What stands against the moment at which consent was given."""
    consent: Consent | None = getattr(terms, "consent", None)
    moments = {
        "/givenAt": getattr(terms, "given_at", None),
        "/consent/givenAt": consent.given_at if consent else None,
    }
    late = "must not lie in the future"
    return [FieldError(where, late) for where, at in moments.items() if at and at > now + AHEAD]


def message(
    body: Message, held: ConversationView | None, given: CommandContext, config: Configuration
) -> contract.Command:
    """The command for a message; `held` is the conversation that it is for, where one was named."""
    disclosure = _disclosure(given.rights, config)
    return contract.Command(
        id=given.id,
        received_at=given.at,
        token=given.rights.name,
        type=body.media.kind if body.type == "media" else body.type,
        text=plain_text_of(body, disclosure),
        content=graph_payload(body, disclosure),
        conversation=held.id if held else "",
        number=held.number if held else body.number or "",
        to=body.to or "",
        author=_author(body.author),
        tenant=given.rights.tenant,
        departments=sorted(given.rights.departments),
        department=body.department or "",
        reply_to_message=_about(body),
        media=upload.id if (upload := upload_of(body)) else None,
        **(_consented(body) if isinstance(body, TemplateMessage) else {}),
    )


def _consented(body: TemplateMessage) -> dict[str, Any]:
    """The consent by which it goes, as members of a command."""
    return _proof(body.consent) if body.consent else {"purpose": body.purpose or ""}


def _proof(consent: Consent) -> dict[str, Any]:
    return {
        "purpose": consent.purpose,
        "given_at": consent.given_at.astimezone(UTC),
        "source": consent.source,
    }


def _about(body: Message) -> UUID | None:
    """The message that it reacts to, or quotes."""
    if isinstance(body, ReactionMessage):
        return body.reaction.message_id
    return None if isinstance(body, TemplateMessage) else body.reply_to


def _disclosure(rights: Rights, config: Configuration) -> str:
    tenant = config.tenant(rights.tenant)
    return tenant.disclosure if tenant else ""


def change(body: Change, held: ConversationView, given: CommandContext) -> contract.Command:
    """The command that changes a conversation."""
    return contract.Command(
        id=given.id,
        received_at=given.at,
        token=given.rights.name,
        type=KINDS[type(body)],
        conversation=held.id,
        number=held.number,
        author=_author(body.author),
        tenant=given.rights.tenant,
        departments=sorted(given.rights.departments),
        **_changed(body),
    )


def _changed(body: Change) -> dict[str, Any]:
    """What is to change, as members of a command."""
    changed: dict[str, Any] = {}
    match body:
        case Transfer():
            changed = {
                "department": body.from_department or "",
                "to_department": body.department or "",
                "employee": body.employee or "",
                "reason": body.reason,
            }
        case Close():
            changed = {"reason": body.reason or "", "outcome": body.outcome or ""}
        case Note():
            changed = {"text": body.text}
        case LinkCase():
            changed = {"zaak": body.zaak}
        case Read():
            changed = {"typing": body.typing or False}
        case Merge():
            changed = {"merge_from": body.other}
    return changed


def number_command(body: Saying, number: str, given: CommandContext) -> contract.Command:
    """The command that says something of a number."""
    until = getattr(body, "until", None)
    return contract.Command(
        id=given.id,
        received_at=given.at,
        token=given.rights.name,
        type=SAYINGS[type(body)],
        text=getattr(body, "text", None) or "",
        number=number,
        author=_author(body.author),
        tenant=given.rights.tenant,
        departments=sorted(given.rights.departments),
        until=until.astimezone(UTC) if until else None,
        state=body.state if isinstance(body, State) else "",
    )


def consent_command(body: Agreeing, given: CommandContext) -> contract.Command:
    """The command that puts consent on record, or ends it."""
    proof = _proof(body) if isinstance(body, GiveConsent) else {"purpose": body.purpose}
    return contract.Command(
        id=given.id,
        received_at=given.at,
        token=given.rights.name,
        type="consent" if isinstance(body, GiveConsent) else "withdraw",
        number=body.number,
        to=body.to,
        author=_author(body.author),
        tenant=given.rights.tenant,
        departments=sorted(given.rights.departments),
        **proof,
    )


def _author(author: Author | None) -> contract.Author | None:
    return contract.Author(kind=author.kind, id=author.id) if author else None
