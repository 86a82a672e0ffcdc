"""Rules of plain language, each with texts that pass and texts that do not."""

import time
import tomllib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.language import readability
from tests.support.example_town import PLAIN_LANGUAGE

EXAMPLES = tomllib.loads(PLAIN_LANGUAGE.read_text())
SENTENCES = [
    ("Wij zijn nu gesloten. Wij lezen uw bericht morgen.", 2),
    ("Kunt u niet wachten? Bel ons! Of mail.", 3),
    ("Wij zijn open van 09.00 tot 17.00 uur. Tot dan.", 2),
    ("Kijk op www.voorbeeldstad.nl. Daar staat alles.", 2),
    ("Kijk op https://voorbeeldstad.nl/a.b?c=d.e! Daar staat alles.", 2),
    ("Mail naar info@voorbeeld.stad.nl. Wij antwoorden.", 2),
    ("Kijk op {website}. Is er gevaar? Bel {telefoon}.", 3),
    ("Neem iets mee, bijv. een brief of o.a. een pas.", 1),
    ("Vraag naar dhr. Jansen of mevr. De Wit.", 1),
    ("Vraag naar J. de Vries op nr. 5.", 1),
    ("Neem een pas, brief enz. Dan helpen wij u.", 2),
    ("Bel a.u.b. Wij helpen u.", 2),
    ("Bel a.u.b. voor 5 uur.", 1),
    ("Op 3 dec. zijn wij dicht. Op 4 dec. niet.", 2),
    ("Het antwoord is klaar (zie hieronder). Klik op de knop.", 2),
    ("Wij zeggen: 'Dat is goed.' Daarna gaat u verder.", 2),
    ("*Let op.* Wij zijn dicht.", 2),
    ("Bel 112. 113 is er ook.", 2),
    ("Wacht... Wij komen.", 2),
    ("Dank u wel! 😊 Tot ziens.", 2),
    ("Een zin die\nverder gaat.", 1),
    ("Een kop\n\nEen zin.", 2),
    ("Dat kan hier:\nOp het loket.", 2),
    ("Dat kan hier\n- op het loket\n- op de site", 3),
    ("Welcome, e.g. Mrs. Smith. We answer at 9 a.m. today.", 2),
    ("", 0),
    ("... !! \n - \n 😊", 0),
]


@pytest.mark.parametrize(("text", "count"), SENTENCES)
def test_sentences_are_split(text: str, count: int) -> None:
    assert len(readability.sentences(text)) == count, readability.sentences(text)


WORDS = [
    ("Wij zijn nu gesloten.", 4),
    ("Bel 088 - 123 45 67 of 14 0546.", 4),
    ("Bel +31 (0)88 123 45 67.", 2),
    ("Bel 112, 113 of 144.", 5),
    ("Van 9 tot 17 uur, op maandag.", 7),
    ("Kijk op https://www.voorbeeldstad.nl/een/lange/weg.", 3),
    ("Mail naar info@voorbeeldstad.nl - of niet.", 5),
    ("Om 09.00 uur - 😊 - {opent}!", 4),
    ("Uw e-mail of ID-kaart.", 4),
    ("een\u00a0harde spatie", 3),
    ("...", 0),
    ("", 0),
]


@pytest.mark.parametrize(("text", "count"), WORDS)
def test_words_are_counted_as_a_person_would(text: str, count: int) -> None:
    assert readability.words(text) == count


def test_sentence_may_have_fifteen_words() -> None:
    fifteen = " ".join(["woord"] * 15)
    assert list(readability.readability_faults(f"{fifteen}. {fifteen}!")) == []
    assert list(readability.readability_faults(f"Dag. {fifteen} te. Dag.")) == [
        f"a sentence of 16 words, 15 at most: {' '.join(['woord'] * 10)}…"
    ]


def test_words_are_counted_with_the_values_of_placeholders() -> None:
    text = " ".join(["woord"] * 14) + " {opent}."
    assert list(readability.readability_faults(text)) == []
    [fault] = readability.readability_faults(text, lambda part: part.replace("{opent}", "a b c d"))
    assert fault.startswith("a sentence of 18 words")


@pytest.mark.parametrize("text", ["", " \n\t", "...", "😊 - !"])
def test_text_without_a_word_is_empty(text: str) -> None:
    assert list(readability.readability_faults(text)) == ["is empty"]


@pytest.mark.parametrize("text", EXAMPLES["only_by_phone"])
def test_text_with_the_telephone_as_the_only_way_is_refused(text: str) -> None:
    assert list(readability.readability_faults(text)) == ["names the telephone as the only way on"]


@pytest.mark.parametrize("text", EXAMPLES["passes"])
def test_text_with_another_way_on_or_without_a_request_passes(text: str) -> None:
    assert list(readability.readability_faults(text)) == []


def test_all_readability_faults_are_reported_at_once() -> None:
    text = f"Geef uw BSN. {'woord ' * 16}. Bel ons."
    first_words = [what.split()[0] for what in readability.readability_faults(text)]
    assert first_words == ["asks", "a", "names"]


@pytest.mark.parametrize(("text", "most"), [("", 0), ("één", 3), ("😊", 2), ("\ud800", 1)])
def test_length_is_in_utf16_code_units(text: str, most: int) -> None:
    assert readability.length(text) == most


@given(st.text(st.characters(), max_size=300))
@example("\ud800. \x00 bsn \udfff!")
@example("J. " * 50)
def test_any_text_is_read_without_losing_a_word(text: str) -> None:
    """The sentences have every word once."""
    list(readability.readability_faults(text))
    read = [word for sentence in readability.sentences(text) for word in sentence.split()]
    assert [w for w in read if any(map(str.isalnum, w))] == [
        w for w in text.split() if any(map(str.isalnum, w))
    ]


PARTS = [
    "{", "{a", "1 ", "a.", "!", "wij hebben ", "ik heb bsn ", "@", "x\n", "burger ", "a-", "(",
    "uw ", "bsn ", "uw bsn niet, ", "foto van ", "stuur ", "geef ons ", "zonder ", "als ",
    "over uw\n", "b.", "b ", "niet ", ", ", "- uw\n", "x:\n", "\u200b", "burger", "paspoort ",
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS)
def test_reading_a_text_takes_time_in_proportion_to_its_length(part: str) -> None:
    """Sixteen times the text: 256 times the work if it were quadratic. The least of three counts on
    both sides, since what else runs here slows a measurement and never speeds it up."""

    def cost(times: int) -> float:
        text, start = part * times, time.process_time()
        list(readability.readability_faults(text))
        return time.process_time() - start

    cost(100)
    once = min(cost(1_000) for _ in range(3))
    assert any(cost(16_000) < 64 * max(once, 0.0005) for _ in range(3))
