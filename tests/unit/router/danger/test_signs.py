"""Signs of a text: words, stems, neighbours and meanings, the same in training and in use."""

import pytest

from router.danger.signs import APART, NEAR, locate_signs, read_word
from services.language.words import tokens


def signs(text: str) -> set[str]:
    return set(locate_signs(tokens(text)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Buurvrouw", {"~buurvrouw", "#neighbour"}),
        ("buren", {"buren", "~bur", "#neighbour"}),
        ("85", {"~0", "#age"}),
        ("2", {"~0", "#number"}),
        ("niet open", {"~niet", "~open", "niet open"}),
        ("sąsiadka", {"~sasiadka", "#neighbour"}),
        ("сусідка", {"~сусідка", "#neighbour"}),
        ("🔥", {"~🔥"}),
        ("", set()),
    ],
)
def test_text_has_the_signs_of_its_words(text: str, expected: set[str]) -> None:
    assert signs(text) == expected


def test_words_of_one_meaning_have_it_in_every_language() -> None:
    words = ("messen", "knives", "messer", "bicak", "nozem", "سكين", "ножем")
    assert all("#weapon" in read_word(word).meanings for word in words)


def test_neighbours_are_pairs_up_to_the_distance_and_no_further() -> None:
    found = signs("deur " + "en " * (APART - 1) + "tafel")
    assert "deur . tafel" in found and "deur tafel" not in found
    assert "deur . tafel" not in signs("deur " + "en " * APART + "tafel")


def test_meanings_that_stand_near_each_other_are_a_sign_in_either_order() -> None:
    near, far = "en " * (NEAR - 1), "en " * NEAR
    assert "#blood #weapon" in signs(f"mes {near}bloed") & signs(f"bloed {near}mes")
    assert "#blood #weapon" not in signs(f"mes {far}bloed")


def test_meaning_beside_a_negation_is_a_sign_of_its_own() -> None:
    assert "!#fear" in signs("ik ben niet meer zo bang")
    assert "!#fear" in signs("ik durf niet")
    assert "!#fear" not in signs("ik ben zo bang") | signs("niet in de regen, maar bang")


def test_places_of_a_sign_are_its_words() -> None:
    words = tokens("Hij doet de deur niet open")
    assert locate_signs(words)["niet open"] == (4, 5)
    assert locate_signs(words)["~open"] == (5, 5)
