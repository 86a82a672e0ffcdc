"""Models of the answers of the API of the privacy officer, as its document shows them. Pure."""

import datetime
from typing import Any, Literal
from uuid import UUID

from archiver.subject_access.requests.erasure import KeptState, ListState
from archiver.subject_access.requests.legal_grounds import Kind
from archiver.subject_access.requests.request import Outcome
from services.api.operations import Shown
from services.contract import Identified


class PrivacyRequest(Shown):
    """Request of a citizen about their data. It does not name the citizen."""

    id: str
    """Number that the citizen gets."""
    kind: Kind
    received_on: datetime.date
    due_on: datetime.date
    """Last day to answer it."""
    state: Literal["open", "soon", "overdue", "decided"]
    """soon: due within five days. overdue: the last day is over."""
    decision: Outcome | None
    ground: str
    """Code of the ground of its decision, or else of its extension; empty without one."""


class PrivacyRequests(Shown):
    """Undecided requests first, the earliest due first."""

    requests: tuple[PrivacyRequest, ...]


class RequestStep(Shown):
    """Step of a request, as it is on the record."""

    at: datetime.datetime
    event: Literal["opened", "extended", "decided"]
    by: str
    identified: Identified | None
    """Source of the name: the municipality's identity provider (`proven`) or the caller
    (`stated`). Null in older records."""
    due_on: datetime.date
    ground: str
    decision: str
    text: str
    """Text for the citizen that was added to the decision."""


class CopyElsewhere(Shown):
    """Copy of the citizen's data outside the record."""

    place: str
    what: str
    until: datetime.date | None
    """Day on which that copy ends, if known."""


class ConversationValue(Shown):
    """Term of a conversation."""

    conversation_id: str
    retention_state: Literal["open", "unset", "waits", "destroy", "permanent"]
    """open. unset: closed, without a result. waits: for the result of its zaak, or for the day on
    which its term begins. destroy: after `keptUntil`. permanent: to the archival depot."""
    retention_code: str | None
    """Result of the selection list 2020 that counts: of several that with the longest term."""
    kept_until: datetime.date | None
    """Last day on which it must be kept."""


class ErasureState(Shown):
    """Progress of an erasure that was granted."""

    list: str | None
    """Newest destruction list of the request; null until one is drawn."""
    state: ListState | None
    """State of that list."""
    destroyed_from: datetime.datetime | None
    """First moment at which something on it may be destroyed; null until it is approved."""
    destroyed_at: datetime.datetime | None
    """Moment at which the last of what is gone was destroyed."""
    destroyed: int
    """Number of conversations that are gone."""
    kept: dict[KeptState, int]
    """Number of conversations that were kept, by what kept them."""
    waiting: int
    """Number of conversations that are on no list, or on one that was not carried out yet."""


class LegalGround(Shown):
    """Ground that this kind of request can be refused or extended on."""

    code: str
    article: str
    text: str
    """Sentence for the citizen, in Dutch."""


class FullRequest(PrivacyRequest):
    """Request with its steps, and all that an answer to it needs."""

    steps: tuple[RequestStep, ...]
    """Steps that can still be read, oldest first."""
    copies: tuple[CopyElsewhere, ...]
    erasure: ErasureState | None
    """Null for what is no erasure that was granted."""
    letter: str
    """Letter to the citizen about the present state, in Dutch. It quotes nothing of theirs."""
    has_person: bool
    """True if a report can be made without giving the person's identities again."""
    refusal_grounds: tuple[LegalGround, ...]
    extension_grounds: tuple[LegalGround, ...]


class MadeReport(Shown):
    """Report of everything about a person."""

    report: dict[str, Any]
    """The report, as `postkamer archive subject` writes it: docs/integrators, the subject access
    report."""
    others: int
    """Conversations by the same number that are another person's, and not in the report."""


class RecordView(Shown):
    """View of the record by a person or a system."""

    id: UUID
    at: datetime.datetime
    conversation: str
    """Empty for a view of no conversation, such as a search that found nothing."""
    department: str
    """Department whose part was viewed; empty if it was no part of one."""
    token: str
    """Token by which it was viewed. A person's is the provider and a hash."""
    employee: str
    identified: str
    """Source of the employee's name: `proven` or `stated`; empty without a name."""
    reason: str
    what: str
    """conversation, messages, message, file, search, report, request, views or exposure."""
    count: int
    """Messages, or what else was shown."""
    message: UUID | None


class RecordViews(Shown):
    """Page of views, oldest first."""

    views: tuple[RecordView, ...]
    next: UUID | None
    """Value of `after` for the next page; null on the last page."""


class Identifier(Shown):
    """Telephone number without its +, or id at Meta, to reach the citizen."""

    kind: str
    value: str


class ExposedPerson(Shown):
    """Citizen of one conversation whose data was seen or received."""

    conversation: str
    departments: tuple[str, ...]
    kinds: tuple[str, ...]
    """Kinds of the messages; `conversation` if its course was seen, `file` for a file."""
    messages: int
    times: int
    """Times that anything of it was seen or received."""
    first_at: datetime.datetime
    last_at: datetime.datetime
    identifiers: tuple[Identifier, ...]


class ExposureFound(Shown):
    """People whose data was seen or received in a period."""

    since: datetime.datetime
    until: datetime.datetime
    """End of the period; now, if that is earlier."""
    first_at: datetime.datetime | None
    conversations: int
    messages: int
    times: int
    destroyed: int
    """Views or deliveries in the period, of anybody's, whose conversation was destroyed since."""
    persons: tuple[ExposedPerson, ...]


class MessageAnnotated(Shown):
    id: UUID
    """Id of the annotation."""
    message: UUID
