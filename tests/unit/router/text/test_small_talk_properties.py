"""Small talk, whatever it is made of: every phrase of the tables, one after another, any text."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.text import small_talk
from router.text.small_talk import opt_choice, small_talk_kind

MEANINGS = {
    small_talk.HELLO: "greeting",
    small_talk.SALUTE: "greeting",
    small_talk.ASK: "greeting",
    small_talk.THANKS: "thanks",
    small_talk.ACK: "thanks",
    small_talk.CLOSING: "thanks",
    small_talk.TITLE: "",
    small_talk.FILLER: "",
}
PHRASES: dict[str, str] = {}
"""Phrase -> its kind: the first kind that has it."""
SMALL_TALK = small_talk.load_small_talk()
for row in SMALL_TALK.phrases:
    for phrase in small_talk.phrases_of(SMALL_TALK, row):
        PHRASES.setdefault(" ".join(phrase), row)


@pytest.mark.parametrize("row", MEANINGS)
def test_every_phrase_of_the_word_list_means_what_its_row_says(row: str) -> None:
    said = {phrase: small_talk_kind(phrase) for phrase, its in PHRASES.items() if its == row}
    assert said == dict.fromkeys(said, MEANINGS[row])
    assert all(small_talk_kind(phrase.upper()) == meaning for phrase, meaning in said.items())


NAMED = (small_talk.SALUTE, small_talk.TITLE, small_talk.CLOSING)


@given(st.sampled_from(sorted(PHRASES)), st.sampled_from(["paspoort", "uitkering", "112", "niet"]))
def test_word_that_may_be_the_subject_makes_small_talk_a_question(phrase: str, word: str) -> None:
    assert small_talk_kind(f"{word} {phrase}") == ""
    assert small_talk_kind(f"{phrase} {word}") == "" or (
        PHRASES[phrase] in NAMED and word.isalpha()
    )


@given(st.sampled_from(sorted(PHRASES)), st.integers(3, 9))
def test_small_talk_with_a_repeated_last_letter_means_the_same(phrase: str, times: int) -> None:
    assert small_talk_kind(phrase + phrase[-1] * times) == small_talk_kind(phrase)


@given(st.lists(st.sampled_from(sorted(PHRASES)), min_size=2, max_size=4))
def test_greetings_one_after_another_are_a_greeting(phrases: list[str]) -> None:
    """Two of them may begin a longer one that goes on otherwise: `een` of `een fijne dag`."""
    kinds = {PHRASES[phrase] for phrase in phrases}
    if all(MEANINGS[each] == "greeting" for each in kinds):
        assert small_talk_kind(". ".join(phrases)) == "greeting"


@given(st.text(st.characters(exclude_categories=())))
def test_any_text_has_at_most_one_kind_of_small_talk(text: str) -> None:
    assert small_talk_kind(text) in ("greeting", "thanks", "")
    assert opt_choice(text) in ("stop", "start", "")
    assert not (small_talk_kind(text) and opt_choice(text))


@pytest.mark.parametrize("piece", ["hoi ", "o", "groet ", "👍", "ik ", "\ud800", "e\u0301", "ﷺ"])
def test_long_text_is_no_small_talk_and_takes_no_time(piece: str) -> None:
    start = time.process_time()
    assert small_talk_kind(piece * 65_536) == opt_choice(piece * 65_536) == ""
    small_talk_kind(piece * (small_talk.LONGEST // len(piece)))
    assert time.process_time() - start < 0.5
