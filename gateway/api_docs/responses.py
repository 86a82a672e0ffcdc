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


class TemplateButton(Shown):
    """A button of a template."""

    type: str
    """Meta's word in small letters, such as `quick_reply`, `url` or `phone_number`."""
    text: str | None
    url: str | None
    """Address, in which `{{1}}` stands for the end that the parameter gives."""
    phone_number: str | None


class TemplateComponent(Shown):
    """A part of a template, as the citizen sees them from above to below."""

    type: str
    """Meta's word in small letters: `header`, `body`, `footer` or `buttons`; of another kind
    nothing else is told."""
    format: str | None
    """Format of a header: `text`, `image`, `video`, `document` or `location`."""
    text: str | None
    """Text with its places: `{{1}}`, or `{{name}}` for a named parameter."""
    buttons: tuple[TemplateButton, ...]


class TemplateParameter(Shown):
    """A value that a message with the template must give, in the words of `components` of a
    message."""

    component: Literal["header", "body", "button"]
    sub_type: str | None
    """Kind of the button: `url`, `copy_code` or `flow`."""
    index: int | None
    """Place of the button, from 0."""
    type: str
    """Type of the parameter: `text`, `image`, `video`, `document`, `location`, `coupon_code` or
    `action`."""
    parameter_name: str | None
    """Name of the parameter; null where the order counts."""
    sample: str | None
    """Sample that was given to Meta."""


class NumberTemplate(Shown):
    """A template of a number, in one language."""

    name: str
    language: str
    category: str | None
    """Meta's category: `UTILITY`, `MARKETING` or `AUTHENTICATION`."""
    status: str
    """Meta's status, such as `APPROVED` or `PAUSED`."""
    quality: str | None
    """Meta's rating by what citizens did: `GREEN`, `YELLOW`, `RED`, or `UNKNOWN` for a new one."""
    usable: bool
    """True if Meta sends it, and all its parameters are known."""
    reason: Literal["paused", "pending", "rejected", "disabled", "unknown"] | None
    """Reason why it cannot be used. `unknown`: its status is another one, or it has a part that
    this release does not know."""
    components: tuple[TemplateComponent, ...]
    parameters: tuple[TemplateParameter, ...]
    """Values that must be given, in the order of the components; empty for none, and where they
    are not known."""


class NumberTemplates(Shown):
    """The templates of a number by name and language."""

    asked_at: datetime.datetime | None
    """Time at which Meta was last asked and answered; null if it never did."""
    complete: bool
    """False if Meta has more templates than these: over 500, or one that cannot be read."""
    templates: tuple[NumberTemplate, ...]


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
    asks_reason: bool
    """True if the archive shows its content only for a reason (`Postkamer-Reason`)."""


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
    destinations: tuple[str, ...]
    """Destinations of which the token is an owner."""


class Granted(Shown):
    """Rights that were given to a group or a token."""

    roles: tuple[str, ...]
    departments: tuple[NamedDepartment, ...]
    """Departments that were given by name."""
    all_departments: bool
    """True for all departments that are not confidential, future ones too."""
    confidential: bool
    """True for the confidential departments too."""
    destinations: tuple[str, ...]
    """Destinations of which the holder is an owner."""


class GrantedGroup(Granted):
    """A value in the claims of an identity provider. The rights of all groups of a person are added
    up, roles, departments and destinations apart."""

    provider: str
    value: str


class GrantedToken(Granted):
    """A valid API token, without its value."""

    name: str
    people: bool
    """True if people send with it, so that each message names its author."""
    test: bool
    expires_at: datetime.datetime | None


class Grants(Shown):
    groups: tuple[GrantedGroup, ...]
    """Groups in the order of the configuration. Who is in them the provider knows alone."""
    tokens: tuple[GrantedToken, ...]
    """Tokens by name."""


class DepartmentStatus(NamedDepartment):
    """A department of the municipality."""

    yours: bool
    """True if the token reaches it."""
    open_now: bool
    """True if it is open, by its opening hours and closings."""
    opens_at: datetime.datetime | None
    """Time at which it opens; null while it is open, and if it opens at no time within 60 weeks."""
    retention_code: str | None
    """Result of the selection list by which its conversations are kept unless one is given."""


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
