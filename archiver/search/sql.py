"""SQL of a search. Pure.

The search goes month by month, nearest first, each with the index that selects least; PostgreSQL
stops when it has a page. Hits are ordered by id, which is the order of time. The ids are sorted as
bytes, for which no index exists: otherwise PostgreSQL might scan a month in order of id, hoping for
an early match, which takes seconds if nothing matches.
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
"""Months searched one by one; older ones are searched together."""
FIRST, LAST = UUID(int=0), UUID(int=2**128 - 1)
IN_CONVERSATION = "s.conversation <> ''"
"""The index covers only these rows, and PostgreSQL uses it only if the condition is in the
query."""

UNCONFIRMED = """s.id in (select e.id from deliverer.ledger l
    join archiver.entry e on e.message = l.id and e.kind = 'message'
    where l.state = 'unconfirmed')"""
"""The deliverer's ledger is asked, because it has an index of these few."""


class SearchScope(msgspec.Struct, frozen=True, kw_only=True):
    """Scope of a request: the size of the log, the hash keys, and for a person the conversations
    and the entries outside conversations."""

    as_of: int
    keys: Sequence[bytes]
    conversations: Sequence[str] | None = None
    entries: Sequence[UUID] = ()
    oldest: UUID | None = None
    """Id of the first entry in the index."""
    latest: UUID = LAST
    """Id that no entry of the record at that position has reached."""


class Query(msgspec.Struct, frozen=True):
    sql: str
    arguments: list[Any]


class _Arguments(list[Any]):
    """Values of a query; calling it adds a value and returns its placeholder."""

    def __call__(self, value: Any) -> str:
        self.append(value)
        return f"${len(self)}"


def hits_query(request: SearchRequest, rights: Rights, scope: SearchScope, now: datetime) -> Query:
    """Select the ids of a page and one more, in order."""
    arguments = _Arguments()
    conditions = _conditions(request, rights, scope, arguments)
    limit = arguments(request.limit + 1)
    direction = "desc" if request.order == "newest" else "asc"
    selects = [
        f"(select s.id from archiver.searchable s where {conditions}"
        f"{_id_range(first, end, arguments)}"
        f" order by uuid_send(s.id) {direction} limit {limit})"
        for first, end in month_ranges(request, scope, now)
    ]
    if not selects:
        return Query("select null::uuid as id where false", [])
    return Query(f"select id from ({' union all '.join(selects)}) as s limit {limit}", arguments)


def count_query(request: SearchRequest, rights: Rights, scope: SearchScope) -> Query:
    """Count the hits; a bounded count stops at one more than BOUNDED_COUNT."""
    arguments = _Arguments()
    conditions = _conditions(request, rights, scope, arguments)
    conditions += _id_range(*_requested_range(request, scope), arguments)
    rows = f"select 1 from archiver.searchable s where {conditions}"
    if request.count == "bounded":
        rows += f" limit {arguments(BOUNDED_COUNT + 1)}"
    return Query(f"select count(*) from ({rows}) as s", arguments)


def _conditions(
    request: SearchRequest, rights: Rights, scope: SearchScope, arguments: _Arguments
) -> str:
    """Return all conditions but the time. Rights are conditions too, so that hits which are not
    shown are not counted either."""
    conditions = [
        f"s.tenant = {arguments(rights.tenant)}",
        f"s.position < {arguments(scope.as_of)}",
    ]
    lists = (
        ("department", request.departments),
        ("type", request.types),
        ("direction", [request.direction] if request.direction else ()),
    )
    if rights.departments is not None:
        # Also of no department, which finds nothing.
        conditions.append(f"s.department = any({arguments(sorted(rights.departments))})")
    if rights.departments is not None or request.departments:
        conditions.append(_department_condition(request, rights, scope.keys, arguments))
    conditions += [
        f"s.{column} = any({arguments(list(values))})" for column, values in lists if values
    ]
    if request.status:
        conditions.append(UNCONFIRMED)
    if request.conversation:
        conditions.append(
            f"s.conversation = {arguments(request.conversation)} and {IN_CONVERSATION}"
        )
    if scope.conversations is not None:
        conditions.append(_person_condition(scope.conversations, scope.entries, arguments))
    if request.words:
        conditions.append(
            _all_words_condition(searchable_words(request.words), scope.keys, arguments)
        )
    if request.any_of:
        conditions.append(_any_text_condition(request.any_of, scope.keys, arguments))
    return " and ".join(conditions)


def _id_range(first: UUID, end: UUID, arguments: _Arguments) -> str:
    """Leave out bounds that exclude nothing: without statistics the planner expects a range to
    match few rows."""
    lower = f" and s.id >= {arguments(first)}" if first != FIRST else ""
    return lower + (f" and s.id < {arguments(end)}" if end != LAST else "")


def _person_condition(
    conversations: Sequence[str], entries: Sequence[UUID], arguments: _Arguments
) -> str:
    within = f"s.conversation = any({arguments(list(conversations))}) and {IN_CONVERSATION}"
    return f"({within} or s.id = any({arguments(list(entries))}))" if entries else within


def _department_condition(
    request: SearchRequest, rights: Rights, keys: Sequence[bytes], arguments: _Arguments
) -> str:
    """Repeat the condition on departments as tokens, which the index contains."""
    departments = [
        each for each in request.departments or rights.departments or () if rights.handles(each)
    ]
    tokens = [department_token(key, each) for key in keys for each in sorted(departments)]
    return f"s.words && {arguments(tokens)}::bigint[]"


def _any_text_condition(texts: Sequence[str], keys: Sequence[bytes], arguments: _Arguments) -> str:
    """Combine texts of one word in one condition, so that the index is scanned once for them."""
    texts_words = [searchable_words(text) for text in texts]
    singles = [words[0] for words in texts_words if len(words) == 1]
    single = [word_token(key, word) for key in keys for word in singles]
    conditions = [f"s.words && {arguments(single)}::bigint[]"] if single else []
    conditions += [
        _all_words_condition(words, keys, arguments) for words in texts_words if len(words) > 1
    ]
    return f"({' or '.join(conditions)})"


def _all_words_condition(words: Sequence[str], keys: Sequence[bytes], arguments: _Arguments) -> str:
    """Ask for all words under one key: those of a row are all under the same."""
    tokens = [[word_token(key, word) for word in words] for key in keys]
    conditions = [f"s.words @> {arguments(each)}::bigint[]" for each in tokens]
    return conditions[0] if len(conditions) == 1 else f"({' or '.join(conditions)})"


def month_ranges(
    request: SearchRequest, scope: SearchScope, now: datetime
) -> list[tuple[UUID, UUID]]:
    """Return the id ranges to search, month by month, nearest first, each with its end
    (exclusive)."""
    first, end = _requested_range(request, scope)
    if request.cursor:
        last = request.cursor.last
        if request.order == "newest":
            end = min(end, last)
        else:
            first = max(first, UUID(int=min(last.int + 1, LAST.int)))
    if scope.oldest is None or first >= end:
        return []
    cuts = [cut for cut in _month_starts(scope.oldest, now) if first < cut < end]
    edges = [first, *cuts[-MAX_MONTHS:], end]
    ranges = list(pairwise(edges))
    return ranges[::-1] if request.order == "newest" else ranges


def _month_starts(oldest: UUID, now: datetime) -> list[UUID]:
    """Return the first ids of the months after the oldest."""
    start = created_at(oldest).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    starts = []
    while (start := (start + timedelta(days=32)).replace(day=1)) <= now:
        starts.append(min_id_at(start))
    return starts


def _requested_range(request: SearchRequest, scope: SearchScope) -> tuple[UUID, UUID]:
    """Return the id range of the requested time."""
    first = min_id_at(request.since) if request.since else FIRST
    end = min_id_at(request.until) if request.until else LAST
    return first, min(end, scope.latest)
