"""Search the record, and decrypt the hits that the caller may read."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec

from archiver.api.queries import RecordReader
from archiver.encryption.key_store import IndexKeys, KeyStore
from archiver.index.blind_index import person_hash
from archiver.index.record_fields import normalise
from archiver.log.past_destruction import PastDestruction
from archiver.search import log_position, sql
from archiver.search.request import BOUNDED_COUNT, CitizenFilter, Cursor, SearchRequest
from archiver.search.sql import Query, SearchScope
from services import clock
from services.http.rights import Rights
from services.ids import min_id_at
from services.postgres.database import Connection, Pool

CONCURRENT_SEARCHES = 4
"""Searches at a time, each with a connection of the pool; the writer has one and files have six."""
MAX_CONVERSATIONS = 5000
"""Maximum number of conversations of one person and messages outside conversations. A person with
more is a machine."""
CLOCK_SKEW = timedelta(days=1)
"""Clock skew allowed between writers when bounding a search by id: an id is never later than the
time of writing plus this."""
CANCELLED = "57014"
"""SQLSTATE of a statement that exceeded its time limit."""


class SearchTooBroad(Exception):
    """The search takes too long or has too many matches. The message says what to ask instead;
    trying again does not help."""


class CursorFromOtherSearch(Exception):
    """An `asOf`, also within an `after`, that was not made for this municipality. The caller must
    start a new search. `member` is the faulty member of the request."""

    SENTENCE = "is of no answer of ours"

    def __init__(self, member: str) -> None:
        super().__init__(member)
        self.member = member


class TimeLimits(msgspec.Struct, frozen=True):
    """Time limits of PostgreSQL in seconds: to find a page, and for an exact count."""

    find: float = 3.0
    count: float = 10.0


class Hits(msgspec.Struct, frozen=True, kw_only=True):
    """Page that is not decrypted yet. `exact` is false if there are more hits than `total`."""

    ids: list[UUID]
    next: str | None
    total: int
    exact: bool
    as_of: str


class SearchPage(msgspec.Struct, frozen=True, kw_only=True):
    """Page of decrypted entries, in order. `gone` is the number of hits whose content was
    destroyed; `destroyed` has the conversations of these."""

    rows: list[dict[str, Any]]
    gone: int
    destroyed: dict[str, PastDestruction]
    hits: Hits


class Search:
    """Search that limits the number of concurrent searches."""

    def __init__(self, pool: Pool, keys: KeyStore, store: RecordReader) -> None:
        self._pool, self._keys, self._store = pool, keys, store
        self._turns = asyncio.Semaphore(CONCURRENT_SEARCHES)

    async def find(self, request: SearchRequest, rights: Rights) -> SearchPage:
        """Find a page. Raises SearchTooBroad, CursorFromOtherSearch, or TimeoutError while too many
        searches are running."""
        async with asyncio.timeout(TimeLimits().find):
            await self._turns.acquire()
        try:
            keys = await self._keys.index_keys(rights.tenant)
            async with self._pool.acquire() as connection, connection.transaction():
                transaction = SearchTransaction(connection, keys, TimeLimits())
                hits = await transaction.find_hits(request, rights)
        finally:
            self._turns.release()
        return await open_hits(hits, self._store, rights)


class SearchTransaction:
    """Search in one transaction, whose statements have a time limit."""

    def __init__(self, connection: Connection, keys: IndexKeys, limits: TimeLimits) -> None:
        """Use the index keys of the municipality."""
        self._connection, self._keys, self._limits = connection, keys, limits

    async def find_hits(self, request: SearchRequest, rights: Rights) -> Hits:
        """Find the hits of a page. Raises SearchTooBroad and CursorFromOtherSearch."""
        await self._limit_statement(self._limits.find)
        scope = await self._build_scope(request, rights.tenant)
        rows = await self._fetch(sql.hits_query(request, rights, scope, clock.now()), _NARROWER)
        page = [row["id"] for row in rows[: request.limit]]
        total, exact = await self._count(request, rights, scope)
        as_of = log_position.encode_position(self._keys.proof, scope.as_of)
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
        scope = SearchScope(as_of=log["size"], keys=self._keys.hashes, oldest=log["oldest"])
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
        position = log_position.decode_position(self._keys.proof, as_of)
        if position is None:
            raise CursorFromOtherSearch("after" if request.cursor else "asOf")
        return position

    async def _limit_to_person(
        self, person: CitizenFilter, tenant: str, scope: SearchScope
    ) -> SearchScope:
        """Limit the scope to the conversations of a person, and to their entries outside
        conversations."""
        name = normalise(person.identity)
        hashes = [person_hash(key, person.kind, name) for key in self._keys.hashes]
        query = Query(_SUBJECT, [tenant, hashes, MAX_CONVERSATIONS + 1])
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
    """Decrypt the hits whose content was not destroyed."""
    existing = {row["id"]: row for row in await store.load_entries(hits.ids, rights)}
    rows = [existing[id] for id in hits.ids if id in existing]
    gone = [id for id in hits.ids if id not in existing]
    destroyed = await store.find_destroyed_entries(gone, rights)
    return SearchPage(rows=rows, gone=len(gone), destroyed=destroyed, hits=hits)


_NARROWER = "it takes too long to find: ask for a shorter time, or for more words"
_FEWER = "it takes too long to count: ask for a shorter time, or count bounded"

_BOUND = """
select set_config('statement_timeout', $1, true), set_config('plan_cache_mode', 'force_custom_plan',
    true)
"""
"""A custom plan takes into account which of these words are rare."""

_LOG = """
select size, (select id from archiver.searchable order by id limit 1) as oldest from archiver.head
"""
"""Entries below this size are all written, since a writer holds the lock on that row."""

_WRITTEN = "select written_at from archiver.entry where position = $1"

_SUBJECT = """
select conversation, entry from archiver.subject
where tenant = $1 and hash = any($2::bytea[]) limit $3
"""
