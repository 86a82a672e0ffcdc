"""A request of a data subject. Pure."""

from datetime import date, datetime
from typing import Literal, get_args

import msgspec

from archiver.subject_access.requests import deadlines
from archiver.subject_access.requests.legal_grounds import Kind

Outcome = Literal["granted", "partly", "refused"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
LONGEST_TEXT = 4_000
"""Characters of what is added to a decision, or beside a message."""


class Request(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A request. `hashes` and `conversations`: the person, as found when the request was opened."""

    id: str
    tenant: str
    kind: Kind
    received_on: date
    due_on: date
    extension: str = ""
    decision: str | None = None
    ground: str = ""
    decided_at: datetime | None = None
    hashes: tuple[bytes, ...] = ()
    conversations: tuple[str, ...] = ()

    def state(self, today: date) -> deadlines.State:
        return deadlines.state(self.due_on, today, decided=self.decision is not None)
