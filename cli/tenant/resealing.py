"""Sealed columns of the tables with which the services work: opened where a row leaves, and sealed
again where it comes, under the keys of that installation. Each table has its line in `SEALED`."""

import base64
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

import msgspec

from deliverer.destinations.openklant.row_seals import BOUND, CONTACT, REGISTRATION, row_seal
from deliverer.destinations.signalen import row_seals as report_seals
from router.store.bindings import CONVERSATION_COLUMNS, identity_seal
from services.sealing import columns
from services.sealing.columns import LEDGER, MEDIA, bind, bind_ledger, seal_content, unseal_content
from services.sealing.key_ring import RING

Row = dict[str, Any]
ERASURE = "deliverer.contact_erasure"
"""Table of which the rows keep the hashes of the rows that they are made from."""


class Sealed(NamedTuple):
    """A sealed column, its form, and the columns to which it is bound."""

    name: str
    form: Literal["bytes", "text", "name", "json", "content"]
    bound: tuple[str, ...] = ()


SEALED: Mapping[str, tuple[Sealed, ...]] = {
    "router.inbox": (
        Sealed("decision", "bytes", ("key",)),
        Sealed("wamid", "text", ("message",)),
    ),
    "router.held": (Sealed("delivery", "bytes", ("id", "conversation", "destination")),),
    "router.conversation": (
        Sealed("state", "json", CONVERSATION_COLUMNS),
        Sealed("reason", "text", ("id",)),
    ),
    "router.consent": (Sealed("source", "text", ("tenant", "person", "purpose")),),
    "router.identity": (Sealed("value", "name"),),
    "gateway.media": (Sealed("filename", "text", MEDIA), Sealed("sha256", "bytes", MEDIA)),
    "deliverer.delivery": (Sealed("body", "bytes", ("destination", "event")),),
    "deliverer.sent": (Sealed("sealed", "bytes", ("destination", "event")),),
    "deliverer.secret": (Sealed("sealed", "bytes", ("id", "destination")),),
    "deliverer.ledger": (
        Sealed("address", "name"),  # first: the content is bound to it as it stands
        Sealed("content", "content", LEDGER),
        Sealed("wamid", "text", ("id",)),
        Sealed("about_wamid", "text", ("about",)),
        Sealed("author", "text", ("id",)),
    ),
    "deliverer.guest": (Sealed("value", "name"),),
    "deliverer.internetaak": (Sealed("employee", "text", ("destination", "event")),),
    "deliverer.found_command": (
        Sealed("employee", "text", ("id", "destination", "conversation")),
        Sealed("action", "json", ("id", "destination", "conversation")),
    ),
    "desk.conversation": (Sealed("content", "bytes", ("id",)), Sealed("assignee", "name")),
    "desk.draft": (Sealed("text", "bytes", ("conversation", "person")),),
    "desk.answer": (Sealed("body", "bytes", ("key",)),),
}
HASHED: Mapping[str, Callable[[Row], bytes]] = {
    "router.identity": identity_seal,
    report_seals.REPORT: report_seals.row_seal,
    **{
        table: lambda row, table=table: row_seal(table, row["destination"], row)  # type: ignore[misc]
        for table in BOUND
    },
}
"""Table -> the keyed hash over its rows, in the column `seal`."""
USES = {**columns.SEALED_COLUMNS, **columns.NAME_COLUMNS}


def open_row(table: str, row: Row) -> dict[str, Any]:
    """Return the sealed columns of a row in the open, for JSON; bytes in base64. Raises KeyUnknown
    and Unsealable."""
    opened = {
        column.name: _open(table, column, row)
        for column in SEALED.get(table, ())
        if row[column.name]
    }
    seals = _seals(table, row)
    # A hash that does not fit was made by hand, and gets none that fits where the row comes.
    return opened | {name: _fit(row[name], seal) for name, seal in seals.items()}


def seal_row(table: str, row: Row, opened: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns of a row as they stand here, from what `open_row` gave elsewhere. Raises
    NoWorkingKey."""
    changed: dict[str, Any] = {}
    for column in SEALED.get(table, ()):
        if opened.get(column.name) is not None:
            changed[column.name] = row[column.name] = _seal(table, column, row, opened[column.name])
    for name, seal in _seals(table, row).items():
        if opened.get(name):
            changed[name] = _where_fit(opened[name], seal, row[name])
    return changed


def _open(table: str, column: Sealed, row: Row) -> Any:
    value, use, bound = row[column.name], USES[f"{table}.{column.name}"], _bound(column, row)
    match column.form:
        case "bytes":
            return base64.b64encode(RING.unseal(value, use, bound)).decode()
        case "text":
            return RING.unseal_text(value, use, bound)
        case "name":
            return RING.unseal_text(value, use)
        case "json":
            return columns.unseal_json(value, use, bound)
        case "content":
            return msgspec.json.encode(unseal_content(row)).decode()


def _seal(table: str, column: Sealed, row: Row, opened: Any) -> Any:
    use, bound = USES[f"{table}.{column.name}"], _bound(column, row)
    match column.form:
        case "bytes":
            return RING.seal(base64.b64decode(opened), use, bound)
        case "text":
            return RING.seal_text(opened, use, bound)
        case "name":
            return RING.seal_name(opened, use)
        case "json":
            return columns.seal_json(opened, use, bound)
        case "content":
            return seal_content(opened.encode(), bind_ledger(row)).decode()


def _bound(column: Sealed, row: Row) -> bytes:
    return bind(*(row[name] for name in column.bound))


def _seals(table: str, row: Row) -> dict[str, Any]:
    """Return the keyed hashes over a row as they should be here: a hash, or a list of hashes."""
    if table in HASHED:
        return {"seal": HASHED[table](row)}
    if table != ERASURE:
        return {}
    parts = zip(row["registered"], row["registered_messages"], strict=True)
    registered = [
        row_seal(
            REGISTRATION,
            row["destination"],
            {"klantcontact": id, "contact": row["event"], "message": message},
        )
        for id, message in parts
    ]
    return {
        "seal": row_seal(CONTACT, row["destination"], row),
        "registered_seals": registered,
    }


def _fit(stored: Any, seal: Any) -> Any:
    """Return if a hash is the one that it should be; a list of this for a list."""
    if isinstance(seal, list):
        return [each == other for each, other in zip(stored, seal, strict=True)]
    return stored == seal


def _where_fit(fits: Any, seal: Any, stored: Any) -> Any:
    if isinstance(seal, list):
        return [
            new if is_right else old for is_right, new, old in zip(fits, seal, stored, strict=True)
        ]
    return seal
