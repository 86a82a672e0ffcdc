"""What a citizen wants to be sent: consent on record, its end, what Meta turned off. Types."""

from datetime import datetime
from uuid import UUID

import msgspec

STOP, META, CRM = "stop", "meta", "crm"
"""By what consent ended: a citizen's STOP, what they chose in WhatsApp, or a CRM's order."""


class OptOut(msgspec.Struct, frozen=True, kw_only=True):
    """What a citizen last wanted of a category of messages: `stop` or `resume`."""

    tenant: str
    person: UUID
    category: str
    value: str
    at: datetime

    @property
    def key(self) -> tuple[str, UUID, str]:
        return self.tenant, self.person, self.category


class Consent(msgspec.Struct, frozen=True, kw_only=True):
    """That somebody may be sent, for one purpose, what they did not ask for; the newest of it."""

    tenant: str
    person: UUID
    purpose: str
    source: str
    """Where that it was given can be looked up, as the CRM says it."""
    given_at: datetime
    recorded_at: datetime
    recorded_by: str
    """Name of the token that brought it."""
    ended_at: datetime | None = None
    ended_by: str = ""

    @property
    def key(self) -> tuple[str, UUID, str]:
        return self.tenant, self.person, self.purpose

    def end(self, at: datetime, by: str) -> "Consent":
        """The same, no longer given."""
        return msgspec.structs.replace(self, ended_at=at, ended_by=by)


class Withdrawal(msgspec.Struct, frozen=True, kw_only=True):
    """When somebody last ended all consent, `by` which of the ways. Kept beside the consents: it
    also outweighs one from before that is brought later, or by another partition meanwhile."""

    tenant: str
    person: UUID
    by: str
    at: datetime

    @property
    def key(self) -> tuple[str, UUID, str]:
        return self.tenant, self.person, self.by
