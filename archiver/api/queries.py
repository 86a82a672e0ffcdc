"""Queries of the archiver's API: decrypted records, limited to the rights of the caller."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, NamedTuple
from uuid import UUID

from archiver.api.presenter import is_answer
from archiver.encryption.decrypt_rows import JOIN_KEYS, RECORDS, SELECT_COLUMNS, decrypt_rows
from archiver.encryption.key_store import KeyStore
from archiver.log.past_destruction import PastDestruction, load_destruction
from services.http.rights import Rights
from services.postgres.database import ANSWER_SECONDS, Pool
from services.tasks import with_timeout

Row = dict[str, Any]
NO_TERM: Row = {"state": None, "code": None, "kept_until": None}
ANSWERS = 20
"""Outgoing messages that are opened at once in search of an answer of a person. Mostly the first is
one; after opening hours some automatic texts are before it."""
NO_LIMIT = UUID(int=2**128 - 1)
"""Above all ids."""
NOTES = 200
"""Notes of a conversation in one answer. The record keeps the others, but few readers need more."""


Order = Literal["oldest", "newest"]


class PageRequest(NamedTuple):
    """Page of messages that a caller asks for."""

    order: Order
    after: int
    """Sequence number of the last message before the page, in this order."""
    limit: int


class MessagePage(NamedTuple):
    """Messages in their order, and `after` of the next page; None on the last page. Destroyed
    messages have a place on a page, so it may show fewer than were asked for."""

    rows: list[Row]
    next: int | None


class RecordReader:
    """Reads entries for callers. What the database gives is held against the rights once more: its
    columns open an entry, and its comparisons may have been replaced by somebody who may do
    everything there."""

    def __init__(self, pool: Pool, keys: KeyStore) -> None:
        self._pool, self._keys = pool, keys

    async def load_conversation(self, id: str, rights: Rights) -> list[dict[str, Any]]:
        """Return the events of a conversation. `left` is true for an event if a later one belongs
        to a department that these rights do not cover."""
        rows = await self._fetch(_CONVERSATION, id, *_scope(rights))
        return [row for row in _shown(rows, rights) if row["conversation"] == id]

    async def load_notes(self, conversation: str, rights: Rights) -> list[dict[str, Any]]:
        """Return the newest notes of a conversation, oldest first."""
        newest = await self._fetch(_NOTES, conversation, *_scope(rights), NOTES)
        notes = [row for row in _shown(newest, rights) if row["conversation"] == conversation]
        return notes[::-1]

    async def load_last_answer(self, conversation: str, rights: Rights) -> Row | None:
        """Return the newest answer in a conversation that is no automatic text."""
        before = NO_LIMIT
        while True:
            arguments = conversation, *_scope(rights), before, ANSWERS
            fetched = self._pool.fetch(_ANSWERS, *arguments)
            found = await with_timeout(ANSWER_SECONDS, fetched)
            rows = _shown(decrypt_rows(found, self._keys), rights)
            own = (row for row in rows if row["conversation"] == conversation)
            answers = [row for row in own if is_answer(row)]
            if answers or len(found) < ANSWERS:
                return max(answers, key=lambda row: row["sequence"], default=None)
            before = found[-1]["id"]

    async def load_term(self, conversation: str, rights: Rights) -> Row:
        """Return how long a conversation is kept; nothing is known of one that is not in the
        dossiers yet."""
        found = self._pool.fetchrow(_TERM, rights.tenant, conversation)
        row = await with_timeout(ANSWER_SECONDS, found)
        return dict(row) if row else NO_TERM

    async def load_holds(self, conversation: str, tenant: str) -> list[dict[str, Any]]:
        """Return id and ground of each hold that covers a conversation."""
        query = self._pool.fetch(_HOLDS, tenant, conversation)
        return [dict(row) for row in await with_timeout(ANSWER_SECONDS, query)]

    async def load_messages(
        self, conversation: str, rights: Rights, page: PageRequest
    ) -> MessagePage:
        """Return a page of the messages of a conversation."""
        order, after, limit = page
        arguments = conversation, *_scope(rights), after, limit + 1
        found = await with_timeout(ANSWER_SECONDS, self._pool.fetch(_MESSAGES[order], *arguments))
        rows = _shown(decrypt_rows(found[:limit], self._keys), rights)
        own = [row for row in rows if row["conversation"] == conversation]
        return MessagePage(own, found[limit - 1]["sequence"] if len(found) > limit else None)

    async def load_message(self, id: UUID, rights: Rights) -> list[dict[str, Any]]:
        rows = await self._fetch(_MESSAGE, id, *_scope(rights))
        return [row for row in _shown(rows, rights) if row["message"] == id]

    async def load_entries(self, ids: Sequence[UUID], rights: Rights) -> list[dict[str, Any]]:
        """Return these entries, in no particular order."""
        rows = await self._fetch(_ENTRIES, list(ids), *_scope(rights))
        return [row for row in _shown(rows, rights) if row["id"] in ids]

    async def find_destroyed(self, id: str, rights: Rights) -> PastDestruction | None:
        """Return the destruction of a conversation of which these rights cover a part; None if it
        was not destroyed, or they cover nothing of it."""
        found = await with_timeout(ANSWER_SECONDS, self._pool.fetch(_PART, id, *_scope(rights)))
        if not any(row["conversation"] == id for row in _shown(map(dict, found), rights)):
            return None
        destroyed = load_destruction(self._pool, self._keys, (rights.tenant, id))
        return await with_timeout(ANSWER_SECONDS, destroyed)

    async def find_destroyed_message(self, id: UUID, rights: Rights) -> PastDestruction | None:
        """Return the destruction of a message that these rights cover; None if there is none."""
        found = await with_timeout(ANSWER_SECONDS, self._pool.fetch(_MESSAGE, id, *_scope(rights)))
        for row in _shown(map(dict, found), rights):
            if row["message"] == id:
                place = rights.tenant, row["conversation"]
                destroyed = load_destruction(self._pool, self._keys, place, row)
                return await with_timeout(ANSWER_SECONDS, destroyed)
        return None

    async def find_destroyed_entries(
        self, ids: Sequence[UUID], rights: Rights
    ) -> dict[str, PastDestruction]:
        """Return the destructions of these entries that the rights cover, by conversation."""
        if not ids:
            return {}
        found = self._pool.fetch(_ENTRIES, list(ids), *_scope(rights))
        rows = _shown(map(dict, await with_timeout(ANSWER_SECONDS, found)), rights)
        first = {row["conversation"]: row for row in rows if row["id"] in ids}
        destroyed = {}
        for conversation, row in first.items():
            place = rights.tenant, conversation
            past = load_destruction(self._pool, self._keys, place, row)
            destroyed[conversation] = await with_timeout(ANSWER_SECONDS, past)
        return {conversation: past for conversation, past in destroyed.items() if past}

    async def load_outcomes(self, messages: Sequence[UUID], rights: Rights) -> list[dict[str, Any]]:
        """Return statuses, deliveries, files and annotations of these messages, oldest first. The
        rights are those of the messages, so pass only messages that the caller may see."""
        rows = await self._fetch(_ABOUT, list(messages), rights.tenant)
        about, tenant = set(messages), rights.tenant
        return [row for row in rows if row["message"] in about and row["tenant"] == tenant]

    async def _fetch(self, query: str, *arguments: Any) -> list[dict[str, Any]]:
        rows = await with_timeout(ANSWER_SECONDS, self._pool.fetch(query, *arguments))
        return list(decrypt_rows(rows, self._keys))


def _shown(rows: Iterable[Row], rights: Rights) -> Iterator[Row]:
    for row in rows:
        if row["tenant"] == rights.tenant and rights.handles(row["department"]):
            yield row


def _scope(rights: Rights) -> tuple[str, list[str] | None]:
    """Return the municipality and the departments; None for all departments."""
    departments = rights.departments
    return rights.tenant, None if departments is None else sorted(departments)


_SHOWN = "e.tenant = $2 and ($3::text[] is null or e.department = any($3))"
"""Rights hold per part of a conversation: a department's part stays with that department, also
after the conversation has moved."""

_CONVERSATION = f"""
{SELECT_COLUMNS}, e.left_behind as left from (
    select *, coalesce(bool_or(department <> all($3)) over (
        order by sequence desc, id desc rows between unbounded preceding and 1 preceding
    ), false) as left_behind
    from archiver.entry where conversation = $1 and kind = 'conversation'
) as e {JOIN_KEYS} where {_SHOWN}
order by e.sequence, e.id
"""
"""One pass over the events, because a conversation may have moved a thousand times."""

_HOLDS = """
select h.id, h.ground from archiver.hold h
where h.tenant = $1 and h.lifted_at is null and (
    h.kind = 'conversation' and h.conversation = $2
    or h.kind = 'person' and exists (select from archiver.subject s
        where s.conversation = $2 and s.conversation <> ''
            and s.tenant = h.tenant and s.hash = any(h.hashes))
    or h.kind = 'selection' and h.words = '{}' and exists (select from archiver.entry e
        where e.conversation = $2 and e.conversation <> ''
            and e.tenant = h.tenant and e.kind in ('message', 'note', 'conversation')
            and (h.departments = '{}' or e.department = any(h.departments))
            and (h.since is null or e.at >= h.since) and (h.until is null or e.at < h.until))
    or h.kind = 'selection' and h.words <> '{}' and exists (select from archiver.searchable w
        where w.conversation = $2 and w.conversation <> ''
            and w.tenant = h.tenant
            and (w.words @> h.words or h.words_before <> '{}' and w.words @> h.words_before)
            and (h.departments = '{}' or w.department = any(h.departments))
            and (h.since is null or w.at >= h.since) and (h.until is null or w.at < h.until)))
order by h.id
"""
"""The holds of `archiver.covered_by` for one conversation, by one plan: a reader does not wait for
one of each."""

_NOTES = f"""{RECORDS}
where e.conversation = $1 and e.kind = 'note' and {_SHOWN}
order by e.sequence desc, e.id desc limit $4
"""

_ANSWERS = f"""{SELECT_COLUMNS} from (
    select id from archiver.searchable e
    where e.conversation = $1 and e.direction = 'out' and e.type <> 'reaction' and {_SHOWN}
        and e.id < $4
    order by e.id desc limit $5
) newest join archiver.entry e using (id) {JOIN_KEYS}
order by e.id desc
"""
"""By `searchable_answer`. The ids are in the order in which the router decided."""

_TERM = """
select state, nullif(valued_code, '') as code, kept_until from archiver.dossier
where tenant = $1 and conversation = $2
"""

_OF_CONVERSATION = f"{RECORDS} where e.conversation = $1 and e.kind = 'message' and {_SHOWN}"

_MESSAGES: dict[Order, str] = {
    "oldest": f"{_OF_CONVERSATION} and e.sequence > $4 order by e.sequence, e.id limit $5",
    "newest": f"""{_OF_CONVERSATION} and e.sequence < $4
order by e.sequence desc, e.id desc limit $5""",
}

_MESSAGE = f"{RECORDS} where e.message = $1 and e.kind = 'message' and {_SHOWN}"

_PART = f"""
select e.tenant, e.conversation, e.department from archiver.entry e
where e.conversation = $1 and e.kind in ('conversation', 'message') and {_SHOWN} limit 1
"""
"""Columns that a destruction leaves."""

_ENTRIES = f"{RECORDS} where e.id = any($1::uuid[]) and {_SHOWN}"

_ABOUT = f"""{RECORDS}
where e.message = any($1::uuid[]) and e.tenant = $2
    and e.kind in ('send', 'status', 'delivery', 'media', 'annotation')
order by e.id
"""
