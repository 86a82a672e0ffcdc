"""A text is cut into sentences, and nothing else."""

import pytest

from router.rules.sentences import MOST_SENTENCES, split_sentences


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("", []),
        ("mijn kliko is vol", ["mijn kliko is vol"]),
        ("Mijn kliko is vol. En mijn paspoort?", ["Mijn kliko is vol", "En mijn paspoort?"]),
        ("kliko vol!! paspoort kwijt", ["kliko vol", "paspoort kwijt"]),
        ("kliko vol\n\npaspoort kwijt", ["kliko vol", "paspoort kwijt"]),
        ("mijn kliko is vol, en waar haal ik mijn paspoort", 2),
        ("een brood, melk en kaas", 1),
        ("om 12.30 uur op www.gemeente.nl, 21,50 euro", 1),
    ],
)
def test_sentences_of_a_text(text: str, sentences: list[str] | int) -> None:
    found = split_sentences(text)
    assert found == sentences if isinstance(sentences, list) else len(found) == sentences


def test_first_sentences_of_a_long_text_are_enough() -> None:
    assert len(split_sentences("ja. " * 1000)) == MOST_SENTENCES
