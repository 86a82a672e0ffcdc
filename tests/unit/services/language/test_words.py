import re

from hypothesis import given
from hypothesis import strategies as st

from services.language.words import ascii_letters, ascii_words


@given(st.text(st.characters(max_codepoint=127)))
def test_words_in_ascii_are_those_of_the_regular_expressions(text: str) -> None:
    assert ascii_words(text) == re.findall(r"[^\W_]+", text.lower())
    assert ascii_letters(text) == re.findall(r"[^\W\d_]+", text.lower())
