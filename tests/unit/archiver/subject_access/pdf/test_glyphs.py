"""What is made of any text before it goes on paper; what typst's complaints mean."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.subject_access.pdf.glyphs import (
    BOX,
    CUT,
    LONGEST_WORD,
    MARKS,
    PART,
    break_long_words,
    is_right_to_left,
    keep_latin,
    map_strings,
    parse_missing,
    replace_unknown,
    sanitise,
)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("gewoon\nwoord", "gewoon\nwoord"),
        ("a\x00b\x07c\x1b[0m\x7f\x9b", "abc[0m"),
        ("a\r\nb\rc\x0bd\x0ce\x85f\u2028g\u2029h", "a\nb\nc\nd\ne\nf\ng\nh"),
        ("a\tb", "a b"),
        ("a\u202eb\u200bc\xadd\ufeffe", "abcde"),
        ("\ue000\ud83d\U000f0000", BOX * 3),
        ("👨\u200d👩", "👨\u200d👩"),
        ("e" + "\u0301" * 9 + "e\u0301", "e" + "\u0301" * MARKS + "e\u0301"),
    ],
)
def test_what_has_no_place_on_paper_is_taken_out(text: str, kept: str) -> None:
    assert sanitise(text) == kept


@given(st.text(st.characters(exclude_categories=[])))
def test_what_is_clean_stays_as_it_is_and_can_be_written(text: str) -> None:
    once = sanitise(text)
    assert sanitise(once) == once
    assert CUT not in once
    once.encode()


@given(st.text(min_size=1, max_size=200))
def test_cutting_takes_nothing_away_and_is_done_once(text: str) -> None:
    whole = sanitise(text)
    parts = break_long_words(whole)
    assert parts.replace(CUT, "") == whole
    assert break_long_words(parts) == parts


def test_a_word_is_cut_only_where_it_is_too_long() -> None:
    assert break_long_words("a" * LONGEST_WORD + " b") == "a" * LONGEST_WORD + " b"
    assert break_long_words("a" * (LONGEST_WORD + 1)).split(CUT)[0] == "a" * PART


@pytest.mark.parametrize("sign", ["👨\u200d👩\u200d👧", "👍🏽", "e\u0301", "❤\ufe0f"])
def test_what_is_one_sign_is_not_cut_in_two(sign: str) -> None:
    assert {part.replace(sign, "") for part in break_long_words(sign * 40).split(CUT)} == {""}


def test_flags_are_not_cut_in_two() -> None:
    assert all(len(part) % 2 == 0 for part in break_long_words("🇳🇱" * 40 + "a").split(CUT)[:1])


@pytest.mark.parametrize(
    ("text", "is_rightward"),
    [("dag", False), ("مرحبا dag", True), ("dag مرحبا", False), ("12 - שלום", True), ("😀", False)],
)
def test_the_first_letter_says_in_which_direction_a_text_goes(
    text: str, is_rightward: bool
) -> None:
    assert is_right_to_left(text) is is_rightward


def test_what_no_font_has_is_read_out_of_what_typst_says() -> None:
    told = "\n".join(
        f'error: PDF/A-2b error: the text `"{text}"` could not be displayed with font `"Noto Sans"`'
        for text in ("中", r"\u{200d}", r"\"", r"\\", r"\n", r"x\u{1ab0}", "`")
    )
    assert parse_missing(told) == {"中", "\u200d", '"', "\\", "\n", "x\u1ab0", "`"}
    assert parse_missing("error: file not found") == frozenset()


def test_marks_go_before_the_letters_under_them() -> None:
    unknown = frozenset({"1", "\ufe0f", "\u20e3", "中"})
    assert replace_unknown(unknown)("1\ufe0f\u20e3 1 中") == "1 1 中"
    assert replace_unknown(frozenset({"中", "中文"}))("中文 中 1") == f"{BOX} {BOX} 1"


@given(st.text())
def test_the_last_resort_leaves_letters_of_europe_alone(text: str) -> None:
    assert all(each == BOX or ord(each) < 0x180 for each in keep_latin(text))
    assert keep_latin("Łódź, één €") == f"Łódź, één {BOX}"


def test_every_string_is_reached() -> None:
    pages = {"a": ["b", {"c": ("d", 1, None, True)}]}
    assert map_strings(pages, str.upper) == {"a": ["B", {"c": ["D", 1, None, True]}]}
