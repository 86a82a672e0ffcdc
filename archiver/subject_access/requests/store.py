"""Requests in PostgreSQL: a row each, without names or phone numbers. Each step is also recorded in
the archive, in the same transaction."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

import msgspec

from archiver.encryption.decrypt_rows import RECORDS, decrypt_rows
from archiver.encryption.key_store import KeyStore
from archiver.index.record_fields import Identity
from archiver.log.writer import writer_in_transaction
from archiver.subject_access.person_finder import SubjectMatch, hash_names
from archiver.subject_access.requests import deadlines
from archiver.subject_access.requests.legal_grounds import Kind
from archiver.subject_access.requests.request import Request
from services import clock
from services.contract import Identified, Record
from services.postgres.database import Connection

MAX_LISTED = 1_000
"""Most requests in one list."""


class NewRequest(msgspec.Struct, frozen=True, kw_only=True):
    tenant: str
    kind: Kind
    received_on: date
    by: str


class RequestEvent(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Step in the handling of a request: the data of a record of the kind `request`. Only the
    opening names the person (`from_`, as in a message)."""

    request: str
    event: str
    by: str
    identified: Identified | None = None
    """Source of the name in `by`; None in older records."""
    kind: str
    received_on: date
    due_on: date
    ground: str = ""
    decision: str = ""
    text: str = ""
    from_: Any = msgspec.field(name="from", default=None)
    conversations: tuple[str, ...] = ()
    names: tuple[Identity, ...] = ()
    """Conversations and all names of the person as they were found, at the opening. `archive
    verify` holds the row against them."""


class RequestStore:
    """Reads and writes requests on the connection of one transaction.

    `identified` is the source of the names that it is given.
    """

    def __init__(
        self, connection: Connection, keys: KeyStore, identified: Identified = "stated"
    ) -> None:
        self._connection, self._keys, self._identified = connection, keys, identified
        self._writer = writer_in_transaction(connection, keys)

    async def open(self, new_request: NewRequest, match: SubjectMatch, now: datetime) -> Request:
        number = await self._connection.fetchval("select nextval('archiver.request_number')")
        request = Request(
            id=f"AVG-{new_request.received_on.year}-{number:04}",
            tenant=new_request.tenant,
            kind=new_request.kind,
            received_on=new_request.received_on,
            due_on=deadlines.due_date(new_request.received_on),
            hashes=await self._hash(new_request.tenant, match),
            conversations=match.conversations,
        )
        await self._connection.execute(
            _OPEN,
            request.id,
            request.tenant,
            request.kind,
            request.received_on,
            request.due_on,
            list(request.hashes),
            list(request.conversations),
        )
        await self._record_step(
            request,
            now,
            event="opened",
            by=new_request.by,
            from_=_person_fields(match.asked),
            conversations=request.conversations,
            names=tuple(sorted(match.asked | match.names, key=_name_key)),
        )
        return request

    async def find_same(self, new_request: NewRequest, match: SubjectMatch) -> Request | None:
        """Return an undecided request of the same person, kind and day. Until the transaction ends
        nobody else opens one."""
        hashes = await self._hash(new_request.tenant, match)
        key = new_request.tenant, new_request.kind, new_request.received_on, hashes
        row = await self._connection.fetchrow(_SAME, *key)
        return read_request(row) if row else None

    async def lock_request(self, id: str) -> Request | None:
        """Read a request and lock it until the transaction ends, so that none is decided twice."""
        row = await self._connection.fetchrow(f"{SELECT} where id = $1 for update", id)
        return read_request(row) if row else None

    async def list_requests(self, tenant: str, *, open: bool, before: date | None) -> list[Request]:
        """Return the requests of a municipality; '' for all."""
        rows = await self._connection.fetch(_LIST, open, before, MAX_LISTED, tenant)
        return [read_request(row) for row in rows]

    async def renew_hashes(self, tenant: str, key: bytes) -> None:
        """Hash anew whom the requests of a municipality are about, under a new key. If their
        opening was destroyed, they are known by their conversations alone."""
        await self._connection.execute(_LOCK)
        for row in await self._connection.fetch(_HASHED, tenant):
            request = read_request(row)
            opened = [step for _, step in await self.steps(request) if step.event == "opened"]
            hashes = hash_names(key, opened[0].names) if opened else ()
            await self._connection.execute(_RENEW, request.id, hashes)

    async def extend(
        self, request: Request, until: date, ground: str, by: str, now: datetime
    ) -> Request:
        changed = msgspec.structs.replace(request, due_on=until, extension=ground)
        await self._connection.execute(_EXTEND, request.id, until, ground)
        await self._record_step(changed, now, event="extended", by=by, ground=ground)
        return changed

    async def decide(
        self, request: Request, decision: str, ground: str, by: str, text: str, now: datetime
    ) -> Request:
        changed = msgspec.structs.replace(request, decision=decision, ground=ground, decided_at=now)
        await self._connection.execute(_DECIDE, request.id, decision, ground, now)
        fields = {"decision": decision, "ground": ground, "text": text}
        await self._record_step(changed, now, event="decided", by=by, **fields)
        return changed

    async def steps(self, request: Request) -> list[tuple[datetime, RequestEvent]]:
        """Return the steps that can still be decrypted, oldest first."""
        places = ["", *request.conversations]
        rows = await self._connection.fetch(_STEPS, request.tenant, places)
        decoded = [(row["at"], decode_event(row["data"])) for row in decrypt_rows(rows, self._keys)]
        return [(at, step) for at, step in decoded if step.request == request.id]

    async def _hash(self, tenant: str, match: SubjectMatch) -> tuple[bytes, ...]:
        """Return the hashes of all names of a person, under the key that is the newest until the
        transaction ends."""
        await self._connection.execute(_LOCK)
        key = (await self._keys.index_keys(tenant)).newest
        return hash_names(key, match.asked | match.names)

    async def _record_step(self, request: Request, now: datetime, **fields: Any) -> None:
        """Record a step in the person's newest conversation; outside any if there is none."""
        event = RequestEvent(
            request=request.id,
            kind=request.kind,
            received_on=request.received_on,
            due_on=request.due_on,
            identified=self._identified,
            **fields,
        )
        record = Record(
            id=clock.new_id(now),
            kind="request",
            at=now,
            data=msgspec.json.encode(event),
            tenant=request.tenant,
            conversation=request.conversations[-1] if request.conversations else "",
        )
        await self._writer.add([record])


def _person_fields(names: Iterable[Identity]) -> dict[str, Any]:
    return {"identities": sorted(names, key=_name_key)}


def _name_key(name: Identity) -> tuple[str, str]:
    return name.kind, name.value


decode_event = msgspec.json.Decoder(RequestEvent).decode


def read_request(row: Any) -> Request:
    lists = {name: tuple(row[name]) for name in ("hashes", "conversations")}
    return Request(**dict(row) | lists)


SELECT = """
select id, tenant, kind, received_on, due_on, extension, decision, ground, decided_at, hashes,
    conversations
from archiver.request
"""
_LIST = f"""{SELECT}
where (not $1 or decision is null) and ($2::date is null or (decision is null and due_on < $2))
    and ($4 = '' or tenant = $4)
order by decision is not null, due_on, id limit $3
"""
_HASHED = f"{SELECT} where tenant = $1 and hashes <> '{{}}' order by id"
_RENEW = "select archiver.renew_request($1, $2)"
_LOCK = "select pg_advisory_xact_lock(hashtext('archiver.request'))"
_SAME = f"""{SELECT}
where tenant = $1 and kind = $2 and received_on = $3 and hashes = $4::bytea[]
    and decision is null
order by id limit 1
"""
_OPEN = """
insert into archiver.request (id, tenant, kind, received_on, due_on, hashes, conversations)
values ($1, $2, $3, $4, $5, $6, $7)
"""
_EXTEND = "update archiver.request set due_on = $2, extension = $3 where id = $1"
_DECIDE = """
update archiver.request set decision = $2, ground = $3, decided_at = $4 where id = $1
"""
_STEPS = f"""{RECORDS}
where e.tenant = $1 and e.conversation = any($2::text[]) and e.kind = 'request' order by e.id
"""
