"""Response bodies for the owner of a destination in the OpenAPI document. Pure."""

import datetime
from typing import Literal
from uuid import UUID

from services.api.operations import Shown


class DeliveryShown(Shown):
    """A delivery, without the content of its event."""

    id: UUID
    """Id of the event: its `id`, and its `webhook-id`."""
    type: str | None
    """Type of the event; null for one that was parked by an earlier version."""
    state: Literal["parked", "delivered"]
    conversation_id: str
    sequence: int
    at: datetime.datetime
    """Time of the first delivery, or of the last refusal if it is parked."""
    attempts: int
    status: int | None
    """HTTP status of the last answer; null without one."""
    reason: str | None
    """Reason why it is parked."""


class Deliveries(Shown):
    deliveries: tuple[DeliveryShown, ...]
    """Deliveries, oldest first."""
    next: str | None
    """Value of `after` for the next page; null on the last page."""


class OwnedDepartment(Shown):
    id: str
    name: str
    confidential: bool


class Pause(Shown):
    """A person keeps events from going there; they wait, in order."""

    since: datetime.datetime
    reason: str
    """Words of that person."""


class Failure(Shown):
    """It takes nothing now; it is tried again and again, and events wait, in order."""

    since: datetime.datetime
    needs_person: bool
    """True if waiting will not mend it."""
    reason: str


class ParkedReason(Shown):
    """Deliveries that the destination refused alike."""

    status: int | None
    """HTTP status of the refusal; null without an answer."""
    reason: str | None
    """Sentence without personal data."""
    count: int
    oldest_at: datetime.datetime


class Quarantined(Shown):
    """Messages that were put aside for the same reason, because they could not be read, decided or
    archived. They wait, whole, until an operator has mended the cause."""

    place: Literal["router", "deliverer", "archiver"]
    """Service that put them aside."""
    reason: str
    """Sentence without personal data."""
    count: int
    oldest_at: datetime.datetime


class UnplacedQuarantined(Quarantined):
    """The same of what belongs to no conversation that is known, and so to no destination."""

    number: str
    """Number of the municipality at which it came in."""


class OwnedDestination(Shown):
    """A destination of the token, with what does not arrive there. At most some 10,000 deliveries
    are counted of each state."""

    id: str
    kind: str
    departments: tuple[OwnedDepartment, ...]
    """Departments whose events go there."""
    paused: Pause | None
    failing: Failure | None
    sidelined: int
    """Deliveries that failed while others passed, and are tried again by themselves."""
    resending: int
    """Deliveries that were ordered again and are on their way."""
    resend: UUID | None
    """Order to send again that is running; null if none is."""
    parked: tuple[ParkedReason, ...]
    """Deliveries that wait until a person acts, by reason: at most 20, the most frequent first."""
    quarantined: tuple[Quarantined, ...]
    """Messages of its departments' conversations that were put aside, at most 20 reasons, and of a
    destination of one municipality alone what could not be read there."""


class OwnedDestinations(Shown):
    destinations: tuple[OwnedDestination, ...]
    """Destinations by id; none for a token that owns none."""
    quarantined: tuple[UnplacedQuarantined, ...]
    """Messages that were put aside before they belonged to a destination; none for a token that
    does not reach every department, confidential ones too."""


class ResendOrder(Shown):
    """An order to send events again, and its progress."""

    id: UUID
    status: Literal["running", "done"]
    state: Literal["parked", "delivered"] | None
    since: datetime.datetime | None
    """Null for an order that names its events."""
    until: datetime.datetime
    per_second: int
    """Highest rate, from the configuration of the destination."""
    ordered_at: datetime.datetime
    finished_at: datetime.datetime | None
    waiting: int
    """Events that are still to be sent, counted up to some 10,000."""
    delivered: int
    """Events that were sent again and accepted."""
    parked: int
    """Events that were sent again and refused."""
    ended: int
    """Events that were asked for and are not kept any more."""


class Secret(Shown):
    """A secret that signs events, without its value."""

    id: UUID
    source: Literal["api", "configuration"]
    added_at: datetime.datetime
    ends_at: datetime.datetime | None
    """Null if it has no end."""


class SecretAdded(Secret):
    """A secret that was added."""

    secret: str = ""
    """Value of a secret that was drawn: it is shown here, and never again."""


class Secrets(Shown):
    secrets: tuple[Secret, ...]
    """Secrets in force, oldest first."""


class SecretEnded(Shown):
    """A secret that has ended, or has an end."""

    id: UUID
    ends_at: datetime.datetime
