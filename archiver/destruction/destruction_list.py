"""A destruction list, what is on it, and its steps. Pure."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import Literal

import msgspec

from services.contract import Identified
from services.second_person.person_name import fold_name

Kind = Literal["term", "request"]
"""term: its term is over. request: an erasure that was granted (AVG, article 17)."""
State = Literal["drawn", "reviewed", "approved", "destroying", "destroyed", "withdrawn"]
ItemState = Literal[
    "listed", "taken_out", "put_off", "held", "open", "longer", "destroyed", "withdrawn"
]
Step = Literal["drawn", "reviewed", "approved", "withdrawn"]
"""Step that a person takes; `drawn` takes a review back, so that it is looked through again."""
LONGEST_TEXT = 500
"""Characters of what a person writes about a step."""
CLOCKS_APART = timedelta(hours=1)
"""Most by which the clocks of a service and of the database differ."""
SPARING_REASONS = ("dispute", "woo", "unfinished", "wrong_term", "historic", "other")
"""Codes of the reasons for which a conversation is taken off a list, or put off."""


class DestructionList(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `archiver.destruction_list`. People are named as on the record."""

    id: str
    tenant: str
    kind: Kind
    request: str | None
    up_to: date | None
    """Everything on it was due before this day."""
    state: State
    waiting: timedelta
    """Time between the approval and the first destruction, in which it can be withdrawn."""
    is_joined: bool
    drawn_by: str
    drawn_at: datetime
    reviewed_by: str | None
    reviewed_at: datetime | None
    approved_by: str | None
    approved_at: datetime | None
    withdrawn_by: str | None
    withdrawn_at: datetime | None
    begun_at: datetime | None
    ended_at: datetime | None

    @property
    def destroyed_from(self) -> datetime | None:
        """First moment at which something on it may be destroyed; None until it is approved."""
        return self.approved_at + self.waiting if self.approved_at else None


class ListItem(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `archiver.destruction_item`."""

    conversation: str
    department: str
    code: str
    """Result of the selection list; empty for an erasure."""
    closed_on: date | None
    kept_until: date | None
    state: ItemState
    reason: str
    until: date | None
    changed_by: str
    changed_at: datetime | None


class ItemGroup(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Conversations of a list that are alike."""

    department: str
    code: str
    state: ItemState
    reason: str
    conversations: int
    """Number of them."""
    closed_from: date | None
    closed_until: date | None
    kept_from: date | None
    """Earliest last day of keeping."""
    kept_until: date | None
    """Latest last day of keeping."""


class DrawnList(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Facts of a list that never change, for its first step."""

    kind: Kind
    request: str | None
    up_to: date | None
    waiting_seconds: float
    is_joined: bool
    sha256: str
    """Hash of what is on it, by ItemHash, in hex."""


class ItemHash:
    """Hash of what is on a list, which is given in the order of its conversations."""

    def __init__(self) -> None:
        self._hash = sha256()
        self.count = 0

    def add(self, items: Iterable[ListItem]) -> None:
        """Add the next items. Their state is left out: it changes."""
        for item in items:
            fixed = item.conversation, item.department, item.code, item.closed_on, item.kept_until
            self._hash.update(msgspec.json.encode(fixed) + b"\n")
            self.count += 1

    @property
    def hex(self) -> str:
        return self._hash.hexdigest()


class ListEvent(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Step of a list: the data of a record of the kind `destruction-list`."""

    list: str
    event: str
    """drawn, reviewed, returned, approved, withdrawn, taken_out, put_off, begun, destroyed, or
    contacts_destroyed by the deliverer, later."""
    by: str
    identified: Identified | None = None
    drawn: DrawnList | None = None
    """For the step `drawn` alone."""
    conversations: int | None = None
    """Number of conversations: drawn, or destroyed."""
    conversation: str = ""
    reason: str = ""
    text: str = ""
    """Words of the person about it."""
    until: date | None = None
    destination: str = ""
    """Open Klant that has no more of the list than `kept_count` objects."""
    contacts: int | None = None
    """Number of contacts that were deleted there."""
    kept: tuple[str, ...] = ()
    """At most 100 objects that stay there, as `resource/uuid reason`."""
    kept_count: int = 0


class ListRefused(Exception):
    """A step that the rules forbid. Nothing was changed. `code` is for a program, the message for
    a person."""

    def __init__(self, sentence: str, code: str) -> None:
        super().__init__(sentence)
        self.code = code


EVENTS: dict[Step, str] = {
    "drawn": "returned",
    "reviewed": "reviewed",
    "approved": "approved",
    "withdrawn": "withdrawn",
}
"""Event of a step on the record."""
PERSONS = {
    "drawer_does_not_review": "who drew the list does not review it",
    "drawer_does_not_approve": "who drew the list does not approve it",
    "reviewer_does_not_approve": "who reviewed the list does not approve it",
}
"""Constraint of the database -> sentence. The constraint is also the code of the refusal."""
FOLLOWERS: dict[State, tuple[State, ...]] = {
    "drawn": ("reviewed", "withdrawn"),
    "reviewed": ("drawn", "approved", "withdrawn"),
    "approved": ("withdrawn",),
    "destroying": ("withdrawn",),
}
"""State -> steps that a person may take from it. The database has the same table."""


def check_step(found: DestructionList, step: Step, person: str) -> None:
    """Raise ListRefused if this person may not take this step. The database checks it again."""
    if step not in FOLLOWERS.get(found.state, ()):
        raise ListRefused(f"the list is {found.state}: it cannot become {step}", "wrong_state")
    if fault := _person_fault(found, step, person):
        raise ListRefused(PERSONS[fault], fault)


def _person_fault(found: DestructionList, step: Step, person: str) -> str:
    drew, reviewed = is_same(found.drawn_by, person), is_same(found.reviewed_by or "", person)
    if step == "reviewed" and drew and not found.is_joined:
        return "drawer_does_not_review"
    if step == "approved" and drew:
        return "drawer_does_not_approve"
    return "reviewer_does_not_approve" if step == "approved" and reviewed else ""


def is_same(one: str, other: str) -> bool:
    """Return True for one person, however the name is written; `archiver.same_person`."""
    return fold_name(one) == fold_name(other)
