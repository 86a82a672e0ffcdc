"""All patterns at once find what each of them finds by itself."""

from random import Random
from string import ascii_lowercase

import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from pytest import MonkeyPatch

from router.rules import regex_set
from services.config.routing_rules import Condition

LETTERS = st.sampled_from("aàbsſkKiİıßé1 .-")
"""Those whose capitals and small letters are not as simple as one would think, too."""
PARTS = st.sampled_from(
    ["a", "B", "ss", "ſ", "k", "é", "É", "İ", "ß", r"\d", r"\b", ".", "[^.]*", "(a|bé)?", "(s|k1)"]
)
PATTERNS = st.lists(st.lists(PARTS, min_size=1, max_size=4).map("".join), max_size=6)


@given(PATTERNS, st.text(LETTERS, max_size=12))
def test_regex_set_finds_what_each_pattern_finds_alone(given: list[str], text: str) -> None:
    quiet = re2.Options()
    quiet.case_sensitive = False
    alone = [n for n, one in enumerate(given) if re2.compile(one, quiet).search(text)]
    assert regex_set.compile_patterns(given)(text) == frozenset(alone)
    assert regex_set.compile_patterns(given, few_texts=True)(text) == frozenset(alone)


def test_patterns_keep_their_places_when_compiled_in_several_sets(monkeypatch: MonkeyPatch) -> None:
    monkeypatch.setattr(regex_set, "TOGETHER", 3)
    fitting = regex_set.compile_patterns([f"^x{n}$" for n in range(10)])
    assert [fitting(f"x{n}") for n in range(10)] == [frozenset([n]) for n in range(10)]


@pytest.mark.slow
@pytest.mark.parametrize("words", [1, 49])
@pytest.mark.parametrize("letters", [regex_set.LETTERS, 10**9])
def test_many_long_patterns_fit_in_the_memory_of_a_search(
    monkeypatch: MonkeyPatch, words: int, letters: int
) -> None:
    """The search for 220 patterns of 490 letters does not fit in one set; in halves it does."""
    monkeypatch.setattr(regex_set, "LETTERS", letters)
    random = Random(1)
    each = [
        ["".join(random.choices(ascii_lowercase, k=490 // words - 1)) for _ in range(words)]
        for _ in range(220)
    ]
    fitting = regex_set.compile_patterns(["|".join(one) for one in each])
    for place in (0, 109, 110, 219):
        assert fitting(f"een {random.choice(each[place])} twee") == frozenset([place])


def test_pattern_that_takes_too_much_memory_is_refused_by_itself() -> None:
    """The bound is lower than RE2's own 8 MiB."""
    for pattern, taken in ((r"\pL{10}", True), (r"\pL{100}", False)):
        try:
            assert (
                Condition(pattern=pattern)
                and regex_set.compile_patterns([pattern])("a" * 10)
                and taken
            )
        except ValidationError as error:
            assert "little memory" in str(error) and not taken


@pytest.mark.parametrize("few_texts", [False, True])
def test_pattern_is_found_in_a_text_that_is_no_unicode(few_texts: bool) -> None:
    find = regex_set.compile_patterns(["a.b", "c"], few_texts=few_texts)
    assert find("a\ud800b") == frozenset([0])
