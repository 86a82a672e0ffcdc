"""What is asked, as SQL. Pure.

Month by month, the nearest first, each with the index that finds the least: PostgreSQL stops as
soon as there is a page. In order of ids, which are in order of time; as bytes, since there is no
index on those: going through a month in order, in the hope that something fits soon, takes
seconds where nothing does.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import msgspec

from archiver.index.blind_index import department_token, searchable_words, word_token
from archiver.search.request import BOUNDED_COUNT, SearchRequest
from services.http.rights import Rights
from services.ids import created_at, min_id_at

MAX_MONTHS = 120
"""Looked through one by one; what is older, in one go."""
FIRST, LAST = UUID(int=0), UUID(int=2**128 - 1)
SOMEWHERE = "s.conversation <> ''"
"""The index holds these alone, and is used only where that is said."""


class SearchScope(msgspec.Struct, frozen=True, kw_only=True):
    """What a question means here: in which record, with which key; of a person the conversations,
    and what they wrote in none."""

    as_of: int
    key: bytes
    conversations: Sequence[str] | None = None
    entries: Sequence[UUID] = ()
    oldest: UUID | None = None
    """The first thing there is to find."""
    latest: UUID = LAST
    """An id that nothing has reached that was in the record then."""


class Query(msgspec.Struct, frozen=True):
    sql: str
    arguments: list[Any]


class _Arguments(list[Any]):
    """Values as they are named in SQL."""

    def __call__(self, value: Any) -> str:
        self.append(value)
        return f"${len(self)}"


def hits_query(asked: SearchRequest, rights: Rights, where: SearchScope, now: datetime) -> Query:
    """Ids of a page and of one more, in order."""
    given = _Arguments()
    holds = _conditions(asked, rights, where, given)
    limit = given(asked.limit + 1)
    way = "desc" if asked.order == "newest" else "asc"
    found = [
        f"(select s.id from archiver.searchable s where {holds}{_between(first, end, given)}"
        f" order by uuid_send(s.id) {way} limit {limit})"
        for first, end in month_ranges(asked, where, now)
    ]
    if not found:
        return Query("select null::uuid as id where false", [])
    return Query(f"select id from ({' union all '.join(found)}) as s limit {limit}", given)


def count_query(asked: SearchRequest, rights: Rights, where: SearchScope) -> Query:
    """How many there are; one more than are counted, where there are more."""
    given = _Arguments()
    holds = _conditions(asked, rights, where, given)
    holds += _between(*_bounds(asked, where), given)
    rows = f"select 1 from archiver.searchable s where {holds}"
    if asked.count == "bounded":
        rows += f" limit {given(BOUNDED_COUNT + 1)}"
    return Query(f"select count(*) from ({rows}) as s", given)


def _conditions(asked: SearchRequest, rights: Rights, where: SearchScope, given: _Arguments) -> str:
    """All but the time. Rights stand in it themselves: what is not shown is not counted either."""
    holds = [f"s.tenant = {given(rights.tenant)}", f"s.position < {given(where.as_of)}"]
    among = (
        ("department", sorted(rights.departments)),
        ("department", asked.departments),
        ("type", asked.types),
        ("direction", [asked.direction] if asked.direction else ()),
    )
    if rights.departments or asked.departments:
        holds.append(_handled(asked, rights, where.key, given))
    holds += [f"s.{column} = any({given(list(values))})" for column, values in among if values]
    if asked.conversation:
        holds.append(f"s.conversation = {given(asked.conversation)} and {SOMEWHERE}")
    if where.conversations is not None:
        holds.append(_of_person(where.conversations, where.entries, given))
    if asked.words:
        holds.append(_all_of(searchable_words(asked.words), where.key, given))
    if asked.any_of:
        holds.append(_one_of(asked.any_of, where.key, given))
    return " and ".join(holds)


def _between(first: UUID, end: UUID, given: _Arguments) -> str:
    """Without what says nothing: a range is thought to hold few, where little is known yet."""
    since = f" and s.id >= {given(first)}" if first != FIRST else ""
    return since + (f" and s.id < {given(end)}" if end != LAST else "")


def _of_person(conversations: Sequence[str], entries: Sequence[UUID], given: _Arguments) -> str:
    within = f"s.conversation = any({given(list(conversations))}) and {SOMEWHERE}"
    return f"({within} or s.id = any({given(list(entries))}))" if entries else within


def _handled(asked: SearchRequest, rights: Rights, key: bytes, given: _Arguments) -> str:
    """The same as the columns say, as the index has it."""
    theirs = [each for each in asked.departments or rights.departments if rights.handles(each)]
    return f"s.words && {given([department_token(key, each) for each in sorted(theirs)])}::bigint[]"


def _one_of(texts: Sequence[str], key: bytes, given: _Arguments) -> str:
    """Those of one word together: the index goes once for all of them."""
    several = [searchable_words(text) for text in texts]
    single = [word_token(key, words[0]) for words in several if len(words) == 1]
    ways = [f"s.words && {given(single)}::bigint[]"] if single else []
    ways += [_all_of(words, key, given) for words in several if len(words) > 1]
    return f"({' or '.join(ways)})"


def _all_of(words: Sequence[str], key: bytes, given: _Arguments) -> str:
    return f"s.words @> {given([word_token(key, word) for word in words])}::bigint[]"


def month_ranges(
    asked: SearchRequest, where: SearchScope, now: datetime
) -> list[tuple[UUID, UUID]]:
    """Of the ids to look through, month by month, the nearest first: first and end of each."""
    first, end = _bounds(asked, where)
    if asked.cursor:
        last = asked.cursor.last
        if asked.order == "newest":
            end = min(end, last)
        else:
            first = max(first, UUID(int=min(last.int + 1, LAST.int)))
    if where.oldest is None or first >= end:
        return []
    cuts = [cut for cut in _months(where.oldest, now) if first < cut < end]
    edges = [first, *cuts[-MAX_MONTHS:], end]
    found = list(pairwise(edges))
    return found[::-1] if asked.order == "newest" else found


def _months(oldest: UUID, now: datetime) -> list[UUID]:
    """Where months begin, from the one after the oldest on."""
    begins = created_at(oldest).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    found = []
    while (begins := (begins + timedelta(days=32)).replace(day=1)) <= now:
        found.append(min_id_at(begins))
    return found


def _bounds(asked: SearchRequest, where: SearchScope) -> tuple[UUID, UUID]:
    """The ids of the time that is asked for."""
    first = min_id_at(asked.since) if asked.since else FIRST
    end = min_id_at(asked.until) if asked.until else LAST
    return first, min(end, where.latest)
