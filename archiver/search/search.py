"""Looking through the record, and opening what is found, for whoever may read it."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec

from archiver.api.queries import RecordReader
from archiver.encryption.key_store import KeyStore
from archiver.index.record_fields import normalise
from archiver.log.writer import person_hash
from archiver.search import log_position, sql
from archiver.search.request import BOUNDED_COUNT, CitizenFilter, Cursor, SearchRequest
from archiver.search.sql import Query, SearchScope
from services import clock
from services.http.rights import Rights
from services.ids import min_id_at
from services.postgres.database import Connection, Pool

AT_ONCE = 4
"""Of the pool's connections: the record is written over one, files have six."""
SUBJECTS = 5000
"""Conversations of one person, and messages in none; who has more is a machine."""
AHEAD = timedelta(days=1)
"""That a clock of ours may be ahead: an id is not of a later time than when it was written, and so
much."""
CANCELLED = "57014"
"""PostgreSQL's word for a statement that took longer than it may."""


class SearchTooBroad(Exception):
    """It takes too long, or there is too much: not to be tried again as it is. Says what to ask
    instead."""


class CursorFromOtherSearch(Exception):
    """An `asOf`, or the one in an `after`, that this municipality was not told: whoever asks is to
    ask anew. `member` of the question."""

    SENTENCE = "is of no answer of ours"

    def __init__(self, member: str) -> None:
        super().__init__(member)
        self.member = member


class TimeLimits(msgspec.Struct, frozen=True):
    """Seconds that PostgreSQL may take: to find a page, to count as far as is asked."""

    find: float = 3.0
    count: float = 10.0


class Hits(msgspec.Struct, frozen=True, kw_only=True):
    """A page, not opened yet. `exact`: there are not more than `total`."""

    ids: list[UUID]
    next: str | None
    total: int
    exact: bool
    as_of: str


class SearchPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page: entries, opened, in order; of `gone` more the content was destroyed."""

    rows: list[dict[str, Any]]
    gone: int
    hits: Hits


class Search:
    """One that is asked by many: only so many look at a time."""

    def __init__(self, pool: Pool, keys: KeyStore, store: RecordReader) -> None:
        self._pool, self._keys, self._store = pool, keys, store
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def find(self, asked: SearchRequest, rights: Rights) -> SearchPage:
        """TooBroad, Elsewhere; TimeoutError while too many others are at it."""
        async with asyncio.timeout(TimeLimits().find):
            await self._turns.acquire()
        try:
            key = await self._keys.hash_key(rights.tenant)
            async with self._pool.acquire() as connection, connection.transaction():
                looking = SearchTransaction(connection, key, TimeLimits())
                hits = await looking.find_hits(asked, rights)
        finally:
            self._turns.release()
        return await open_hits(hits, self._store, rights)


class SearchTransaction:
    """In one transaction, whose statements end in time from then on."""

    def __init__(self, connection: Connection, key: bytes, bounds: TimeLimits) -> None:
        """`key`: by which words and people of the municipality are found."""
        self._connection, self._key, self._bounds = connection, key, bounds

    async def find_hits(self, asked: SearchRequest, rights: Rights) -> Hits:
        """TooBroad, Elsewhere."""
        await self._within(self._bounds.find)
        where = await self._where(asked, rights.tenant)
        found = await self._fetch(sql.hits_query(asked, rights, where, clock.now()), _NARROWER)
        page = [row["id"] for row in found[: asked.limit]]
        total, exact = await self._total(asked, rights, where)
        told = log_position.encode_position(self._key, where.as_of)
        next = str(Cursor(told, page[-1])) if len(found) > asked.limit else None
        return Hits(ids=page, next=next, total=total, exact=exact, as_of=told)

    async def _total(
        self, asked: SearchRequest, rights: Rights, where: SearchScope
    ) -> tuple[int, bool]:
        if asked.count == "exact":
            await self._within(self._bounds.count)
        [row] = await self._fetch(sql.count_query(asked, rights, where), _FEWER)
        if asked.count == "exact":
            return row["count"], True
        return min(row["count"], BOUNDED_COUNT), row["count"] <= BOUNDED_COUNT

    async def _within(self, seconds: float) -> None:
        await self._connection.execute(_BOUND, str(int(seconds * 1000)))

    async def _where(self, asked: SearchRequest, tenant: str) -> SearchScope:
        [log] = await self._fetch(Query(_LOG, []), _NARROWER)
        place = self._place(asked)
        where = SearchScope(as_of=log["size"], key=self._key, oldest=log["oldest"])
        if place is not None and place < log["size"]:
            [then] = await self._fetch(Query(_WRITTEN, [place]), _NARROWER)
            latest = min_id_at(then["written_at"] + AHEAD)
            where = msgspec.structs.replace(where, as_of=place, latest=latest)
        return await self._about(asked.person, tenant, where) if asked.person else where

    def _place(self, asked: SearchRequest) -> int | None:
        given = asked.cursor.as_of if asked.cursor else asked.as_of
        if given is None:
            return None
        place = log_position.decode_position(self._key, given)
        if place is None:
            raise CursorFromOtherSearch("after" if asked.cursor else "asOf")
        return place

    async def _about(self, person: CitizenFilter, tenant: str, where: SearchScope) -> SearchScope:
        """Where a person's messages stand."""
        hashed = person_hash(self._key, person.kind, normalise(person.identity))
        named = Query(_SUBJECT, [tenant, hashed, SUBJECTS + 1])
        rows = await self._fetch(named, _NARROWER)
        if len(rows) > SUBJECTS:
            raise SearchTooBroad(f"this person is in over {SUBJECTS} conversations")
        within = sorted({row["conversation"] for row in rows} - {""})
        alone = [row["entry"] for row in rows if row["conversation"] == ""]
        return msgspec.structs.replace(where, conversations=within, entries=alone)

    async def _fetch(self, asked: Query, otherwise: str) -> list[Any]:
        try:
            return list(await self._connection.fetch(asked.sql, *asked.arguments))
        except Exception as error:
            if getattr(error, "sqlstate", None) == CANCELLED:
                raise SearchTooBroad(otherwise) from None
            raise


async def open_hits(hits: Hits, store: RecordReader, rights: Rights) -> SearchPage:
    """With what is in them, of those of which it was not destroyed."""
    there = {row["id"]: row for row in await store.entries(hits.ids, rights)}
    rows = [there[id] for id in hits.ids if id in there]
    return SearchPage(rows=rows, gone=len(hits.ids) - len(rows), hits=hits)


_NARROWER = "it takes too long to find: ask for a shorter time, or for more words"
_FEWER = "it takes too long to count: ask for a shorter time, or count bounded"

_BOUND = """
select set_config('statement_timeout', $1, true), set_config('plan_cache_mode', 'force_custom_plan',
    true)
"""
"""A plan is made for these words: of which there are few is known."""

_LOG = """
select size, (select id from archiver.searchable order by id limit 1) as oldest from archiver.head
"""
"""Nothing below its size is still to come: whoever writes holds that row."""

_WRITTEN = "select written_at from archiver.entry where position = $1"

_SUBJECT = """
select conversation, entry from archiver.subject where tenant = $1 and hash = $2 limit $3
"""
