"""Types for consent on record, its withdrawal, and a citizen's opt-outs at Meta."""

from datetime import datetime
from uuid import UUID

import msgspec

STOP, META, CRM = "stop", "meta", "crm"
"""Ways in which consent ends: the citizen says STOP, opts out in WhatsApp, or a CRM withdraws
it."""


class OptOut(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Last choice of a citizen for one category of messages: `stop` or `resume`."""

    tenant: str
    person: UUID
    category: str
    value: str
    at: datetime

    @property
    def key(self) -> tuple[str, UUID, str]:
        return self.tenant, self.person, self.category


class Consent(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Newest consent of a citizen to business-initiated messages for one purpose."""

    tenant: str
    person: UUID
    purpose: str
    source: str
    """Place where the consent evidence can be looked up, in the CRM's words."""
    given_at: datetime
    recorded_at: datetime
    recorded_by: str
    """Name of the token that recorded it."""
    ended_at: datetime | None = None
    ended_by: str = ""

    @property
    def key(self) -> tuple[str, UUID, str]:
        return self.tenant, self.person, self.purpose

    def end(self, at: datetime, by: str) -> "Consent":
        """Return this consent with its end."""
        return msgspec.structs.replace(self, ended_at=at, ended_by=by)


class Withdrawal(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Moment at which a citizen last withdrew all consent in the way `by`. It is kept beside the
    consents because it also outweighs an earlier consent that arrives later or is recorded
    meanwhile by another partition."""

    tenant: str
    person: UUID
    by: str
    at: datetime

    @property
    def key(self) -> tuple[str, UUID, str]:
        return self.tenant, self.person, self.by
