"""The scorer adds up weak signs and says by which words."""

import msgspec
import pytest

from router.danger.model import KINDS, UNIT, Model, load_model
from router.danger.scorer import MOST_WORDS, PART, explain_score, score_text

CALM = (-5 * UNIT,) * len(KINDS)
"""Bias without a sign: calm."""


def model(**weights: int) -> Model:
    """Return a model in which words weigh this much for violence."""
    signs = {f"~{word}": (0, 0, weight * UNIT, 0) for word, weight in weights.items()}
    return Model(at_least=0.9, bias=CALM, weights=signs)  # type: ignore[arg-type]


def test_weak_signs_add_up() -> None:
    scorer = model(bang=3, slot=3, sleutel=3)
    scores = [score_text(text, scorer) for text in ("", "bang", "bang slot", "bang slot sleutel")]
    assert scores == sorted(scores) and scores[0] == 0.0
    assert scores[1] < 0.5
    assert scores[3] > 0.9


def test_repeated_word_counts_once() -> None:
    scorer = model(bang=3)
    assert score_text("bang " * 20, scorer) == score_text("bang bang", scorer)


def test_score_stays_between_zero_and_one_whatever_the_weights() -> None:
    for weight in (10_000, -10_000):
        assert 0.0 <= score_text("bang", model(bang=weight)) <= 1.0


def test_danger_in_a_long_letter_does_not_drown() -> None:
    scorer = model(bang=8, mooi=-3, straat=-3, boom=-3)
    calm = "mooi straat boom en " * PART
    some = "en " * PART
    assert score_text(f"{calm} {some} ik ben zo bang {some} {calm}", scorer) > 0.9
    assert score_text(calm, scorer) < 0.1


def test_words_after_the_most_are_not_read() -> None:
    scorer = model(bang=8)
    assert score_text("en " * MOST_WORDS + "bang", scorer) < 0.1
    assert score_text("en " * (MOST_WORDS - 1) + "bang", scorer) > 0.9


def test_explanation_quotes_the_strongest_words_as_they_are_written() -> None:
    scorer = model(bang=4, slot=3, boom=-2)
    score = explain_score("De boom is weg. Ik ben BANG, het Slot is stuk.", scorer)
    assert score.words == ("BANG", "Slot")
    assert score.kind == "violence"
    assert score.value == score_text("De boom is weg. Ik ben BANG, het Slot is stuk.", scorer)


def test_explanation_joins_words_that_the_model_knows_and_no_others() -> None:
    scorer = model(bang=4, slot=3, en=0)
    assert explain_score("bang en slot", scorer).words == ("bang en slot",)
    assert explain_score("bang Fatima slot", scorer).words == ("bang", "slot")


@pytest.mark.parametrize("number", ["111222333", "NL91ABNA0417164300", "ab12"])
def test_explanation_quotes_nothing_but_letters(number: str) -> None:
    signs = model(bang=4).weights | {"~0": (0, 0, 9 * UNIT, 0), f"~{number}": (0, 0, 9 * UNIT, 0)}
    scorer = msgspec.structs.replace(model(), weights=signs)
    assert explain_score(f"bang {number}", scorer).words == ("bang",)
    assert explain_score(number, scorer).words == ()


def test_explanation_quotes_the_part_of_a_long_letter_that_scores() -> None:
    scorer = model(bang=8, mooi=-3)
    text = "mooi en " * PART + "Toen werd ik BANG. " + "mooi en " * PART
    assert explain_score(text, scorer).words == ("BANG",)
    assert explain_score("", scorer).words == ()


@pytest.mark.parametrize(
    "text",
    [
        "Mijn buurvrouw van 85 doet al twee dagen niet open",
        "Een buurvrouw van 85 die twee dagen niet opendoet",
        "mijn buurman van 85 heb ik al twee dagen niet gezien",
        "hij heeft mijn telefoon en ik mag niet naar buiten",
        "ik heb afscheid genomen, na vrijdag ben ik er niet meer",
        "ik weet waar die ambtenaar woont en ik wacht hem op",
        "my neighbour is 85 and has not opened her door for two days",
    ],
)
def test_shipped_scorer_hears_danger_between_the_lines(text: str) -> None:
    assert score_text(text, load_model()) >= load_model().at_least


@pytest.mark.parametrize(
    "text",
    [
        "Mijn buurvrouw van 85 wil haar paspoort verlengen",
        "mijn kliko is al twee dagen niet geleegd",
        "de slagboom gaat niet open",
        "bedankt voor de snelle hulp!",
        "hoe laat gaan jullie open",
        "ik ben klaar met dat gedoe met die parkeerapp",
    ],
)
def test_shipped_scorer_leaves_calm_messages_alone(text: str) -> None:
    assert score_text(text, load_model()) < load_model().at_least
