"""Which words are found again, and which months are looked through."""

import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.index.blind_index import (
    MAX_VALUES,
    MAX_WORDS,
    STOP_WORDS,
    department_token,
    index_tokens,
    searchable_words,
    word_token,
)
from archiver.index.record_fields import read_fields
from archiver.search.request import SEARCH, Cursor
from archiver.search.sql import (
    FIRST,
    LAST,
    MAX_MONTHS,
    SearchScope,
    count_query,
    hits_query,
    month_ranges,
)
from services.contract import Record
from services.http.rights import Rights
from services.ids import created_at, min_id_at, uuid7
from services.language.words import stem_root

KEY, OTHER = b"k" * 32, b"o" * 32
NOW = datetime(2026, 11, 20, tzinfo=UTC)
NUMBER, HANDLED = 261346016365715095, 5269088479748603177
RIGHTS = Rights(name="t", tenant="almelo", roles=frozenset(["read"]))


def asked(**members: Any) -> Any:
    return SEARCH.validate_json(msgspec.json.encode(members))


OLDEST = min_id_at(NOW - timedelta(days=500))


def where(oldest: UUID | None = OLDEST) -> SearchScope:
    return SearchScope(as_of=5, key=KEY, oldest=oldest)


def record(kind: str = "message", **data: Any) -> Record:
    id = uuid7(NOW, bytes(10))
    return Record(id=id, kind=kind, at=NOW, data=msgspec.json.encode(data), tenant="almelo")


def numbers(one: Record) -> set[int]:
    found = index_tokens(one, read_fields(one), KEY)
    assert found
    return {*found.words}


def test_a_number_is_of_one_word_under_one_key_and_fits_in_64_bits() -> None:
    made = {word_token(key, word) for key in (KEY, OTHER) for word in ("zwembad", "fiets", "🚲")}
    assert len(made) == 6
    assert all(-(2**63) <= one < 2**63 for one in made)
    assert word_token(KEY, "fiets") == word_token(KEY, "fietsen")
    assert department_token(KEY, "zwembad") not in made


def test_the_numbers_stay_what_they_are() -> None:
    """They stand in the tables of every installation: another one finds nothing there."""
    assert word_token(KEY, "zwembad") == NUMBER
    assert department_token(KEY, "balie") == HANDLED


def test_no_word_that_is_everywhere_hides_another_of_its_root() -> None:
    """But for those that are said to do so."""
    assert searchable_words(" ".join(STOP_WORDS)) == []
    assert {stem_root("gaat"), stem_root("weten")} == {"gat", "wet"}
    assert searchable_words("het gat in de wet") == ["gat", "wet"]


@given(st.text())
def test_any_text_has_words_that_are_found_however_it_is_written(text: str) -> None:
    words = searchable_words(text)
    assert len(words) == len({*words})
    assert searchable_words(" ".join(words)) == words


def test_what_is_no_message_or_note_is_not_looked_for() -> None:
    for kind in ("status", "conversation", "receipt", "identity", "operation"):
        assert index_tokens(record(kind, text="zwembad"), read_fields(record(kind)), KEY) is None


def test_of_a_message_its_type_and_way_are_known() -> None:
    one = record(type="text", direction="in", text="Zwembad, zwembaden!", department="sport")
    found = index_tokens(one, read_fields(one), KEY)
    assert found
    assert (found.type, found.direction) == ("text", "in")
    assert {*found.words} == {word_token(KEY, "zwembad"), department_token(KEY, "sport")}
    noted = record("note", text="", department="sport")
    found = index_tokens(noted, read_fields(noted), KEY)
    assert found
    assert (found.type, found.direction, found.words) == (
        "note",
        "",
        (department_token(KEY, "sport"),),
    )


def test_however_much_stands_in_a_message_it_is_bounded() -> None:
    deep: Any = "zwembad"
    for _ in range(100):
        deep = {"text": [deep]}
    assert word_token(KEY, "zwembad") in numbers(record(content=deep))
    wide = {"rows": [{"title": f"w{n}"} for n in range(2 * MAX_VALUES)]}
    assert len(numbers(record(content=wide))) <= MAX_WORDS + 1
    assert (
        len(numbers(record(text=" ".join(f"w{n}" for n in range(2 * MAX_WORDS))))) == MAX_WORDS + 1
    )


def test_months_are_looked_through_one_by_one_and_none_twice() -> None:
    for order in ("newest", "oldest"):
        found = month_ranges(asked(order=order), where(), NOW)
        found = found if order == "oldest" else found[::-1]
        assert [found[0][0], found[-1][1]] == [FIRST, LAST]
        assert all(one[1] == other[0] for one, other in pairwise(found))
        begins = [created_at(first) for first, _ in found[1:]]
        assert all(at.day == 1 and at.hour == 0 for at in begins)
        assert [begins[0].month, begins[-1].month] == [8, 11]
        assert len(found) == 17


def test_a_page_goes_on_where_the_one_before_ended() -> None:
    last = uuid7(NOW - timedelta(days=40), bytes(10))
    after = str(Cursor("a" * 48, last))
    newest = month_ranges(asked(after=after), where(), NOW)
    assert newest[0][1] == last
    oldest = month_ranges(asked(after=after, order="oldest"), where(), NOW)
    assert oldest[0][0] == UUID(int=last.int + 1)


def test_however_old_the_record_is_the_months_are_bounded() -> None:
    found = month_ranges(asked(), where(UUID(int=0)), NOW)
    assert len(found) == MAX_MONTHS + 1
    assert found[-1][0] == FIRST


def test_where_there_is_nothing_nothing_is_looked_through() -> None:
    assert month_ranges(asked(), where(None), NOW) == []
    assert hits_query(asked(), RIGHTS, where(None), NOW).arguments == []


@pytest.mark.parametrize(
    "question",
    [
        {},
        {"words": "zwembad'; drop table"},
        {"anyOf": ["zwembad", "volle container"], "types": ["x"], "direction": "in"},
        {"departments": ["balie"], "from": "2026-11-01T00:00:00Z"},
    ],
)
def test_what_was_asked_stands_in_no_sql(question: dict[str, Any]) -> None:
    for rights in (RIGHTS, msgspec.structs.replace(RIGHTS, departments=frozenset(["balie"]))):
        one = asked(**question)
        for query in (hits_query(one, rights, where(), NOW), count_query(one, rights, where())):
            assert "s.tenant = $1" in query.sql and query.arguments[0] == "almelo"
            assert not any(word in query.sql for word in ("zwembad", "balie", "almelo", "2026"))
            places = {int(n) for n in re.findall(r"\$(\d+)", query.sql)}
            assert places == {*range(1, len(query.arguments) + 1)}
