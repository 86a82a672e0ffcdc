"""Models of the answers about destruction lists, as the document shows them. Pure."""

import datetime
from typing import Any, Literal

from archiver.destruction.destruction_list import ItemState, Kind, State
from services.api.operations import Shown
from services.contract import Identified


class DestructionListSummary(Shown):
    """Destruction list. It names no citizen."""

    id: str
    kind: Kind
    """term: its term is over. request: an erasure that was granted."""
    request: str | None
    """Request of the citizen whose erasure was granted."""
    up_to: datetime.date | None
    """Day before which all of it was due."""
    state: State
    drawn_by: str
    drawn_at: datetime.datetime
    reviewed_by: str | None
    reviewed_at: datetime.datetime | None
    approved_by: str | None
    approved_at: datetime.datetime | None
    withdrawn_by: str | None
    withdrawn_at: datetime.datetime | None
    waiting_days: float
    """Days between its approval and the first destruction."""
    destroyed_from: datetime.datetime | None
    """Moment until which an approved list can be withdrawn before anything is destroyed."""
    begun_at: datetime.datetime | None
    ended_at: datetime.datetime | None
    counts: dict[str, int]
    """Number of its conversations in each state; a state without any is left out."""


class DestructionLists(Shown):
    """The newest first."""

    lists: tuple[DestructionListSummary, ...]


class ListStep(Shown):
    """Step of a list, as it is on the record."""

    at: datetime.datetime
    event: Literal["drawn", "reviewed", "returned", "approved", "withdrawn", "begun", "destroyed"]
    by: str
    identified: Identified | None
    conversations: int | None
    text: str


class ListGroup(Shown):
    """Conversations of a list that are alike."""

    department: str
    """Last department that had them; empty if the record does not say."""
    code: str
    """Result of the selection list; empty for an erasure."""
    state: ItemState
    reason: str
    conversations: int
    closed_from: datetime.date | None
    closed_until: datetime.date | None
    kept_from: datetime.date | None
    """Earliest last day of keeping."""
    kept_until: datetime.date | None
    """Latest last day of keeping."""


class FullDestructionList(DestructionListSummary):
    """List with its steps, and its conversations by department and result."""

    steps: tuple[ListStep, ...]
    groups: tuple[ListGroup, ...]


class ListedConversation(Shown):
    """Conversation on a list."""

    conversation: str
    department: str
    code: str
    closed_on: datetime.date | None
    kept_until: datetime.date | None
    """Last day on which it had to be kept."""
    state: ItemState
    reason: str
    until: datetime.date | None
    """Day from which what was put off may be on a list again."""
    changed_by: str
    changed_at: datetime.datetime | None


class ListedConversations(Shown):
    """Page of what is on a list, by the id of the conversation."""

    items: tuple[ListedConversation, ...]
    next: str | None
    """Value of `after` for the next page; null on the last page."""


class MadeDeclaration(Shown):
    """Declaration of what was destroyed, and its place in the log."""

    entry: str
    """Entry of the log that has the same declaration: `postkamer archive prove` proves it."""
    declaration: dict[str, Any]
    """The declaration: docs/municipality/destruction.md describes its members."""
