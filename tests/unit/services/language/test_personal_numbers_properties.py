"""Properties of PII: every number is found in its place, and masked for good."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.language.personal_numbers import BSN, IBAN, LENGTHS, MARKS, find_pii, mask_pii

EVERYTHING = (BSN, IBAN)


def bsn(first: str) -> str:
    """The BSN that begins with these eight digits, '' if there is none."""
    rest = sum(int(digit) * weight for digit, weight in zip(first, range(9, 1, -1), strict=True))
    return first + str(rest % 11) if rest % 11 < 10 and int(first) else ""


def iban(country: str, account: str) -> str:
    """An IBAN with the right check digits."""
    turned = "".join(str(int(character, 36)) for character in account + country + "00")
    return f"{country}{98 - int(turned) % 97:02}{account}"


def spans(text: str) -> list[tuple[str, str]]:
    return [(each.kind, text[each.start : each.end]) for each in find_pii(text)]


DIGITS = st.text("0123456789", min_size=8, max_size=8)
BSNS = DIGITS.map(bsn).filter(bool)


@given(BSNS, st.sampled_from([(9,), (3, 3, 3), (4, 2, 3), (2, 2, 2, 3)]), st.sampled_from(" .-/"))
def test_every_bsn_that_stands_alone_is_found(
    number: str, groups: tuple[int, ...], gap: str
) -> None:
    starts = [sum(groups[:i]) for i in range(len(groups))]
    pieces = (number[s : s + g] for s, g in zip(starts, groups, strict=True))
    text = gap.join(pieces)
    assert spans(text) == [(BSN, text)]
    assert spans(f"hallo, dit is het: {text}, dank") == [(BSN, text)]
    assert mask_pii(text, EVERYTHING) == "[BSN]"


@given(BSNS, st.lists(st.sampled_from(["", " "]), min_size=8, max_size=8))
def test_every_bsn_that_is_named_is_found_however_it_is_grouped(
    number: str, gaps: list[str]
) -> None:
    written = number[0] + "".join(g + d for g, d in zip(gaps, number[1:], strict=True))
    assert spans(f"mijn bsn is {written}") == [(BSN, written)]
    assert spans(f"Bsn-nummer: {written}, huisnummer 5") == [(BSN, written)]


@given(DIGITS.filter(lambda first: not bsn(first)), st.sampled_from("0123456789"))
def test_nine_digits_that_fail_the_check_are_no_bsn(first: str, last: str) -> None:
    assert spans(first + last) == []
    assert spans(f"bsn {first}{last}") == []


UNSEEN = st.text(
    st.sampled_from("\u200b\xad\u2060\ufeff\u0301\u0338\ufe0f\u20e3\u202a"), max_size=3
)
SHAPES = [
    "0123456789",
    "⁰¹²³⁴⁵⁶⁷⁸⁹",
    "₀₁₂₃₄₅₆₇₈₉",
    "⓪①②③④⑤⑥⑦⑧⑨",
    "０１２３４５６７８９",
    "٠١٢٣٤٥٦٧٨٩",
]


@pytest.mark.slow
@given(
    BSNS, st.lists(UNSEEN, min_size=8, max_size=8), st.lists(st.sampled_from(SHAPES), min_size=9)
)
def test_bsn_is_found_through_invisible_characters_and_any_digits(
    number: str, unseen: list[str], shapes: list[str]
) -> None:
    shown = [shape[int(digit)] for digit, shape in zip(number, shapes, strict=False)]
    text = "".join(digit + gap for digit, gap in zip(shown, [*unseen, ""], strict=True))
    assert spans(f"é {text} ü") == [(BSN, text)]
    assert mask_pii(f"é {text} ü", EVERYTHING) == "é [BSN] ü"


COUNTRIES = [(c, length) for length, them in LENGTHS.items() for c in them.split()]


@given(st.data(), st.sampled_from(COUNTRIES), st.sampled_from(["", " ", "."]), st.booleans())
def test_every_iban_is_found(
    data: st.DataObject, country: tuple[str, int], gap: str, small: bool
) -> None:
    code, length = country
    account = data.draw(st.text("0123456789", min_size=length - 4, max_size=length - 4))
    number = iban(code, account)
    written = gap.join(number[i : i + 4] for i in range(0, length, 4))
    written = written.lower() if small else written
    assert spans(f"naar {written} graag") == [(IBAN, written)]
    assert mask_pii(written, EVERYTHING) == "[IBAN]"


KNOWN = """123.456.782|123 456 782|1234 56 782|12345672|1 2 3 4 5 6 7 8 2|12 34 56 78 2|bsn|kenmerk
|NL91ABNA0417164300|BE68 5390 0754 7034|NL91|12-03-1980|06-12345678|+31|00|0|1|31|12|123|is|tel|x
|①|\xad|²|111\n222\n333|111_222_333
|[BSN]|[IBAN]|€|euro|,50|,-|b.s.n.|\0|#|\U0001f600|\u200b|\ufe0f\u20e3"""
PIECES = st.one_of(BSNS, st.sampled_from(KNOWN.split("|")), st.text("0123456789", max_size=12))
GAPS = st.sampled_from(["", " ", " ", ".", "-", ",", "/", ":", "  ", "\n", " - "])
TEXTS = st.lists(st.tuples(PIECES, GAPS), max_size=8).map(
    lambda pairs: "".join(piece + gap for piece, gap in pairs)
)
ANYTHING = st.text(st.characters(exclude_categories=()))


@given(TEXTS | ANYTHING)
def test_masked_text_holds_no_pii_and_masking_again_changes_nothing(text: str) -> None:
    once = mask_pii(text, EVERYTHING)
    assert find_pii(once) == ()
    assert mask_pii(once, EVERYTHING) == once


@given(TEXTS | ANYTHING)
def test_pii_finding_has_the_exact_place_of_its_number(text: str) -> None:
    at = 0
    for each in find_pii(text):
        assert at <= each.start < each.end <= len(text)
        characters = [c for c in text[each.start : each.end] if c.isalnum()]
        assert text[each.start] == characters[0]
        assert text[each.end - 1] == characters[-1]
        assert each.kind in MARKS
        assert each.kind == IBAN or len(characters) in (8, 9)
        at = each.end


@given(TEXTS | ANYTHING, st.sampled_from([(BSN,), (IBAN,)]))
def test_masking_one_kind_leaves_the_other_findings(text: str, kinds: tuple[str, ...]) -> None:
    kept = [(kind, number) for kind, number in spans(text) if kind not in kinds]
    assert spans(mask_pii(text, kinds)) == kept


LONG = """1|1 |1.|12 34 |123456782 |bsn 12345678 |NL91ABNA0417164300 |+31 |00 |NL91 |1a|x|12-03-19
|1.111|bsn |0 6|\ufe0f1\u20e3|\ud800|١ |1\u200b|\xad|①|N\u200bL91/|111\n|111_|1\u0301|nl  """


@pytest.mark.slow
@pytest.mark.parametrize("piece", LONG.split("|"))
def test_a_long_text_takes_time_in_proportion(piece: str) -> None:
    """64 KB is what a body may hold; a square of it would take minutes."""
    text = piece * (65_536 // len(piece))
    start = time.process_time()
    mask_pii(text, EVERYTHING)
    assert time.process_time() - start < 5
