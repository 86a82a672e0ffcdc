"""A place in the log as it is told: the same each time, and nobody else's to read or to make."""

import re

import pytest

from archiver.search.log_position import FORM, decode_position, encode_position

KEY, OTHER = b"k" * 32, b"o" * 32


@pytest.mark.parametrize("where", [0, 1, 255, 256, 412_806, 2**63 - 1])
def test_it_is_told_the_same_each_time_and_opens_again(where: int) -> None:
    text = encode_position(KEY, where)
    assert re.fullmatch(FORM, text)
    assert text == encode_position(KEY, where)
    assert decode_position(KEY, text) == where


def test_two_places_next_to_each_other_look_alike_in_nothing() -> None:
    ours = [encode_position(KEY, n) for n in range(1000)]
    assert len({*ours}) == 1000
    assert len({text[:8] for text in ours}) == 1000


def test_another_municipality_neither_reads_nor_makes_one() -> None:
    assert encode_position(KEY, 5) != encode_position(OTHER, 5)
    assert decode_position(OTHER, encode_position(KEY, 5)) is None


@pytest.mark.parametrize("nth", range(48))
def test_what_was_altered_does_not_open(nth: int) -> None:
    text = encode_position(KEY, 5)
    other = "a" if text[nth] != "a" else "b"
    assert decode_position(KEY, text[:nth] + other + text[nth + 1 :]) is None


@pytest.mark.parametrize("text", ["", "5", "a" * 47, "é" * 48, "a" * 48])
def test_what_is_no_place_at_all_opens_nothing(text: str) -> None:
    assert decode_position(KEY, text) is None
