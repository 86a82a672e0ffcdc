"""Any text, made fit for paper; and the complaints of typst."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.printing import glyphs
from services.printing.glyphs import BOX, CUT, LONGEST_WORD, MARKS, PART, sanitise
from services.printing.glyphs import break_long_words as broken


@pytest.mark.parametrize(
    ("text", "expected"),
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
def test_characters_without_a_place_on_paper_are_removed(text: str, expected: str) -> None:
    assert sanitise(text) == expected


@given(st.text(st.characters(exclude_categories=[])))
def test_sanitised_text_can_be_encoded_and_stays_the_same(text: str) -> None:
    once = sanitise(text)
    assert sanitise(once) == once
    assert CUT not in once
    once.encode()


@given(st.text(min_size=1, max_size=200))
def test_breaking_long_words_removes_nothing_and_is_done_once(text: str) -> None:
    whole = sanitise(text)
    assert broken(whole).replace(CUT, "") == whole
    assert broken(broken(whole)) == broken(whole)


def test_only_long_words_are_broken() -> None:
    assert broken("a" * LONGEST_WORD + " b") == "a" * LONGEST_WORD + " b"
    assert broken("a" * (LONGEST_WORD + 1)).split(CUT)[0] == "a" * PART


@pytest.mark.parametrize("sign", ["👨\u200d👩\u200d👧", "👍🏽", "e\u0301", "❤\ufe0f", "🇳🇱"])
def test_sign_of_several_characters_is_not_broken(sign: str) -> None:
    assert {part.replace(sign, "") for part in broken(sign * 40).split(CUT)} == {""}


@pytest.mark.parametrize(
    ("text", "expected"),
    [("dag", False), ("مرحبا dag", True), ("dag مرحبا", False), ("12 - שלום", True), ("😀", False)],
)
def test_direction_of_a_text_is_that_of_its_first_letter(text: str, expected: bool) -> None:
    assert glyphs.is_right_to_left(text) is expected


def test_missing_glyphs_are_read_from_the_errors_of_typst() -> None:
    errors = "\n".join(
        f'error: PDF/A-2b error: the text `"{text}"` could not be displayed with font `"Noto Sans"`'
        for text in ("中", r"\u{200d}", r"\"", r"\\", r"\n", r"x\u{1ab0}", "`")
    )
    assert glyphs.parse_missing(errors) == {"中", "\u200d", '"', "\\", "\n", "x\u1ab0", "`"}
    assert glyphs.parse_missing("error: file not found") == frozenset()


def test_unknown_marks_are_removed_before_their_letters() -> None:
    unknown = frozenset({"1", "\ufe0f", "\u20e3", "中"})
    assert glyphs.replace_unknown(unknown)("1\ufe0f\u20e3 1 中") == "1 1 中"
    assert glyphs.replace_unknown(frozenset({"中", "中文"}))("中文 中 1") == f"{BOX} {BOX} 1"


@given(st.text())
def test_last_resort_keeps_letters_of_europe_only(text: str) -> None:
    assert all(each == BOX or ord(each) < 0x180 for each in glyphs.keep_latin(text))
    assert glyphs.keep_latin("Łódź, één €") == f"Łódź, één {BOX}"


def test_every_string_of_the_pages_is_mapped() -> None:
    pages = {"a": ["b", {"c": ("d", 1, None, True)}]}
    assert glyphs.map_strings(pages, str.upper) == {"a": ["B", {"c": ["D", 1, None, True]}]}
