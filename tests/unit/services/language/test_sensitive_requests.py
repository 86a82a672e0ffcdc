"""Requests for a BSN or for a picture of papers, and texts that only mention them."""

import tomllib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.language import readability, sensitive_requests
from tests.support.example_town import PLAIN_LANGUAGE

EXAMPLES = tomllib.loads(PLAIN_LANGUAGE.read_text())


def asks(text: str) -> bool:
    return any("asks for" in what for what in readability.readability_faults(text))


@pytest.mark.parametrize("text", EXAMPLES["asks"])
def test_request_for_a_bsn_or_papers_is_found_however_it_is_worded(text: str) -> None:
    assert asks(text)


@pytest.mark.parametrize("text", EXAMPLES["speaks"])
def test_warning_or_mention_of_a_bsn_or_papers_is_no_request(text: str) -> None:
    assert not asks(text)


@pytest.mark.parametrize("text", [text for text in EXAMPLES["asks"] if "\n" not in text])
def test_denial_in_another_sentence_does_not_hide_a_request(text: str) -> None:
    assert asks(f"Wij bellen u niet. {text} U hoeft niets te doen. Wij vragen nooit om geld.")


@given(st.text(st.characters(), max_size=300), st.text(st.characters(), max_size=50))
@example("\ud800 bsn", "\udfff:")
def test_any_sentence_can_be_checked_for_requests(sentence: str, lead: str) -> None:
    sensitive_requests.asks_for_sensitive_data(sentence, lead)
