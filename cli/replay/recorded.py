"""A record of the archive, as far as deciding anew needs it, and what the router got then. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec

from router.model.decision import WorkUnit
from services.contract import Author, Command, Receipt, Timeout
from services.whatsapp import items
from services.whatsapp.parser import Unparseable, parse

UNREAD = "unread"


class Named(msgspec.Struct, frozen=True):
    kind: str
    value: str


class Sender(msgspec.Struct, frozen=True):
    identities: tuple[Named, ...] = ()


class Why(msgspec.Struct, frozen=True):
    rule: str = ""
    reason: str = ""
    version: str = ""


class Data(msgspec.Struct, frozen=True):
    """Of a message, of what happened to a conversation, or of what was said of a number; each has
    some of these. See `router.records`."""

    direction: str = ""
    type: str = ""
    text: str = ""
    number: str = ""
    department: str = ""
    decision: Why = Why()
    status: str = ""
    author: Author | None = None
    sender: Sender | str | None = msgspec.field(default=None, name="from")
    """Of a transfer, the department that it came from."""
    to: str | None = ""
    name: str = ""
    """Of a text that went out by itself."""
    content: msgspec.Raw = msgspec.Raw()
    automatic: str = ""
    """Name of the text that answered it by itself."""
    tags: tuple[str, ...] = ()
    language: str = ""
    sensitive: tuple[str, ...] = ()
    mask: tuple[str, ...] = ()
    care: str = ""
    asked: str = ""
    """Who was woken."""
    priority: str = ""
    due: date | None = None
    held: bool = False
    provisional: bool = False
    reopened: bool = False
    event: str = ""
    order: str = ""
    reason: str = ""
    outcome: str | None = None
    other: str = ""
    state: str | None = None
    until: datetime | None = None

    @property
    def names(self) -> tuple[items.Identity, ...]:
        """By which the citizen was known then."""
        given = self.sender.identities if isinstance(self.sender, Sender) else ()
        return tuple(items.Identity(each.kind, each.value) for each in given)


class Row(msgspec.Struct, frozen=True, kw_only=True):
    id: UUID
    kind: str
    at: datetime
    conversation: str
    sequence: int
    data: Data
    raw: bytes = b""

    @property
    def number(self) -> str:
        """Ours; a conversation's id begins with it."""
        return self.data.number or self.conversation.partition("-")[0]

    @property
    def heard(self) -> bool:
        return self.kind == "message" and self.data.direction == "in"

    @property
    def said(self) -> bool:
        """By us, and not by itself."""
        mine = self.kind == "message" and self.data.direction == "out"
        return mine and self.data.status != "failed" and not self.data.name

    @property
    def automatic(self) -> bool:
        """Said by us, by itself."""
        return self.kind == "message" and self.data.direction == "out" and bool(self.data.name)

    @property
    def ordered(self) -> bool:
        """By a person, of a conversation or of a number."""
        done = self.kind == "conversation" and self.data.event != "refused"
        return (done and bool(self.data.order)) or self.kind == "number"

    @property
    def due(self) -> bool:
        """A time had come, or a rule moved it."""
        return self.kind == "conversation" and not self.data.order


_data = msgspec.json.Decoder(Data)


def row(given: Any) -> Row:
    """What the archive gives, opened. Of kind UNREAD where its data is
    of another form than any that is known."""
    fields = {name: given[name] for name in Row.__struct_fields__}
    try:
        return Row(**fields | {"data": _data.decode(given["data"])})
    except msgspec.ValidationError:
        return Row(**fields | {"data": Data(), "kind": UNREAD})


def in_order(rows: Iterable[Row]) -> Iterator[Row]:
    """By time, and those of one conversation as the router had them: what was due may have been
    dealt with later, and one body brings many messages at once."""
    every = list(rows)
    own: dict[str, list[Row]] = defaultdict(list)
    for each in every:
        own[each.conversation].append(each)
    next_of = {
        id: iter(sorted(those, key=lambda r: r.sequence) if id else those)
        for id, those in own.items()
    }
    return (next(next_of[each.conversation]) for each in every)


def message(row: Row) -> items.Message | None:
    """As it was read then; None where that cannot be done any more."""
    value = {
        "metadata": {"phone_number_id": row.number},
        "messages": [msgspec.Raw(row.raw or b"null")],
    }
    changes = [{"field": "messages", "value": value}]
    body = msgspec.json.encode({"object": "replay", "entry": [{"id": "0", "changes": changes}]})
    try:
        found = [item for item in parse(body) if isinstance(item, items.Message)]
    except Unparseable:
        return None
    if not found:
        return None
    person = items.Person(identities=row.data.names or found[0].person.identities)
    return msgspec.structs.replace(found[0], number=row.number, person=person)


def heard(row: Row, item: items.Message, scope: str) -> WorkUnit:
    """What the router got then; `scope` is the portfolio of the number."""
    return WorkUnit(row.id.bytes, receipt(row.id, row.at), item, scope)


def receipt(id: UUID, at: datetime) -> Receipt:
    return Receipt(id=id, received_at=at, door="", proof="archived", signature="", body=b"")


def ordered(row: Row, type: str, scope: str, **more: Any) -> WorkUnit:
    """An order of then; `more` says whom it concerns now, and what else is in it."""
    command = Command(
        id=row.id,
        received_at=row.at,
        token="archived",
        type=type,
        author=row.data.author,
        number=row.number,
        reason=row.data.reason,
        **more,
    )
    return WorkUnit(row.id.bytes, command, scope=scope)


def due(row: Row, conversation: str, kind: str) -> WorkUnit:
    """A timer of this kind, at the time of then."""
    entry = Timeout(
        id=row.id,
        number=row.number,
        conversation=conversation,
        kind=kind,
        at=row.at,
        told_at=row.at,
    )
    return WorkUnit(row.id.bytes, entry)
