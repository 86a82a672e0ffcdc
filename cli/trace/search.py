"""Finding the subject of a trace by any of its ids, with no more than lookups in indexes.

An id of the router's has the millisecond of its decision, and so has the record of that decision:
an event is found among the few decisions of its millisecond.
"""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from cli.trace.evidence import Row, Subject
from router.handlers.units import retried_key
from router.model.hashes import Hash, Hashes
from router.model.work import derive_id
from services.ids import CONVERSATION, created_at, min_id_at, parse_uuid
from services.postgres.database import Connection

WAMID = re.compile(r"wamid\.\S+")
REGISTER_NUMBER = re.compile(r"[0-9]{1,10}")
"""`nummer` of a klantcontact or an internetaak."""
TIME_ORDERED = 7
"""Version of a UUID that begins with its millisecond."""
MILLISECOND = timedelta(milliseconds=1)
RECEIPT_SPREAD = timedelta(milliseconds=50)
"""Time between the id of a receipt and its time of receipt, at most."""
MAX_RETRIES = 20
"""Retries of one quarantined item that are followed."""


async def fetch_rows(connection: Connection, query: str, *arguments: Any) -> list[Row]:
    return [dict(row) for row in await connection.fetch(query, *arguments)]


async def find_subject(
    connection: Connection, id: str, hashes: Hashes, numbers: Mapping[str, str]
) -> Subject | None:
    """Return the subject with this id; None if nothing has it. `numbers` are our ids of numbers,
    each with its municipality."""
    hash = hashes.own
    if CONVERSATION.fullmatch(id):
        return Subject(conversation=id)
    if WAMID.fullmatch(id):
        return await _by_wamid(connection, id, hashes, numbers)
    if (uuid := parse_uuid(id)) is not None:
        return await _by_uuid(connection, uuid, hash)
    number = int(id) if REGISTER_NUMBER.fullmatch(id) else None
    if number is not None and (found := await _by_contact(connection, _BY_NUMBER, number, hash)):
        return found
    conversation = await connection.fetchval(_BY_CASE, id)
    return Subject(conversation=conversation) if conversation else None


async def _by_wamid(
    connection: Connection, wamid: str, hashes: Hashes, numbers: Mapping[str, str]
) -> Subject | None:
    kinds = "message", "echo"
    keys = [
        hashes.of(tenant)("item", kind, number, wamid)
        for kind in kinds
        for number, tenant in numbers.items()
    ]
    rows = await fetch_rows(connection, _BY_KEYS, keys)
    found = [key for row in rows for key in await _with_retries(connection, row, hashes.own)]
    sent = [hashes.of(tenant)("wamid", wamid) for tenant in set(numbers.values())]
    message = await connection.fetchval(_BY_WAMID_HASH, sent)
    if not found and message is None:
        return None
    return Subject(keys=tuple(found), messages=(message,) if message else ())


async def _with_retries(connection: Connection, row: Row, hash: Hash) -> list[bytes]:
    """Return the key of a decision, and those of the retries that it had in quarantine."""
    first, keys = row["key"], [row["key"]]
    while row["is_quarantined"] and len(keys) < MAX_RETRIES:
        retry = derive_id(row["key"], created_at(row["record"]), "retry")
        rows = await fetch_rows(connection, _BY_KEYS, [retried_key(first, retry, hash)])
        if not rows:
            break
        row = rows[0]
        keys.append(row["key"])
    return keys


async def _by_uuid(connection: Connection, id: UUID, hash: Hash) -> Subject | None:
    for search in SEARCHES:
        if subject := await search(connection, id, hash):
            return subject
    return None


async def _by_message(connection: Connection, id: UUID, hash: Hash) -> Subject | None:
    if not await connection.fetchval(_IS_MESSAGE, id):
        return None
    rows = await _decided_in_millisecond(connection, id)
    keys = hash("command", str(id)), *(row["key"] for row in rows)
    return Subject(keys=keys, messages=(id,))


async def _by_command(connection: Connection, id: UUID, hash: Hash) -> Subject | None:
    """Find a command that makes no message, or was not decided yet."""
    key = hash("command", str(id))
    rows = await fetch_rows(connection, _BY_KEYS, [key])
    if not rows and not await connection.fetchval(_IS_COMMAND, id):
        return None
    return Subject(keys=(key,), messages=(id,))


async def _by_quarantine(connection: Connection, id: UUID, hash: Hash) -> Subject | None:
    if not await connection.fetchval(_IS_QUARANTINED, id):
        return None
    rows = await fetch_rows(connection, _BY_RECORD, id)
    keys = [key for row in rows for key in await _with_retries(connection, row, hash)]
    return Subject(keys=tuple(keys), quarantined=id)


async def _by_record(connection: Connection, id: UUID, hash: Hash) -> Subject | None:
    """Find an entry of the record, by itself or by the receipt that it came with."""
    row = await connection.fetchrow(_ENTRY, id)
    if row is None:
        return None
    if row["kind"] == "receipt":
        return Subject(receipt=id)
    messages = (row["message"],) if row["message"] else ()
    return Subject(records=(id,), messages=messages)


async def _by_millisecond(connection: Connection, id: UUID, hash: Hash) -> Subject | None:
    """Find the decision that made this event or record, or that decided on this receipt."""
    if rows := await _decided_in_millisecond(connection, id):
        return Subject(keys=tuple(row["key"] for row in rows), event=id)
    if id.version != TIME_ORDERED:
        return None
    at = created_at(id)
    around = min_id_at(at - RECEIPT_SPREAD), min_id_at(at + RECEIPT_SPREAD)
    if rows := await fetch_rows(connection, _BY_RECEIPT, id, *around):
        return Subject(keys=tuple(row["key"] for row in rows), receipt=id)
    return None


async def _decided_in_millisecond(connection: Connection, id: UUID) -> list[Row]:
    """Return the decision that made an event, a record or an automatic answer with this id."""
    if id.version != TIME_ORDERED:
        return []
    at = created_at(id)
    return list(
        await fetch_rows(connection, _BY_OUTPUT, id, min_id_at(at), min_id_at(at + MILLISECOND))
    )


async def _by_delivery(connection: Connection, id: UUID, hash: Hash) -> Subject | None:
    """Find an event of an older version, whose decision does not name it."""
    row = await connection.fetchrow(_BY_EVENT, id)
    if row is None:
        return None
    messages = (row["message"],) if row["message"] else ()
    return Subject(messages=messages, event=id, destination=row["destination"])


async def _by_register(connection: Connection, id: UUID, hash: Hash) -> Subject | None:
    return await _by_contact(connection, _BY_REGISTER_ID, id, hash)


async def _by_contact(
    connection: Connection, query: str, id: UUID | int, hash: Hash
) -> Subject | None:
    """Find a contact or task in Open Klant: the message that an employee's contact became, or the
    event that made ours."""
    row = await connection.fetchrow(query, id)
    if row is None:
        return None
    if row["message"]:
        return Subject(messages=(row["message"],))
    event: UUID = row["event"]
    for search in (_by_message, _by_millisecond, _by_delivery):
        if subject := await search(connection, event, hash):
            return subject
    return Subject(event=event, destination=row["destination"])


async def _by_case_id(connection: Connection, id: UUID, hash: Hash) -> Subject | None:
    conversation = await connection.fetchval(_BY_CASE, str(id))
    return Subject(conversation=conversation) if conversation else None


Search = Callable[[Connection, UUID, Hash], Awaitable[Subject | None]]
SEARCHES: Sequence[Search] = (
    _by_message, _by_command, _by_quarantine, _by_millisecond, _by_record, _by_delivery,
    _by_register, _by_case_id,
)  # fmt: skip
"""Searches for a UUID, in this order."""


_BY_KEYS = """
select key, record, is_quarantined from router.inbox where key = any($1::bytea[])
"""
_BY_RECORD = "select key, record, is_quarantined from router.inbox where record = $1"
_BY_WAMID_HASH = "select id from router.outgoing where wamid_hash = any($1::bytea[])"
_IS_MESSAGE = """
select exists (select from router.inbox where message = $1)
    or exists (select from deliverer.ledger where id = $1)
    or exists (select from archiver.entry where message = $1)
"""
_IS_COMMAND = """
select exists (select from gateway.command where id = $1)
    or exists (select from router.outgoing where id = $1)
"""
_IS_QUARANTINED = "select exists (select from router.quarantine where id = $1)"
_ENTRY = "select kind, message from archiver.entry where id = $1"
_BY_OUTPUT = """
select key from router.inbox
where record >= $2 and record < $3 and ($1 = any(events) or $1 = any(records) or send = $1)
limit 1
"""
_BY_RECEIPT = """
select key from router.inbox where record >= $2 and record < $3 and receipt = $1 limit 200
"""

# The index begins with the destination, of which there are few.
_BY_EVENT = """
with recursive known as (
    (select destination from deliverer.delivery order by destination limit 1)
    union all
    select (select d.destination from deliverer.delivery d
        where d.destination > known.destination order by d.destination limit 1)
    from known where known.destination is not null
)
select d.message, d.destination from known join deliverer.delivery d using (destination)
where d.event = $1 limit 1
"""
_CONTACTS = """
select r.message, null::uuid as event, r.destination from deliverer.registration r
where {registration}
union all
select null, k.event, k.destination from deliverer.klantcontact k where {contact}
union all
select null, t.contact, t.destination from deliverer.internetaak t where {task}
limit 1
"""
_BY_REGISTER_ID = _CONTACTS.format(
    registration="r.klantcontact = $1 and r.message is not null",
    contact="k.klantcontact = $1",
    task="t.internetaak = $1",
)
_BY_NUMBER = _CONTACTS.format(registration="false", contact="k.number = $1", task="t.number = $1")

# The zaak as the CRM wrote it: a number, a UUID, or an address that ends in one.
_BY_CASE = """
select id from router.conversation
where zaak <> '' and regexp_replace(zaak, '^.*/', '') = regexp_replace($1, '^.*/', '')
    and (zaak = $1 or right(zaak, length($1) + 1) = '/' || $1)
order by opened_at desc limit 1
"""
