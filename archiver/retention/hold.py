"""A hold: it keeps a conversation, a person's or a selection's from being destroyed. Pure."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Annotated, Literal, get_args

import msgspec

from archiver.index.record_fields import Identity
from archiver.subject_access.requests.fault import OrderFault
from services.contract import Identified

Ground = Literal["objection", "limitation", "woo", "access", "dispute", "audit"]
"""objection: of a citizen, to the processing (AVG, article 21) or to a decision (Awb). limitation:
the citizen asked to limit the processing (AVG, article 18). woo: a request under the Woo runs.
access: a citizen asked for what is theirs (AVG, article 15). dispute: a
case before a court, or one that is expected. audit: an inspection or an audit."""
GROUNDS: tuple[Ground, ...] = get_args(Ground)
Kind = Literal["conversation", "person", "selection"]
LONGEST_REVIEW = timedelta(days=2 * 366)
"""Longest time until somebody must look again: no case lasts longer without a step."""
MAX_TEXT = 500
"""Characters that a person writes about a hold."""


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """All given conditions must hold of one entry. What comes later is held too."""

    departments: tuple[str, ...] = ()
    words: str = ""
    """Words that must all occur in a message or a note."""
    since: datetime | None = None
    until: datetime | None = None

    @property
    def is_empty(self) -> bool:
        return not (self.departments or self.words or self.since or self.until)


class NewHold(msgspec.Struct, frozen=True, kw_only=True):
    """Order to place a hold: on one of conversation, identities and selection."""

    tenant: str
    ground: Ground
    review_on: date
    text: str
    """Reference of the case, for colleagues: no name of a citizen."""
    conversation: str = ""
    identities: tuple[Identity, ...] = ()
    selection: Selection = Selection()

    @property
    def kind(self) -> Kind:
        if self.conversation:
            return "conversation"
        return "person" if self.identities else "selection"


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `archiver.hold`, without the hashes."""

    id: str
    tenant: str
    ground: Ground
    kind: Kind
    conversation: str
    departments: tuple[str, ...]
    since: datetime | None
    until: datetime | None
    review_on: date
    placed_by: str
    placed_at: datetime
    lifted_by: str | None
    lifted_at: datetime | None

    def is_overdue(self, today: date) -> bool:
        """Return True if somebody should have looked whether it is still needed."""
        return self.lifted_at is None and self.review_on < today


class HoldEvent(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Step of a hold: the data of a record of the kind `hold`. It names no citizen, since it
    outlives what was held."""

    hold: str
    event: Annotated[str, "placed, reviewed or lifted"]
    by: str
    identified: Identified | None = None
    ground: str
    kind: str
    conversation: str = ""
    departments: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    review_on: date
    text: str = ""


class Secret(msgspec.Struct, frozen=True):
    """Sealed part of a hold that stands: what its hashes were made from."""

    identities: tuple[Identity, ...] = ()
    words: str = ""


def order_faults(order: NewHold, today: date) -> Iterator[OrderFault]:
    """Yield what is wrong with an order."""
    given = [bool(order.conversation), bool(order.identities), not order.selection.is_empty]
    if sum(given) != 1:
        yield OrderFault("", "it needs one of a conversation, a person and a selection")
    since, until = order.selection.since, order.selection.until
    if since and until and until <= since:
        yield OrderFault("until", "must be later than from")
    yield from review_faults(order.review_on, today)


def review_faults(day: date, today: date) -> Iterator[OrderFault]:
    """Yield why nobody would look again on that day."""
    if day <= today:
        yield OrderFault("reviewOn", "must be a day to come")
    if day > today + LONGEST_REVIEW:
        yield OrderFault("reviewOn", "must be within two years: it can be reviewed again then")
