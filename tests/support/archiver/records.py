"""Records of citizens of a municipality, as the router and the deliverer have them written."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from services import clock
from services.contract import Record

NUMBER = "106540352242922"
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
WHY = {"rule": "", "reason": "x"}
FIELDS = frozenset(Record.__struct_fields__)


def minutes(n: int) -> timedelta:
    return timedelta(minutes=n)


def id_of(name: str, number: str = NUMBER) -> str:
    """Id of the conversation with this name."""
    return f"{number}-{name.ljust(26, 'a')}"


def record(kind: str, data: Any, **fields: Any) -> Record:
    given = {"id": clock.new_id(), "at": NOON, "tenant": "almelo", "conversation": id_of("een")}
    return Record(kind=kind, data=msgspec.json.encode(data), **given | {"sequence": 1} | fields)


def citizen(phone: str) -> dict[str, Any]:
    return {"identities": [{"kind": "phone", "value": phone}], "name": "Fatima"}


def message(
    text: str = "hallo", within: str = "een", department: str = "balie",
    *, phone: str = "", at: datetime = NOON, **more: Any,
) -> Record:  # fmt: skip
    """A message of a citizen in the conversation named `within`; `more` is fields of the record, or
    else of its data."""
    data = {"direction": "in", "type": "text", "text": text, "department": department}
    data |= {"decision": WHY, "receivedAt": at}  # type: ignore[dict-item]
    data |= {"from": citizen(phone)} if phone else {}  # type: ignore[dict-item]
    data |= {name: value for name, value in more.items() if name not in FIELDS}
    fields = {"id": clock.new_id(at), "message": clock.new_id(at), "conversation": id_of(within)}
    fields |= {name: value for name, value in more.items() if name in FIELDS}
    return record("message", data, at=at, **fields)


def note(text: str, department: str = "balie", *, at: datetime = NOON, **fields: Any) -> Record:
    author = {"kind": "employee", "id": "sanne"}
    data = {"id": clock.new_id(at), "text": text, "author": author, "department": department}
    return record("note", data, **{"id": clock.new_id(at), "at": at, "sequence": 2} | fields)


def opening(name: str, department: str) -> Record:
    step = {"event": "opened", "department": department, "decision": WHY}
    return record("conversation", step, conversation=id_of(name))


def delivery(about: Record, destination: str, at: datetime, **changed: Any) -> Record:
    data = {"destination": destination, "event": clock.new_id(), "state": "settled"}
    data |= {"attempts": 1, "status": 200, "reason": ""} | changed
    return record(
        "delivery", data, conversation=about.conversation, message=about.message, at=at, sequence=0
    )


def message_id(about: Record) -> UUID:
    assert about.message
    return about.message


def message_ids(records: list[Record]) -> list[UUID]:
    return [about.message for about in records if about.message]
