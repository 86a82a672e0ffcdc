"""The installation at one moment. Pure.

`postkamer status --json` prints it, so its names are public: `docs/operators/screen.md`. None in a
figure means that its source did not tell. A figure of CAP + 1 is "more than CAP".
"""

from datetime import datetime

import msgspec

from services.config.rules_status import RulesStatus

CAP = 10_000
"""Rows that are counted at most. A person who reads it does the same with 10,001 as with more."""


class Service(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One process of a service, as its operations port shows it."""

    name: str
    address: str
    live: bool = False
    ready: bool = False
    reason: str = ""
    """Why it is not live or not ready."""
    rules: RulesStatus | None = None
    version: str = ""
    instance: str = ""
    started_at: datetime | None = None


class OtherInstance(msgspec.Struct, frozen=True):
    """A process that the database knows, and whose operations port was not asked."""

    name: str
    instance: str


class Queue(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    ready: int | None = None
    """Messages that wait for a consumer."""
    in_hand: int = 0
    """Messages that processes got and have not finished."""
    in_hand_seconds: float | None = None
    """Time for which the oldest of them is in hand; None without one."""
    consumers: int | None = None
    owner: str = ""
    """Process that gets the messages, such as `router web1/2211`; '' if none says so."""
    stand_by: tuple[str, ...] = ()
    """Other processes that read it."""
    fault: str = ""
    """Why the broker does not tell; '' if it does."""


class Partition(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    partition: int
    queue: Queue
    epoch: int | None = None
    """Epoch of the last router that took it."""


class Destination(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    id: str
    queue: Queue
    paused_by: str = ""
    """`person`, `failures`, or '' while it is not paused."""
    paused_since: datetime | None = None
    reason: str = ""
    window: int | None = None
    """Deliveries that may be in flight at the same time."""
    parked: int | None = None
    aside: int | None = None
    replaying: int | None = None
    waiting: int | None = None
    """Events in the table of those for which its queue had no room; None if there is no table."""
    oldest_at: datetime | None = None
    """Time of the oldest delivery that waits in its queue or in a table."""


class Check(msgspec.Struct, frozen=True, rename="camel"):
    """Outcome of one check of a number."""

    name: str
    state: str
    """`fine`, `warning`, `wrong`, `unknown` or `not_offered`."""
    detail: str = ""
    until: datetime | None = None
    """End of what it looked at, such as a token, if it has one."""


class Number(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    id: str
    state: str = ""
    """State that the contact centre set: open, receive-only or closed; '' if it is not known."""
    queued: int | None = None
    stopped: bool = False
    """Its provider lets nothing go."""
    moves_since: datetime | None = None
    """Time since which it is refused and rests, because its municipality moves; None otherwise."""
    held: int | None = None
    """Answers that wait until their citizen writes again."""
    in_doubt: int | None = None
    """Messages of which it is not known if Meta sent them."""
    due_since: datetime | None = None
    """Time at which the oldest message should have gone; None if none is late."""
    checks: tuple[Check, ...] = ()
    """Its silence, and what was seen at Meta or the provider."""


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """The oldest of one kind that waits."""

    kind: str
    """`delivery`, `send`, `file`, `timer` or `quarantined`."""
    count: int | None = None
    since: datetime | None = None
    """None: nothing waits, or it is not known since when."""
    destination: str = ""
    """Destination of the oldest delivery."""


class Archive(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    queue: Queue = Queue()
    lag_seconds: float | None = None
    """Age of the newest record when it was written."""
    entries: int | None = None
    checkpoint_at: datetime | None = None
    checkpoint_entries: int | None = None
    unsigned_since: datetime | None = None
    """Time of the oldest entry after the last checkpoint; None if there is none."""
    aside: int | None = None
    """Messages that could not become a record."""


class Volume(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    free: int | None = None
    total: int | None = None
    used: int | None = None
    """Bytes of our own data, where they are known."""
    limit: int | None = None
    """Free bytes below which it takes nothing more in."""
    note: str = ""
    """Why the free space is not known; '' if it is."""


class Balance(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One equation of the balance, for all numbers and destinations together."""

    name: str
    closes: bool
    missing: int = 0
    """Things that are nowhere where they have to be."""
    drawn_up_at: datetime | None = None
    """Time of the last round of the balance."""


class Problem(msgspec.Struct, frozen=True):
    about: str
    """Row of the screen that it is about, such as `destination crm`."""
    text: str
    next: str
    """Command to run next, or the thing to do."""
    level: str = "wrong"
    """`wrong`, or `warning` for what is not wrong yet."""


class Snapshot(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    at: datetime
    services: tuple[Service, ...] = ()
    others: tuple[OtherInstance, ...] = ()
    partitions: tuple[Partition, ...] = ()
    destinations: tuple[Destination, ...] = ()
    numbers: tuple[Number, ...] = ()
    waiting: tuple[Waiting, ...] = ()
    archive: Archive = Archive()
    disk: tuple[Volume, ...] = ()
    balance: tuple[Balance, ...] = ()
    unlimited_tokens: tuple[str, ...] = ()
    """Names of tokens that name no department, and so read all, confidential ones too."""
    unconfirmed_tokens: tuple[str, ...] = ()
    """Names of tokens that no command of this installation made, and the services refuse."""
    unapproved_rules: tuple[str, ...] = ()
    """Versions in force in production for which no proven person stands."""
    lone_rules: tuple[str, ...] = ()
    """The version in force, if one person alone put it in force and no second one came since."""
    faults: tuple[str, ...] = ()
    """Sources that did not answer, a sentence for each."""
    not_asked: tuple[str, ...] = ()
    """Sources without a setting, a sentence for each."""
    problems: tuple[Problem, ...] = ()
