"""Response bodies in the OpenAPI document. Pure."""

import datetime
from typing import Literal
from uuid import UUID

from services.api.operations import Shown


class Accepted(Shown):
    """An accepted command: it is safe and will be carried out."""

    id: UUID
    """Id of the message or of the other command."""
    status: Literal["accepted"]


class MessageAuthor(Shown):
    """Kind of the author of a message. Only an `employee` has answered a citizen."""

    kind: Literal["employee", "system", "automated"]


class MessageStatus(Shown):
    """The status of a message, or of another command."""

    id: UUID
    conversation_id: str | None
    """Conversation; null until it is known, and for a command for a number."""
    status: Literal["accepted", "unknown", "sent", "failed", "delivered", "read", "played", "done"]
    """`unknown`: Meta did not say if it accepted the message; it is not sent again automatically.
    A command other than a message ends at `done` or `failed`."""
    reason: str | None
    """Reason why it failed or waits, in Dutch, for its author. Begins with a code, such as
    `transferred: ...`."""
    code: int | None
    """Meta's error code."""
    author: MessageAuthor | None
    """Null for a command that is no message, and until the router has taken the message."""
    accepted_at: datetime.datetime
    changed_at: datetime.datetime


class CurrentNotice(Shown):
    """The notice that citizens get now, once in each conversation."""

    text: str
    until: datetime.datetime | None


class NumberStatus(Shown):
    """A number with its present state and notice."""

    id: str
    state: Literal["open", "receive-only", "closed"]
    """State that the contact centre set. It is not the opening hours, which departments have."""
    text: str | None
    """Text for citizens while the number is closed."""
    until: datetime.datetime | None
    """Time at which the number opens again; null if a person has to open it."""
    notice: CurrentNotice | None


class Numbers(Shown):
    numbers: tuple[NumberStatus, ...]
    """Numbers in the order of the configuration."""


class Municipality(Shown):
    """The municipality of a token."""

    id: str
    name: str
    source: str
    """`source` of its events: a receiver of several municipalities knows by it whose an event is.
    """


class NamedDepartment(Shown):
    """A department by its id and name."""

    id: str
    name: str
    confidential: bool


class TokenAccess(Shown):
    """The rights of the token of a request."""

    tenant: Municipality
    token: str
    """Name of the token. All tokens of one person have the same."""
    person: str | None
    """Person to whom an identity provider issued the token; null for a token of a system."""
    roles: tuple[str, ...]
    """Roles, of which later versions may have others; empty if the groups of a person give none."""
    departments: tuple[NamedDepartment, ...]
    """Departments that the token reaches, in the order of the configuration."""
    all_departments: bool
    """True if it reaches all of them, confidential ones and those of the past too."""


class DepartmentStatus(NamedDepartment):
    """A department of the municipality."""

    yours: bool
    """True if the token reaches it."""
    open_now: bool
    """True if it is open, by its opening hours and closings."""
    opens_at: datetime.datetime | None
    """Time at which it opens; null while it is open, and if it opens at no time within 60 weeks."""


class Departments(Shown):
    departments: tuple[DepartmentStatus, ...]
    """Departments in the order of the configuration."""


class MediaAccepted(Shown):
    """A file that can be sent."""

    id: UUID
    mime_type: str
    size: int
    """Size in bytes."""
    sha256: str
    """SHA-256 of the file, in hexadecimal."""
