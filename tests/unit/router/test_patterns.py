"""All patterns at once find what each of them finds by itself."""

import re2
from hypothesis import given
from hypothesis import strategies as st
from pytest import MonkeyPatch

from router import patterns

LETTERS = st.sampled_from("aàbsſkKiİıßé1 .-")
"""Those whose capitals and small letters are not as simple as one would think, too."""
PARTS = st.sampled_from(
    ["a", "B", "ss", "ſ", "k", "é", "É", "İ", "ß", r"\d", r"\b", ".", "[^.]*", "(a|bé)?", "(s|k1)"]
)
PATTERNS = st.lists(st.lists(PARTS, min_size=1, max_size=4).map("".join), max_size=6)


@given(PATTERNS, st.text(LETTERS, max_size=12))
def test_what_fits_is_what_each_finds_by_itself(given: list[str], text: str) -> None:
    quiet = re2.Options()
    quiet.case_sensitive = False
    alone = [n for n, one in enumerate(given) if re2.compile(one, quiet).search(text)]
    assert patterns.compiled(given)(text) == frozenset(alone)


def test_more_patterns_than_are_read_at_once_keep_their_places(monkeypatch: MonkeyPatch) -> None:
    monkeypatch.setattr(patterns, "TOGETHER", 3)
    fitting = patterns.compiled([f"^x{n}$" for n in range(10)])
    assert [fitting(f"x{n}") for n in range(10)] == [frozenset([n]) for n in range(10)]


def test_a_text_that_is_no_unicode_is_read_too() -> None:
    assert patterns.compiled(["a.b", "c"])("a\ud800b") == frozenset([0])
