"""A row of one municipality in each table that a package carries, sealed as the services do."""

from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import msgspec

from cli.tenant.loader import to_json
from cli.tenant.resealing import HASHED, SEALED, seal_row
from cli.tenant.rows import TABLES, Table
from services.event_types import event_source
from services.postgres.database import Pool

AT = datetime(2026, 6, 1, 12, 30, 15, 123456, UTC).isoformat()
BY_TYPE: dict[str, Any] = {
    "text": "x",
    "timestamp with time zone": AT,
    "date": "2026-06-01",
    "boolean": False,
    "integer": 3,
    "smallint": 3,
    "bigint": 4,
    "double precision": 1.5,
    "interval": "1 day",
    "jsonb": {},
}


def values_of(nth: int) -> dict[str, dict[str, Any]]:
    """Table -> columns that cannot be just anything, in the nth municipality."""
    return {
        "archiver.request": {"id": f"AVG-2026-{nth:04}", "kind": "access", "due_on": "2026-07-01",
            "decision": None, "ground": "", "decided_at": None},
        "archiver.hold": {"id": f"BW-2026-{nth:04}", "ground": "woo", "kind": "conversation",
            "departments": [], "words": [], "hashes": [], "since": None, "until": None,
            "words_before": [], "lifted_by": None, "lifted_at": None},
        "archiver.destruction_list": {"id": f"VL-2026-{nth:04}", "kind": "request",
            "request": f"AVG-2026-{nth:04}", "up_to": None, "state": "destroyed",
            "drawn_by": "a", "reviewed_by": "b", "approved_by": "c", "withdrawn_by": None,
            "withdrawn_at": None},
        "archiver.destruction_item": {"list": f"VL-2026-{nth:04}", "state": "destroyed"},
        "archiver.declaration": {"list": f"VL-2026-{nth:04}"},
        "archiver.disclosure": {"id": f"WOO-2026-{nth:04}", "kind": "woo",
            "hold": f"BW-2026-{nth:04}", "state": "approved",
            "drawn_by": "a", "reviewed_by": "b", "approved_by": "c"},
        "archiver.disclosure_document": {"disclosure": f"WOO-2026-{nth:04}", "decision": "open",
            "grounds": []},
        "archiver.handover": {"state": "done"},
        "archiver.media": {"state": "lost", "mac": None, "scanned": False,
            "ciphertext_sha256": "", "digest": None},
        "archiver.processing": {"trace_id": "\\x" + "01" * 16, "span_id": "\\x" + "02" * 8,
            "status": "Ok", "parent_span_id": None},
        "archiver.former_log": {"origin": "older"},
        "archiver.former_entry": {"origin": "older"},
        "deliverer.ledger": {"state": "sent", "address_kind": "phone"},
        "deliverer.delivery": {"state": "settled"},
        "deliverer.guest": {"kind": "phone"},
        "deliverer.secret": {"source": "api"},
        "router.opt_out": {"category": "marketing_messages", "value": "stop"},
    }  # fmt: skip


def opened(table: str) -> dict[str, Any]:
    """Return what is sealed in the row of a table: a word of its own for each column."""
    values: dict[str, Any] = {}
    for column in SEALED.get(table, ()):
        word = f"{table} {column.name}"
        values[column.name] = {
            "bytes": "d29vcmQ=",
            "json": f'{{"said":"{word}"}}',
            "content": f'{{"type":"text","said":"{word}"}}',
        }.get(column.form, word)
    return values | ({"seal": True} if table in HASHED else {})


async def add_one_of_each(pool: Pool, tenant: str, number: str, nth: int) -> None:
    """Add a row to each table. Triggers keep an order of steps, and are off meanwhile."""
    conversation = f"{number}-{'q' * 26}"
    given = {
        "tenant": tenant,
        "number": number,
        "conversation": conversation,
        "source": event_source(tenant),
        "destination": f"crm-{tenant}",
    }
    async with pool.acquire() as connection, connection.transaction():
        for table in TABLES:
            columns = await connection.fetch(_COLUMNS, table.name)
            row = {each["name"]: _value(table, each, tenant) for each in columns}
            texts = {each["name"] for each in columns if each["type"] == "text"}
            row |= {name: value for name, value in given.items() if name in texts}
            if table.name in ("router.conversation", "desk.conversation"):
                row["id"] = conversation
            row |= values_of(nth).get(table.name, {})
            await connection.execute(f"alter table {table.name} disable trigger user")
            await _insert(connection, table, row)
            await connection.execute(f"alter table {table.name} enable trigger user")


async def _insert(connection: Any, table: Table, row: dict[str, Any]) -> None:
    populate = f"jsonb_populate_record(null::{table.name}, $1::jsonb)"
    [typed] = await connection.fetch(f"select * from {populate}", _encode(row))
    changed = seal_row(table.name, dict(typed), opened(table.name))
    row |= {name: to_json(name, value) for name, value in changed.items()}
    listed = ", ".join(f'"{name}"' for name in row)
    sql = f"insert into {table.name} ({listed}) overriding system value select {listed} from"
    await connection.execute(f"{sql} {populate}", _encode(row))


def _encode(row: dict[str, Any]) -> str:
    return msgspec.json.encode(row).decode()


def _value(table: Table, column: Any, tenant: str) -> Any:
    if column["type"].endswith("[]"):
        return []
    if column["type"] == "uuid":
        # A row about an event names the same event in each table.
        name = (
            "event" if column["name"] in ("event", "contact") else f"{table.name} {column['name']}"
        )
        return str(uuid5(NAMESPACE_URL, f"{tenant} {name}"))
    if column["type"] == "bytea":
        return "\\x" + tenant.encode().hex()
    return BY_TYPE[column["type"]]


_COLUMNS = """
select attname as name, format_type(atttypid, atttypmod) as type from pg_attribute
where attrelid = $1::regclass and attnum > 0 and not attisdropped and attgenerated = ''
"""
