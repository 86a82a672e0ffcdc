"""Words under which a record is found, as keyed tokens."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.index.blind_index import (
    MAX_VALUES,
    MAX_WORDS,
    STOP_WORDS,
    IndexTokens,
    department_token,
    index_tokens,
    searchable_words,
    word_token,
)
from archiver.index.record_fields import read_fields
from services.contract import Record
from services.ids import uuid7
from services.language.words import stem_root

KEY, OTHER = b"k" * 32, b"o" * 32
NOW = datetime(2026, 11, 20, tzinfo=UTC)


def tokens_of(kind: str = "message", **data: Any) -> IndexTokens | None:
    body = msgspec.json.encode(data)
    record = Record(id=uuid7(NOW, bytes(10)), kind=kind, at=NOW, data=body, tenant="almelo")
    return index_tokens(record, read_fields(record), KEY)


def words_of(**data: Any) -> tuple[int, ...]:
    found = tokens_of(**data)
    assert found
    return found.words


def test_token_differs_by_word_and_key_and_fits_in_64_bits() -> None:
    tokens = {word_token(key, word) for key in (KEY, OTHER) for word in ("zwembad", "fiets", "🚲")}
    assert len(tokens) == 6
    assert all(-(2**63) <= token < 2**63 for token in tokens)
    assert word_token(KEY, "fiets") == word_token(KEY, "fietsen")
    assert department_token(KEY, "zwembad") not in tokens


def test_stored_tokens_never_change() -> None:
    assert word_token(KEY, "zwembad") == 261346016365715095
    assert department_token(KEY, "balie") == 5269088479748603177


def test_stop_words_hide_no_other_word_of_their_root() -> None:
    assert searchable_words(" ".join(STOP_WORDS)) == []
    assert {stem_root("gaat"), stem_root("weten")} == {"gat", "wet"}
    assert searchable_words("het gat in de wet") == ["gat", "wet"]


@given(st.text())
def test_searchable_words_are_distinct_and_found_again(text: str) -> None:
    words = searchable_words(text)
    assert len(words) == len({*words})
    assert searchable_words(" ".join(words)) == words


@pytest.mark.parametrize("kind", ["status", "conversation", "receipt", "identity", "operation"])
def test_other_kinds_than_messages_and_notes_are_not_indexed(kind: str) -> None:
    assert tokens_of(kind, text="zwembad") is None


@pytest.mark.parametrize(
    ("kind", "data", "type", "direction", "words"),
    [
        (
            "message",
            {"type": "text", "direction": "in", "text": "Zwembad, zwembaden!"},
            "text",
            "in",
            [word_token(KEY, "zwembad")],
        ),
        ("note", {"text": ""}, "note", "", []),
    ],
)
def test_message_and_note_are_indexed_by_type_direction_words_and_department(
    kind: str, data: dict[str, str], type: str, direction: str, words: list[int]
) -> None:
    found = tokens_of(kind, **data, department="sport")
    tokens = tuple(sorted([*words, department_token(KEY, "sport")]))
    assert found == IndexTokens(type, direction, tokens)


def test_deep_content_is_indexed_and_the_number_of_words_is_bounded() -> None:
    deep: Any = "zwembad"
    for _ in range(100):
        deep = {"text": [deep]}
    assert word_token(KEY, "zwembad") in words_of(content=deep)
    wide = {"rows": [{"title": f"w{n}"} for n in range(2 * MAX_VALUES)]}
    assert len(words_of(content=wide)) <= MAX_WORDS + 1
    assert len(words_of(text=" ".join(f"w{n}" for n in range(2 * MAX_WORDS)))) == MAX_WORDS + 1
