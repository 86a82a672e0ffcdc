"""Whose data somebody saw, or was given: added up from views and deliveries. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

MAX_CONVERSATIONS = 100_000
"""Conversations in one list, some 1 KB each: of more it is made a part of the period at a time."""
SLICE = timedelta(days=1)
"""Looked through in one go."""
KIND_OF_VIEW = {"conversation": "conversation", "file": "file"}
"""What a view was of, beside or instead of messages -> how that is called here."""
Row = Mapping[str, Any]
"""Of the record, opened; `said` is what stands in it."""


class TooManyConversations(Exception):
    """More conversations than one list takes."""


class SubjectExposure(msgspec.Struct):
    """What of one conversation was seen: parts of departments from one place to another, and single
    messages."""

    tenant: str
    first_at: datetime
    last_at: datetime
    times: int = 0
    departments: set[str] = msgspec.field(default_factory=set)
    kinds: set[str] = msgspec.field(default_factory=set)
    ranges: dict[str, list[tuple[int, int]]] = msgspec.field(default_factory=dict)
    messages: set[UUID] = msgspec.field(default_factory=set)

    def includes(self, message: Row) -> bool:
        """Whether this message was among it."""
        if message["message"] in self.messages:
            return True
        ranges = self.ranges.get(message["department"], ())
        return any(first <= message["sequence"] <= last for first, last in ranges)


class ExposureTotals:
    """By conversation."""

    def __init__(self) -> None:
        self.by_conversation: dict[str, SubjectExposure] = {}
        self.times = 0

    def add_view(self, row: Row) -> None:
        said = row["fields"]
        seen = self._of(row)
        seen.departments.add(row["department"])
        if kind := KIND_OF_VIEW.get(said["what"]):
            seen.kinds.add(kind)
        if said["what"] == "conversation":
            return
        if listed := said.get("messages") or ([row["message"]] if row["message"] else []):
            seen.messages |= {UUID(str(id)) for id in listed}
        else:
            ranges = seen.ranges.setdefault(row["department"], [])
            seen.ranges[row["department"]] = merge_ranges([*ranges, (said["from"], said["to"])])

    def add_delivery(self, row: Row) -> None:
        seen = self._of(row)
        if row["message"]:
            seen.messages.add(row["message"])
        else:
            seen.kinds.add("conversation")

    def _of(self, row: Row) -> SubjectExposure:
        id, at = row["conversation"], row["at"]
        if id not in self.by_conversation and len(self.by_conversation) >= MAX_CONVERSATIONS:
            raise TooManyConversations(
                f"more than {MAX_CONVERSATIONS} conversations: ask for a part of the period"
            )
        seen = self.by_conversation.setdefault(id, SubjectExposure(row["tenant"], at, at))
        seen.first_at, seen.last_at = min(seen.first_at, at), max(seen.last_at, at)
        seen.times += 1
        self.times += 1
        return seen


def merge_ranges(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same places, in as few pieces as they take: nobody's memory grows who looks often."""
    found: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if found and first <= found[-1][1] + 1:
            found[-1] = found[-1][0], max(found[-1][1], last)
        else:
            found.append((first, last))
    return found


def was_delivered(said: Mapping[str, Any]) -> bool:
    """Whether a destination had what was delivered: also one that answered that it does not want
    it."""
    return said["state"] == "settled" or bool(said.get("status"))


class Person(msgspec.Struct, frozen=True, rename="camel"):
    """Somebody whose data it was, as the citizen of one conversation."""

    conversation: str
    tenant: str
    departments: list[str]
    kinds: list[str]
    messages: int
    times: int
    first_at: datetime
    last_at: datetime
    identifiers: list[tuple[str, str]]
    """By which they are known, to be told: kind and value."""

    def lines(self) -> Iterator[str]:
        names = ", ".join(f"{kind} {value}" for kind, value in self.identifiers)
        yield f"{self.conversation}  {self.tenant}  {names or 'by no name that is known'}"
        when = f"{self.first_at:%Y-%m-%d %H:%M:%S}Z to {self.last_at:%Y-%m-%d %H:%M:%S}Z"
        what = f"{', '.join(self.kinds)}; messages: {self.messages}"
        yield f"    {', '.join(self.departments) or '-'}  {what}  {when}, {self.times} times"


class PersonBuilder:
    """What is found of one conversation in its messages."""

    def __init__(self, seen: SubjectExposure) -> None:
        self._seen, self._count = seen, 0
        self._departments, self._kinds = set(seen.departments), set(seen.kinds)
        self._names: set[tuple[str, str]] = set()

    def add(self, message: Row) -> None:
        said = message["fields"]
        self._names |= set(identifiers_of(said))
        if self._seen.includes(message):
            self._count += 1
            self._departments.add(message["department"])
            self._kinds.add(said["type"])

    def person(self, conversation: str) -> Person:
        seen = self._seen
        return Person(
            conversation=conversation,
            tenant=seen.tenant,
            departments=sorted(self._departments - {""}),
            kinds=sorted(self._kinds),
            messages=self._count,
            times=seen.times,
            first_at=seen.first_at,
            last_at=seen.last_at,
            identifiers=sorted(self._names),
        )


def identifiers_of(said: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """By which a message says that its citizen is known."""
    for each in (said.get("from") or {}).get("identities", ()):
        yield each["kind"], each["value"].removeprefix("+")
    if said.get("to"):
        yield "phone", said["to"].removeprefix("+")


def time_slices(since: datetime, until: datetime) -> Iterator[tuple[datetime, datetime]]:
    while since < until:
        end = min(since + SLICE, until)
        yield since, end
        since = end
