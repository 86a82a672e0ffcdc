"""A message of the ledger, claimed for an attempt, with what deciding about it takes. Pure."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec


class LedgerEntry(msgspec.Struct, frozen=True, kw_only=True):
    """As it stands in the ledger, and what was known of its citizen when it was claimed."""

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
    """The message that it quotes or reacts to; `about_wamid` is Meta's name for it, where it has
    one: of what this citizen was sent before."""
    about_wamid: str = ""
    media: UUID | None = None
    """The file that goes along; the provider's id of it, and the name it was uploaded under."""
    media_id: str = ""
    media_name: str = ""
    purpose: str = ""
    """Of the consent by which it goes to somebody who did not write first; '' for all else."""
    consented: bool = True
    """Whether that consent holds still."""
    window_opened_at: datetime | None = None
    """When the citizen wrote to this number last, by their own clock; None: never, as far as we
    know."""
    last_inbound_at: datetime | None = None
    """The same of any number of their municipality, as it came in; `stopped_at`: when their last
    STOP came in."""
    stopped_at: datetime | None = None
    automatic: bool = False
    """It went out by itself: nobody's answer."""
    is_reopen_request: bool = False
    """It asks the citizen to write, for what is held until they do; `awaited`: something is, and
    they did not."""
    still_needed: bool = False
    code: int = 0
    """Meta's, to the attempt before."""

    @property
    def opaque(self) -> str:
        """This attempt by name. Meta gives it back with each status: no personal data."""
        return f"{self.id}.{self.attempt}"
