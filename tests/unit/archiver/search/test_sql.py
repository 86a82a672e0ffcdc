"""Months that a search reads, and its SQL."""

import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import msgspec
import pytest

from archiver.search import sql
from archiver.search.request import SEARCH, Cursor
from archiver.search.sql import FIRST, LAST, MAX_MONTHS, SearchScope
from services.http.rights import Rights
from services.ids import created_at, min_id_at, uuid7

NOW = datetime(2026, 11, 20, tzinfo=UTC)
RIGHTS = Rights(name="t", tenant="almelo", roles=frozenset(["read"]), departments=None)
OLDEST = min_id_at(NOW - timedelta(days=500))


def request(**members: Any) -> Any:
    return SEARCH.validate_json(msgspec.json.encode(members))


def scope(oldest: UUID | None = OLDEST) -> SearchScope:
    return SearchScope(as_of=5, keys=[b"k" * 32], oldest=oldest)


def months(oldest: UUID | None = OLDEST, **members: Any) -> list[tuple[UUID, UUID]]:
    return sql.month_ranges(request(**members), scope(oldest), NOW)


@pytest.mark.parametrize("order", ["newest", "oldest"])
def test_every_month_is_read_once(order: str) -> None:
    found = months(order=order)[:: 1 if order == "oldest" else -1]
    assert [found[0][0], found[-1][1], len(found)] == [FIRST, LAST, 17]
    assert all(one[1] == other[0] for one, other in pairwise(found))
    starts = [created_at(first) for first, _ in found[1:]]
    assert all((start.day, start.hour) == (1, 0) for start in starts)
    assert [starts[0].month, starts[-1].month] == [8, 11]


def test_next_page_begins_where_the_previous_one_ended() -> None:
    last = uuid7(NOW - timedelta(days=40), bytes(10))
    after = str(Cursor("a" * 48, last))
    assert months(after=after)[0][1] == last
    assert months(after=after, order="oldest")[0][0] == UUID(int=last.int + 1)


def test_number_of_months_is_bounded_and_zero_for_an_empty_record() -> None:
    old = months(UUID(int=0))
    assert (len(old), old[-1][0]) == (MAX_MONTHS + 1, FIRST)
    assert months(None) == []
    assert sql.hits_query(request(), RIGHTS, scope(None), NOW).arguments == []


@pytest.mark.parametrize("departments", [frozenset[str](), frozenset(["balie"])])
@pytest.mark.parametrize(
    "members",
    [
        {},
        {"words": "zwembad'; drop table"},
        {"anyOf": ["zwembad", "volle container"], "types": ["x"], "direction": "in"},
        {"departments": ["balie"], "from": "2026-11-01T00:00:00Z"},
    ],
)
def test_sql_has_the_tenant_and_no_value_of_the_request(
    members: dict[str, Any], departments: frozenset[str]
) -> None:
    rights = msgspec.structs.replace(RIGHTS, departments=departments)
    hits = sql.hits_query(request(**members), rights, scope(), NOW)
    for query in (hits, sql.count_query(request(**members), rights, scope())):
        assert "s.tenant = $1" in query.sql and query.arguments[0] == "almelo"
        assert not any(word in query.sql for word in ("zwembad", "balie", "almelo", "2026"))
        places = {int(n) for n in re.findall(r"\$(\d+)", query.sql)}
        assert places == {*range(1, len(query.arguments) + 1)}
