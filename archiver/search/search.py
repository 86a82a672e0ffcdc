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

CONCURRENT_SEARCHES = 4
"""Of the pool's connections: the record is written over one, files have six."""
MAX_CONVERSATIONS = 5000
"""Conversations of one person, and messages in none; who has more is a machine."""
CLOCK_SKEW = timedelta(days=1)
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
        self._turns = asyncio.Semaphore(CONCURRENT_SEARCHES)

    async def find(self, request: SearchRequest, rights: Rights) -> SearchPage:
        """TooBroad, Elsewhere; TimeoutError while too many others are at it."""
        async with asyncio.timeout(TimeLimits().find):
            await self._turns.acquire()
        try:
            key = await self._keys.hash_key(rights.tenant)
            async with self._pool.acquire() as connection, connection.transaction():
                transaction = SearchTransaction(connection, key, TimeLimits())
                hits = await transaction.find_hits(request, rights)
        finally:
            self._turns.release()
        return await open_hits(hits, self._store, rights)


class SearchTransaction:
    """In one transaction, whose statements end in time from then on."""

    def __init__(self, connection: Connection, key: bytes, limits: TimeLimits) -> None:
        """`key`: by which words and people of the municipality are found."""
        self._connection, self._key, self._limits = connection, key, limits

    async def find_hits(self, request: SearchRequest, rights: Rights) -> Hits:
        """TooBroad, Elsewhere."""
        await self._limit_statement(self._limits.find)
        scope = await self._build_scope(request, rights.tenant)
        rows = await self._fetch(sql.hits_query(request, rights, scope, clock.now()), _NARROWER)
        page = [row["id"] for row in rows[: request.limit]]
        total, exact = await self._count(request, rights, scope)
        as_of = log_position.encode_position(self._key, scope.as_of)
        next = str(Cursor(as_of, page[-1])) if len(rows) > request.limit else None
        return Hits(ids=page, next=next, total=total, exact=exact, as_of=as_of)

    async def _count(
        self, request: SearchRequest, rights: Rights, scope: SearchScope
    ) -> tuple[int, bool]:
        if request.count == "exact":
            await self._limit_statement(self._limits.count)
        [row] = await self._fetch(sql.count_query(request, rights, scope), _FEWER)
        if request.count == "exact":
            return row["count"], True
        return min(row["count"], BOUNDED_COUNT), row["count"] <= BOUNDED_COUNT

    async def _limit_statement(self, seconds: float) -> None:
        await self._connection.execute(_BOUND, str(int(seconds * 1000)))

    async def _build_scope(self, request: SearchRequest, tenant: str) -> SearchScope:
        [log] = await self._fetch(Query(_LOG, []), _NARROWER)
        position = self._position(request)
        scope = SearchScope(as_of=log["size"], key=self._key, oldest=log["oldest"])
        if position is not None and position < log["size"]:
            [entry] = await self._fetch(Query(_WRITTEN, [position]), _NARROWER)
            latest = min_id_at(entry["written_at"] + CLOCK_SKEW)
            scope = msgspec.structs.replace(scope, as_of=position, latest=latest)
        return (
            await self._limit_to_person(request.person, tenant, scope) if request.person else scope
        )

    def _position(self, request: SearchRequest) -> int | None:
        as_of = request.cursor.as_of if request.cursor else request.as_of
        if as_of is None:
            return None
        position = log_position.decode_position(self._key, as_of)
        if position is None:
            raise CursorFromOtherSearch("after" if request.cursor else "asOf")
        return position

    async def _limit_to_person(
        self, person: CitizenFilter, tenant: str, scope: SearchScope
    ) -> SearchScope:
        """Where a person's messages stand."""
        hashed = person_hash(self._key, person.kind, normalise(person.identity))
        query = Query(_SUBJECT, [tenant, hashed, MAX_CONVERSATIONS + 1])
        rows = await self._fetch(query, _NARROWER)
        if len(rows) > MAX_CONVERSATIONS:
            raise SearchTooBroad(f"this person is in over {MAX_CONVERSATIONS} conversations")
        conversations = sorted({row["conversation"] for row in rows} - {""})
        entries = [row["entry"] for row in rows if row["conversation"] == ""]
        return msgspec.structs.replace(scope, conversations=conversations, entries=entries)

    async def _fetch(self, query: Query, advice: str) -> list[Any]:
        try:
            return list(await self._connection.fetch(query.sql, *query.arguments))
        except Exception as error:
            if getattr(error, "sqlstate", None) == CANCELLED:
                raise SearchTooBroad(advice) from None
            raise


async def open_hits(hits: Hits, store: RecordReader, rights: Rights) -> SearchPage:
    """With what is in them, of those of which it was not destroyed."""
    existing = {row["id"]: row for row in await store.entries(hits.ids, rights)}
    rows = [existing[id] for id in hits.ids if id in existing]
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
