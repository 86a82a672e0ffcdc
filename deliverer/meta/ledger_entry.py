"""Message of the ledger, claimed for an attempt, with the facts to decide about it. Pure."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from services.trial import TrialState


class LedgerEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Row of the ledger, and the facts about its citizen at the time of the claim."""

    id: UUID
    number: str
    conversation: str
    address_kind: str
    address: str
    content: dict[str, Any]
    attempt: int
    tried: float = 0.0
    """Seconds after the first attempt."""
    about: UUID | None = None
    """Message that it quotes or reacts to."""
    about_wamid: str = ""
    """Meta's id of that message, if it was sent to this citizen."""
    media: UUID | None = None
    """File that it carries."""
    media_id: str = ""
    """The provider's id of the file."""
    media_name: str = ""
    """Name under which the file was uploaded."""
    purpose: str = ""
    """Purpose of the consent that permits this business-initiated message; '' for all others."""
    consented: bool = True
    """True if that consent still holds."""
    window_opened_at: datetime | None = None
    """Time at which the citizen last wrote to this number, by their own clock; None: never, as far
    as we know."""
    last_inbound_at: datetime | None = None
    """Time at which their last message to any number of their municipality came in."""
    stopped_at: datetime | None = None
    """Time at which their last STOP came in."""
    automatic: bool = False
    """True if Postkamer wrote it automatically, so that it is no employee's answer."""
    is_reopen_request: bool = False
    """True if it asks the citizen to write, because answers to them are on hold."""
    still_needed: bool = False
    """True if such an answer is still on hold and the citizen has not written."""
    direct_send_refused: bool = False
    """True if Meta refused Direct Send for its number in the last day."""
    departments: Sequence[str] = ()
    """Departments that had its conversation, with the present one."""
    code: int = 0
    """Meta's code for the previous attempt."""
    trial: TrialState = ""
    """Trial of its number, on record."""
    is_guest: bool = False
    """True if its address is on the guest list of that trial."""
    is_test: bool = False
    """True if a test token sent it: it never reaches Meta."""
    traceparent: str = ""
    """Trace that the message belongs to; '' without tracing."""

    @property
    def opaque(self) -> str:
        """Id of this attempt, without personal data. Meta returns it with each status."""
        return f"{self.id}.{self.attempt}"
