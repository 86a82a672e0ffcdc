"""Terms after which working data ends: `[terms]` in `postkamer.toml`, in days."""

from typing import Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from services.toml.model import ConfigModel

YEAR = 366


class Terms(ConfigModel):
    """Each has a ground, and bounds that follow from it: docs/operators/terms.md."""

    inbox_days: int = Field(default=30, ge=8, le=YEAR)
    """Decisions, with the wamid of a citizen's message. By some of its pages Meta repeats a
    webhook for 7 days, by others for 36 hours, and WhatsApp shows a quoted message for some 30."""
    command_days: int = Field(default=30, ge=14, le=YEAR)
    """Commands of CRMs, by which a repeat gets the same answer. A conversation that was closed may
    open again for 14 days."""
    upload_days: int = Field(default=30, ge=8, le=YEAR)
    """Files that CRMs uploaded: a message with one may wait for 7 days."""
    send_days: int = Field(default=30, ge=8, le=YEAR)
    """Messages that were sent or failed: a later one may quote them."""
    delivery_days: int = Field(default=30, ge=8, le=YEAR)
    """Settled and dropped deliveries: a repeat of the event is recognised."""
    parked_days: int = Field(default=90, ge=14, le=YEAR)
    """Parked deliveries: the time that a person has to mend the destination."""
    quarantine_days: int = Field(default=30, ge=8, le=YEAR)
    """Quarantined units after a person decided on them."""
    outbox_days: int = Field(default=8, ge=1, le=30)
    """Rows that were published, and statuses that never found their message: a week to look into a
    fault."""
    notice_days: int = Field(default=90, ge=30, le=YEAR)
    """Notices to owners of destinations, so that each state is told once."""
    conversation_days: int = Field(default=YEAR, ge=YEAR, le=3660)
    """Closed conversations with the statuses of their messages. `wrote_days`, at most a year,
    counts from them."""
    consent_days: int = Field(default=1827, ge=YEAR, le=3660)
    """Ended consents and withdrawals. Claims end after five years (article 3:310 BW)."""
    charge_days: int = Field(default=2557, ge=2557, le=3660)
    """Costs of messages. The tax law asks seven years (article 52 AWR)."""
    figure_days: int = Field(default=1827, ge=YEAR, le=3660)
    """The month's figures, without persons: five years, to compare the same month of each."""

    @model_validator(mode="after")
    def _check_that_decisions_go_first(self) -> Self:
        """The balance looks for what a decision sent out until the decision is gone."""
        if self.inbox_days > min(self.delivery_days, self.send_days, self.quarantine_days):
            raise PydanticCustomError(
                "terms", "delivery_days, send_days and quarantine_days are at least inbox_days"
            )
        return self
