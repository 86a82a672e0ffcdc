"""Add up the views and deliveries of a period: whose data was shown or delivered. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

SLICE, EMPTY_SLICE = timedelta(days=1), timedelta(days=32)
"""Part of the period that one query covers, and most of it after queries that found nothing: from
the year 2000 on there are 300 of them instead of 9,800, which took 20 s."""
KINDS_OF_VIEW: dict[str, tuple[str, ...]] = {
    "conversation": ("conversation",),
    "disclosure": ("conversation", "file"),
    "exposure": ("conversation",),
    "file": ("file",),
    "thumbnail": ("file",),
    "transcript": ("conversation", "file"),
}
"""Subject of a view that shows more than messages -> its kinds in the list. A transcript may have
files, and counts as if it had."""
Row = Mapping[str, Any]
"""A decrypted row of the archive; `fields` is its decoded data."""


class TooManyConversations(Exception):
    """More conversations than one list takes."""


class Person(msgspec.Struct, frozen=True, rename="camel"):
    """A citizen of one conversation whose data was exposed."""

    conversation: str
    tenant: str
    departments: list[str]
    kinds: list[str]
    messages: int
    times: int
    first_at: datetime
    last_at: datetime
    identifiers: list[tuple[str, str]]
    """Kind and value of each identifier, to reach the citizen."""


class SubjectExposure(msgspec.Struct):
    """The exposed part of one conversation: ranges of messages by department, and single ones; and
    what its messages add, which are read afterwards."""

    tenant: str
    first_at: datetime
    last_at: datetime
    times: int = 0
    departments: set[str] = msgspec.field(default_factory=set)
    kinds: set[str] = msgspec.field(default_factory=set)
    ranges: dict[str, list[tuple[int, int]]] = msgspec.field(default_factory=dict)
    messages: set[UUID] = msgspec.field(default_factory=set)
    reported: int = -1
    """Position in the log of the last report about its citizen: it shows what was there before, of
    all departments."""
    count: int = 0
    """Exposed messages."""
    identifiers: set[tuple[str, str]] = msgspec.field(default_factory=set)

    def add_message(self, message: Row) -> None:
        fields = message["fields"]
        self.identifiers |= set(identifiers_of(fields))
        if self.includes(message):
            self.count += 1
            self.departments.add(message["department"])
            self.kinds.add(fields["type"])

    def person(self, conversation: str) -> Person:
        return Person(
            conversation=conversation,
            tenant=self.tenant,
            departments=sorted(self.departments - {""}),
            kinds=sorted(self.kinds),
            messages=self.count,
            times=self.times,
            first_at=self.first_at,
            last_at=self.last_at,
            identifiers=sorted(self.identifiers),
        )

    def includes(self, message: Row) -> bool:
        """Return True if this message was exposed."""
        if message["message"] in self.messages:
            return True
        if message["position"] < self.reported:
            return True
        ranges = self.ranges.get(message["department"], ())
        return any(first <= message["sequence"] <= last for first, last in ranges)


class ExposureTotals:
    """The exposure of each conversation, of `most` conversations at most."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.by_conversation: dict[str, SubjectExposure] = {}
        self.times = 0

    def add_view(self, row: Row) -> None:
        fields = row["fields"]
        exposure = self._of(row)
        exposure.departments.add(row["department"])
        exposure.kinds.update(KINDS_OF_VIEW.get(fields["what"], ()))
        if fields["what"] == "conversation":
            return
        if fields["what"] == "report":
            exposure.reported = max(exposure.reported, row["position"])
            return
        if ids := fields.get("messages") or ([row["message"]] if row["message"] else []):
            exposure.messages |= {UUID(str(id)) for id in ids}
        else:
            ranges = exposure.ranges.setdefault(row["department"], [])
            exposure.ranges[row["department"]] = merge_ranges(
                [*ranges, (fields["from"], fields["to"])]
            )

    def add_delivery(self, row: Row) -> None:
        exposure = self._of(row)
        if row["message"]:
            exposure.messages.add(row["message"])
        else:
            exposure.kinds.add("conversation")

    def _of(self, row: Row) -> SubjectExposure:
        id, at = row["conversation"], row["at"]
        if id not in self.by_conversation and len(self.by_conversation) >= self._most:
            raise TooManyConversations(
                f"more than {self._most} conversations: ask for a part of the period"
            )
        exposure = self.by_conversation.setdefault(id, SubjectExposure(row["tenant"], at, at))
        exposure.first_at, exposure.last_at = min(exposure.first_at, at), max(exposure.last_at, at)
        exposure.times += 1
        self.times += 1
        return exposure


def merge_ranges(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Merge overlapping and adjacent ranges, so that frequent views take no more memory."""
    merged: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = merged[-1][0], max(merged[-1][1], last)
        else:
            merged.append((first, last))
    return merged


def was_delivered(fields: Mapping[str, Any]) -> bool:
    """Return True if the destination received the delivery, also if it refused it."""
    return fields["state"] == "settled" or bool(fields.get("status"))


def identifiers_of(fields: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the identifiers of the citizen in the data of a message."""

    for each in (fields.get("from") or {}).get("identities", ()):
        yield each["kind"], each["value"].removeprefix("+")
    if fields.get("to"):
        yield "phone", fields["to"].removeprefix("+")


def next_slice(last: timedelta, has_rows: bool) -> timedelta:
    """Return the part of the period that the next query covers."""
    return SLICE if has_rows else min(2 * last, EMPTY_SLICE)
