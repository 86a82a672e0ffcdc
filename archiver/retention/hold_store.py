"""Holds in PostgreSQL. Each step is also recorded in the archive, in the same transaction.

The row comes before its record: a destruction takes the same locks in that order.
"""

import os
from collections.abc import AsyncIterator, Sequence
from datetime import date, datetime
from typing import Any

import msgspec
import structlog

from archiver.encryption.decrypt_rows import RECORDS, decrypt_rows
from archiver.encryption.key_store import KeyStore
from archiver.encryption.sealing import SALT_BYTES, seal, unseal
from archiver.index.blind_index import person_hash, searchable_words, word_token
from archiver.index.record_fields import Identity, normalise
from archiver.log.writer import writer_in_transaction
from archiver.retention.hold import Hold, HoldEvent, NewHold, Secret, order_faults, review_faults
from archiver.subject_access.person_finder import find_subject
from archiver.subject_access.requests.fault import OrderFault, OrderRefused
from services import clock
from services.calendar.opening_hours import day_of
from services.contract import Identified, Record
from services.postgres.database import Connection
from services.sealing.wrapping import CannotDecrypt

KIND = "hold"
"""Kind of the records of steps."""
MAX_LISTED = 1_000
"""Most holds in one answer. A municipality has some dozens."""
LIFTED = "lifted"
"""Code of the refusal to change a hold that was lifted."""
log = structlog.get_logger()
_FIELDS = tuple(field for field in Hold.__struct_fields__)


class HoldStore:
    """Reads and writes holds on the connection of one transaction. `identified` is the source of
    the names that it is given."""

    def __init__(
        self, connection: Connection, keys: KeyStore, identified: Identified = "stated"
    ) -> None:
        self._connection, self._keys, self._identified = connection, keys, identified
        self._writer = writer_in_transaction(connection, keys)

    async def place_order(self, order: NewHold, by: str, now: datetime) -> Hold:
        """Place a hold, on a person by all names that are linked to those of the order. Raises
        OrderRefused and TooManyMatches."""
        names = frozenset[Identity]()
        if order.identities:
            match = await find_subject(self._connection, self._keys, order.tenant, order.identities)
            names = match.asked | match.names
        in_order = sorted(names, key=lambda each: (each.kind, each.value))
        return await self.place(order, in_order, by, now)

    async def place(
        self, order: NewHold, identities: Sequence[Identity], by: str, now: datetime
    ) -> Hold:
        """Place a hold, or return the standing one that is the same in everything: a browser sends
        a form twice. `identities` are all that are linked to those of the order. Raises
        OrderRefused."""
        _refuse(list(order_faults(order, day_of(now))))
        secret = Secret(tuple(identities), order.selection.words)
        await self._connection.execute(_ONE_AT_A_TIME)
        hashed = hash_secret(secret, (await self._keys.index_keys(order.tenant)).hashes)
        if same := await self._find_same(order, hashed, by):
            return same
        number = await self._connection.fetchval("select nextval('archiver.hold_number')")
        id = f"BW-{now.year}-{number:04}"
        salt, sealed = await self._seal(order.tenant, id, secret)
        selection = order.selection
        await self._connection.execute(
            _PLACE,
            id,
            order.tenant,
            order.ground,
            order.kind,
            order.conversation,
            hashed.people,
            list(selection.departments),
            hashed.words,
            hashed.words_before,
            selection.since,
            selection.until,
            salt,
            sealed,
            order.review_on,
            by,
            now,
        )
        return await self._stepped(id, "placed", by, order.text, now)

    async def _find_same(self, order: NewHold, hashed: "HashedSecret", by: str) -> Hold | None:
        """Return a standing hold of the same person for the same case, with the same extent."""
        selection = order.selection
        extent = order.conversation, hashed.people, list(selection.departments), hashed.words
        period = selection.since, selection.until
        case = order.tenant, order.ground, by, order.review_on
        rows = await self._connection.fetch(_SAME, *case, *extent, *period)
        for found in map(read_hold, rows):
            if [step.text for _, step in await self.steps(found)][:1] == [order.text]:
                return found
        return None

    async def review(self, found: Hold, day: date, by: str, text: str, now: datetime) -> Hold:
        """Note that somebody looked: the hold is still needed, until another look on a day. Raises
        OrderRefused."""
        _require_standing(found)
        _refuse(list(review_faults(day, day_of(now))))
        await self._connection.execute(_REVIEW, found.id, day)
        return await self._stepped(found.id, "reviewed", by, text, now)

    async def lift(self, found: Hold, by: str, text: str, now: datetime) -> Hold:
        """Lift a hold, of which nothing says any more who it was about. Raises OrderRefused."""
        _require_standing(found)
        await self._connection.execute(_LIFT, found.id, by, now)
        return await self._stepped(found.id, "lifted", by, text, now)

    async def find(self, id: str) -> Hold | None:
        row = await self._connection.fetchrow(f"{HOLDS} where id = $1", id)
        return read_hold(row) if row else None

    async def lock(self, id: str) -> Hold | None:
        """Read a hold, which nobody else changes until the transaction ends."""
        row = await self._connection.fetchrow(f"{HOLDS} where id = $1 for update", id)
        return read_hold(row) if row else None

    async def holds(self, tenant: str, *, only_standing: bool) -> list[Hold]:
        """Return the holds of a municipality, the earliest due for review first; '' for all."""
        rows = await self._connection.fetch(_ALL, tenant, only_standing, MAX_LISTED)
        return [read_hold(row) for row in rows]

    async def covered(self, found: Hold) -> int:
        """Return how many conversations a hold covers now, without those that were destroyed."""
        return int(await self._connection.fetchval(_COUNT, found.id))

    async def covered_conversations(self, found: Hold, most: int) -> list[str]:
        """Return at most so many conversations that a hold covers now, the longest ago begun
        first."""
        rows = await self._connection.fetch(_COVERED_FIRST, found.id, most)
        return [row["conversation"] for row in rows]

    async def steps(self, found: Hold) -> list[tuple[datetime, HoldEvent]]:
        """Return the steps of a hold, oldest first."""
        rows = await self._connection.fetch(_STEPS, found.tenant)
        decoded = [(row["at"], decode_event(row["data"])) for row in decrypt_rows(rows, self._keys)]
        return [(at, step) for at, step in decoded if step.hold == found.id]

    async def secret(self, found: Hold) -> Secret:
        """Return what a hold that stands was made from; nothing for one that was lifted."""
        row = await self._connection.fetchrow(_SECRET, found.id)
        if row is None or row["sealed"] is None:
            return Secret()
        key = await self._key(found.tenant)
        plain = unseal(key, row["salt"], row["sealed"], found.id.encode())
        return msgspec.msgpack.decode(plain, type=Secret)

    async def renew_hashes(self, tenant: str, keys: Sequence[bytes]) -> None:
        """Hash anew what the standing holds of a municipality are about, under these keys."""
        async for found, secret in self._standing(tenant):
            hashed = hash_secret(secret, keys)
            await self._connection.execute(_RENEW, found.id, *msgspec.structs.astuple(hashed))

    async def follow_persons(self, tenant: str) -> None:
        """Add to the standing holds on persons the names by which they are known since: somebody
        wrote with another number, or Meta named them anew. Done before anything is destroyed."""
        keys = (await self._keys.index_keys(tenant)).hashes
        async for found, secret in self._standing(tenant):
            if found.kind != "person":
                continue
            known = frozenset(secret.identities)
            match = await find_subject(self._connection, self._keys, tenant, secret.identities)
            if names := sorted(match.names - known, key=lambda each: (each.kind, each.value)):
                more = Secret((*secret.identities, *names))
                sealed = await self._seal(tenant, found.id, more)
                people = hash_secret(more, keys).people
                await self._connection.execute(_FOLLOW, found.id, people, *sealed)

    async def _standing(self, tenant: str) -> AsyncIterator[tuple[Hold, Secret]]:
        """Yield the standing holds that have a secret. One that does not open keeps its hashes:
        `archive verify` names it."""
        await self._connection.execute(_ONE_AT_A_TIME)
        for row in await self._connection.fetch(_SEALED, tenant):
            found = read_hold(row)
            try:
                yield found, await self.secret(found)
            except CannotDecrypt:
                log.error("hold.shut", hold=found.id)

    async def _stepped(self, id: str, event: str, by: str, text: str, now: datetime) -> Hold:
        """Record a step, and return the hold as it is now."""
        found = await self.lock(id)
        assert found is not None
        step = HoldEvent(
            hold=id,
            event=event,
            by=by,
            identified=self._identified,
            ground=found.ground,
            kind=found.kind,
            conversation=found.conversation,
            departments=found.departments,
            since=found.since,
            until=found.until,
            review_on=found.review_on,
            text=text,
        )
        data = msgspec.json.encode(step)
        record = Record(id=clock.new_id(now), kind=KIND, at=now, data=data, tenant=found.tenant)
        await self._writer.add([record])
        return found

    async def _seal(self, tenant: str, id: str, secret: Secret) -> tuple[bytes, bytes]:
        key, salt = await self._key(tenant), os.urandom(SALT_BYTES)
        return salt, seal(key, salt, msgspec.msgpack.encode(secret), id.encode())

    async def _key(self, tenant: str) -> bytes:
        """Return the key of what a municipality has outside its conversations."""
        place = tenant, ""
        return (await self._keys.ensure_conversation_keys([place]))[place]


class HashedSecret(msgspec.Struct, frozen=True):
    """Hashes of the persons, and tokens of the words. `words_before`: under the key of before,
    while everything is hashed anew."""

    people: list[bytes]
    words: list[int]
    words_before: list[int]


def hash_secret(secret: Secret, keys: Sequence[bytes]) -> HashedSecret:
    """Hash what a hold is about under a municipality's hash keys, the newest first. Pure."""
    names = [(each.kind, normalise(each)) for each in secret.identities]
    people = {person_hash(key, *name) for key in keys for name in names}
    roots = searchable_words(secret.words)
    words = [sorted({word_token(key, word) for word in roots}) for key in keys]
    return HashedSecret(sorted(people), words[0], words[1] if len(words) > 1 else [])


decode_event = msgspec.json.Decoder(HoldEvent).decode


def read_hold(row: Any) -> Hold:
    fields = {name: row[name] for name in _FIELDS}
    return Hold(**fields | {"departments": tuple(row["departments"])})


def _require_standing(found: Hold) -> None:
    if found.lifted_at:
        raise OrderRefused([OrderFault("", f"{found.id} was lifted already")], LIFTED)


def _refuse(faults: list[OrderFault]) -> None:
    if faults:
        raise OrderRefused(faults)


HOLDS = f"select {', '.join(_FIELDS)} from archiver.hold"
_ALL = f"""{HOLDS}
where ($1 = '' or tenant = $1) and (not $2 or lifted_at is null)
order by lifted_at is not null, review_on, id limit $3
"""
_ONE_AT_A_TIME = "select pg_advisory_xact_lock(hashtext('archiver.hold'))"
_SAME = f"""{HOLDS}
where lifted_at is null and (tenant, ground, placed_by, review_on, conversation) =
    ($1, $2, $3, $4, $5) and (hashes, departments, words) = ($6, $7, $8)
    and since is not distinct from $9 and until is not distinct from $10
order by id
"""
_PLACE = """
insert into archiver.hold (id, tenant, ground, kind, conversation, hashes, departments, words,
    words_before, since, until, salt, sealed, review_on, placed_by, placed_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
"""
_REVIEW = "update archiver.hold set review_on = $2 where id = $1"
_LIFT = """
update archiver.hold set lifted_by = $2, lifted_at = $3, hashes = '{}', words = '{}',
    words_before = '{}', salt = null, sealed = null
where id = $1
"""
_SEALED = f"{HOLDS} where tenant = $1 and lifted_at is null and sealed is not null order by id"
_FOLLOW = "update archiver.hold set hashes = $2, salt = $3, sealed = $4 where id = $1"
_RENEW = "update archiver.hold set hashes = $2, words = $3, words_before = $4 where id = $1"
_COVERED_ROWS = """
with h as materialized (select * from archiver.hold where id = $1 and lifted_at is null)
select c.conversation, c.tenant from (
    select h.conversation, h.tenant from h where h.kind = 'conversation'
    union
    select s.conversation, s.tenant from h
    join archiver.subject s on s.tenant = h.tenant and s.hash = any(h.hashes)
    where h.kind = 'person'
    union
    select e.conversation, e.tenant from h join archiver.entry e on e.tenant = h.tenant
        and e.kind in ('message', 'note', 'conversation')
        and (h.departments = '{}' or e.department = any(h.departments))
        and (h.since is null or e.at >= h.since) and (h.until is null or e.at < h.until)
    where h.kind = 'selection' and h.words = '{}'
    union
    select w.conversation, w.tenant from h
    cross join lateral (values (h.words), (h.words_before)) as asked (words)
    join archiver.searchable w on w.words @> asked.words and w.tenant = h.tenant
        and (h.departments = '{}' or w.department = any(h.departments))
        and (h.since is null or w.at >= h.since) and (h.until is null or w.at < h.until)
    where h.kind = 'selection' and asked.words <> '{}'
) c
join archiver.conversation_key k on k.tenant = c.tenant and k.conversation = c.conversation
where c.conversation <> ''
"""
"""The conversations of `archiver.covered_by`, without a list to choose from: each branch goes by
its own index."""
_COUNT = f"select count(*) from ({_COVERED_ROWS}) as covered"
_COVERED_FIRST = f"""
select c.conversation from ({_COVERED_ROWS}) as c
cross join lateral (select min(e.position) as first from archiver.entry e
    where e.tenant = c.tenant and e.conversation = c.conversation) as b
order by b.first, c.conversation limit $2
"""
_STEPS = f"{RECORDS} where e.tenant = $1 and e.kind = 'hold' order by e.id"
_SECRET = "select salt, sealed from archiver.hold where id = $1"
