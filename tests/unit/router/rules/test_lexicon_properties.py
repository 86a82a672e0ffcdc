"""The lexicon finds what asking phrase by phrase would, and costs what it should."""

import sys
import time
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.rules.lexicon import HOWS, PART, Lexicon, PhraseMatch, compile_lexicon, phrase_error
from router.rules.spelling import NOT_MISTAKES, SHORTEST, build_index, find_candidates
from services.language.words import plain_words, stem

_PLAIN = """
paspoort paspoorten pasport rijbewijs rij bewijs gat gaten in de weg wegen afval afvallen container
containers parkeer parkeren parkeervergunning vergunning vergunningen verguning idkaart id kaart
kaarten 112 112112 geweld geweldig staat straat sraat lantaarnpaal lantarenpalen 🗑 🔪
"""
PLAIN = _PLAIN.split()
WORD = st.sampled_from(PLAIN)
STARRED = st.builds("{}*".format, WORD) | st.builds("*{}".format, WORD)
LOOSE = st.lists(WORD | STARRED, min_size=1, max_size=4).map(" ".join)
PHRASE = LOOSE | st.lists(WORD, min_size=1, max_size=3).map(" ".join).map('"{}"'.format)
PHRASES = st.lists(PHRASE, max_size=8)
EDITED = st.builds(lambda word, at: word[: at + 1] + word[at + 2 :], WORD, st.integers(0, 12))
TEXT = st.lists(WORD | EDITED, max_size=10).map(" ".join)


Known = Callable[[str], bool]


def _terms(phrase: str) -> list[str]:
    """A phrase in quotes has a quote before each word."""
    quoted = phrase.startswith('"')
    return [f'"{word}' for word in phrase[1:-1].split()] if quoted else phrase.split()


def _known(phrases: list[list[str]]) -> Known:
    """Predicate of a word that is one of any phrase, a form of one, or two of them together."""
    terms = [term for phrase in phrases for term in phrase]
    exact = {term.removeprefix('"') for term in terms}
    stems = {stem(term) for term in terms if term[0].isalnum() and term[-1].isalnum()}
    pairs = {one + other for phrase in phrases for one, other in pairwise(phrase)}
    together = {pair for pair in pairs if pair.isalnum() and len(pair) >= SHORTEST}
    return lambda word: word in exact | together or stem(word) in stems


def _how(term: str, word: str, known: Known) -> str:
    """Manner in which a word is one of a phrase; '' if it is not."""
    if term.startswith('"'):
        return "exact" if term[1:] == word else ""
    if term.endswith("*"):
        return "part" if word.startswith(term[:-1]) else ""
    if term.startswith("*"):
        tails = (word[at:] for at in range(len(word) - PART + 2))
        return "part" if any(stem(tail) == stem(term[1:]) for tail in tails) else ""
    if word == term:
        return "exact"
    if stem(word) == stem(term):
        return "stem"
    return "mistake" if not known(word) and find_candidates(word, build_index([term])) else ""


def _ways(terms: list[str], words: list[str], known: Known) -> list[tuple[int, int]]:
    """Each way in which words begin with a phrase: how, and how many of them."""
    if not terms:
        return [(0, 0)]
    steps = []
    if words:
        steps.append((_how(terms[0], words[0], known), 1, 1))
    if len(words) > 1 and len(terms[0]) >= SHORTEST and words[0] + words[1] == terms[0]:
        steps.append(("joined", 1, 2))
    if (
        len(terms) > 1
        and len(words[:1] and words[0]) >= SHORTEST
        and "".join(terms[:2]) == words[0]
    ):
        steps.append(("joined", 2, 1))
    return [
        (max(HOWS.index(how), worse), taken + more)
        for how, of_terms, taken in steps
        if how
        for worse, more in _ways(terms[of_terms:], words[taken:], known)
    ]


def _slowly(phrases: list[str], text: str) -> list[PhraseMatch]:
    """The same, one phrase after the other, from every word."""
    known = _known([_terms(phrase) for phrase in phrases if not phrase_error(phrase)])
    tokens = list(enumerate(text.split()))
    readings = [tokens, [(place, token) for place, token in tokens if token.isalnum()]]
    found = []
    for n, phrase in enumerate(phrases):
        said = [
            (how, reading[at][0], tuple(token for _, token in reading[at : at + taken]))
            for reading in readings
            for at in range(len(reading))
            for how, taken in _ways(_terms(phrase), [token for _, token in reading[at:]], known)
            if not phrase_error(phrase)
        ]
        if said:
            how, start, words = min(said)
            found.append(PhraseMatch(n, start, words, HOWS[how]))
    return sorted(found, key=lambda one: (one.start, one.phrase))


@given(PHRASES, TEXT)
def test_lexicon_finds_what_asking_phrase_by_phrase_would(phrases: list[str], text: str) -> None:
    found = compile_lexicon(phrases).find(text)
    assert found == _slowly(phrases, text) == compile_lexicon(phrases, few_texts=True).find(text)


@given(PHRASES)
def test_every_phrase_finds_itself(phrases: list[str]) -> None:
    made = compile_lexicon(phrases)
    for n, phrase in enumerate(phrases):
        assert (n in {found.phrase for found in made.find(phrase)}) is not bool(
            phrase_error(phrase)
        )


@given(st.lists(st.text(max_size=20)), st.text() | st.text(st.characters(categories=["Cs", "So"])))
def test_lexicon_of_any_phrases_reads_any_text_alike_each_time(
    phrases: list[str], text: str
) -> None:
    made = compile_lexicon(phrases)
    found = made.find(text)
    assert found == made.find(text) == compile_lexicon(phrases).find(text)
    assert all(not phrase_error(phrases[one.phrase]) for one in found)


def _calls(lexicon: Lexicon, text: str) -> int:
    """Work of a search in calls, which is the same on every machine."""
    calls = 0

    def count(frame: object, event: str, arg: object) -> None:
        nonlocal calls
        calls += 1

    sys.setprofile(count)
    try:
        lexicon.find(text)
    finally:
        sys.setprofile(None)
    return calls


MESSAGE = (
    "goedemorgen, er ligt al een week grofvuil naast de kontainer bij ons voor de deur, wat nu?"
)
THOUSANDS = [one + other for one in sorted(NOT_MISTAKES) for other in PLAIN if other.isalpha()]


@pytest.mark.slow
def test_lexicon_of_thousands_of_phrases_costs_hardly_more_than_of_a_hundred() -> None:
    few, many = (
        compile_lexicon([*THOUSANDS[:100], "container"]),
        compile_lexicon([*THOUSANDS, "container"]),
    )
    assert len(THOUSANDS) > 9000
    for _ in ("of words never seen before", "of words seen before"):
        assert _calls(many, MESSAGE) < 1.5 * _calls(few, MESSAGE)


def test_lexicon_costs_no_more_than_the_length_of_the_text() -> None:
    made = compile_lexicon(
        [*PLAIN, "gat in de weg", "gat in de gat in de gat", "de de de de de de de"]
    )
    for piece in (
        "gat in de ",
        "de ",
        "paspoortt ",
        "🔪 ",
        "🔪de ",
        "e\u0301\u0316",
        "\x00\ud800 ",
    ):
        short, long = (piece * (size // len(piece)) for size in (4096, 65536))
        assert _calls(made, long) < 20 * _calls(made, short), piece


def test_plain_words_of_many_accents_take_no_quadratic_time() -> None:
    started = time.process_time()
    assert plain_words("e" + "\u0316\u0301" * 32_000) == ["e"]
    assert time.process_time() - started < 1  # in Unicode's order it takes 5 s and more
