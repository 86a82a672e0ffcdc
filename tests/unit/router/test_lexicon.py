import sys
import time
import unicodedata
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router import lexicon
from router.lexicon import (
    HOWS,
    LONGEST_WORD,
    MOST_WORDS,
    PART,
    Found,
    Lexicon,
    compiled,
    fault,
    plain_words,
)
from router.spelling import NOT_MISTAKES, SHORTEST, meant, misspellable, stem


def said(text: str, *phrases: str) -> dict[str, str]:
    """Phrase -> how the text says it."""
    return {phrases[found.phrase]: found.how for found in compiled(phrases).find(text)}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ("  \n\t… 🗑️ !?", []),
        ("Één fiéts, graag!", ["een", "fiets", "graag"]),
        ("CONTAINER-pas", ["container", "pas"]),
        ("straße STRASSE", ["strasse", "strasse"]),
        ("ﬁets", ["fiets"]),
        ("ĳs IJs", ["ijs", "ijs"]),
        ("𝐏𝐚𝐬𝐩𝐨𝐨𝐫𝐭 ｐａｓ", ["paspoort", "pas"]),
        ("_schuin_ *vet* ~door~ ```code```", ["schuin", "vet", "door", "code"]),
        ("WOZ-waarde 2026", ["woz", "waarde", "2026"]),
        ("e\u0301e\u0301n", ["een"]),
        ("af\u00advalkalender", ["afvalkalender"]),
        ("مرحبا بكم", ["مرحبا", "بكم"]),
        ("a\ud800b\x00c", ["a", "b", "c"]),
    ],
)
def test_words_are_read_without_case_accents_and_marks(text: str, words: list[str]) -> None:
    assert plain_words(text) == words


@given(st.text())
def test_to_read_words_again_changes_nothing(text: str) -> None:
    words = plain_words(text)
    assert plain_words(" ".join(words)) == words


@given(st.text(st.characters(max_codepoint=0x24FF) | st.characters(categories=["Mn", "Ll"])))
def test_letters_fold_alone_as_they_do_together(text: str) -> None:
    text = "".join(c for c in text if ord(c) != 0xAD and not 0xFE00 <= ord(c) <= 0xFE0F)
    folded = unicodedata.normalize("NFKD", text).casefold()
    decomposed = unicodedata.normalize("NFKD", folded).lower()
    whole = "".join(c for c in decomposed if not unicodedata.combining(c))
    assert plain_words(text) == plain_words(whole)


@pytest.mark.parametrize(
    ("phrase", "text", "how"),
    [
        ("paspoort", "Mijn PASPOORT!", "exact"),
        ("paspoort", "twee paspoorten", "stem"),
        ("paspoort", "mijn pasport is weg", "mistake"),
        ("paspoort", "een pas poort", "joined"),
        ("paspoorten", "mijn pas-poorten", "joined"),
        ("rijbewijs", "rij bewijs", "joined"),
        ("lantaarnpaal", "de lantaarn paal", "joined"),
        ("id kaart", "mijn ID-kaart", "exact"),
        ("id-kaart", "mijn id kaart", "exact"),
        ("id kaart", "mijn idkaart", "joined"),
        ("id kaart aanvragen", "idkaart aanvragen", "joined"),
        ("gat in de weg", "er zit een gat  in\nde — weg!", "exact"),
        ("gat in de weg", "gaten in de weg", "stem"),
        ("gat in de straat", "gaten in de sraat", "mistake"),
        ("gat in de weg", "gat gat in de weg", "exact"),
        ("gat in de weg", "gat 😡 in de weg", "exact"),
        ("112", "bel 112", "exact"),
        ("parkeer*", "parkeerplaats", "part"),
        ("parkeer*", "PARKEER", "part"),
        ("*vergunning", "bewonersparkeervergunning", "part"),
        ("*vergunning", "bewonersparkeervergunningen", "part"),
        ("*zakken", "vuilniszak", "part"),
        ("nieuwe *vergunning", "nieuwe bouwvergunning", "part"),
        ('"doodmaken"', "Doodmaken", "exact"),
        ('"gat in de weg"', "gat in de weg", "exact"),
        ("🗑️", "vol 🗑", "exact"),
        ("🗑", "vol🗑️vol", "exact"),
        ("🤛🏿", "een 🤛🏻", "exact"),
        ("👩‍🚒", "👩🏽‍🚒!", "exact"),
        ("🇳🇱", "🇧🇪🇳🇱", "exact"),
        ("🔪 buurman", "🔪 buurman", "exact"),
        ("zelf*", "zelfmoord 💊", "part"),
        ("parking permit", "parkin permits", "mistake"),
    ],
)
def test_a_text_says_a_phrase(phrase: str, text: str, how: str) -> None:
    assert said(text, phrase) == {phrase: how}


@pytest.mark.parametrize(
    ("phrase", "text"),
    [
        ("gat in de weg", "gat de in weg"),
        ("gat in de weg", "gat in de"),
        ("gat in de weg", "nagat in de weg"),
        ("112", "1122"),
        ("2026", "2027"),
        ("parkeer*", "geparkeerd"),
        ("parkeer*", "parkere"),
        ("*vergunning", "vergunninghouder"),
        ("*vergunning", "bouwverguning"),
        ('"doodmaken"', "doodgemaakt"),
        ('"aangiften"', "aangifte"),
        ('"rijbewijs"', "rijbewjis"),
        ('"rijbewijs"', "rij bewijs"),
        ("rijbewijs", "rij nieuw bewijs"),
        ("boom", "bo om"),
        ("👩‍🚒", "👩"),
        ("🗑️🗑️", "🗑️"),
        ("afval", "aanval"),
        ("aanval", "een aantal"),
        ("geweld", "geweldig, dank u wel"),
        ("straat", "dat staat er"),
        ("verhuizen", "verhuren"),
        ("belasting", "dat is belastend"),
    ],
)
def test_a_text_does_not_say_a_phrase(phrase: str, text: str) -> None:
    assert said(text, phrase) == {}


def test_a_word_that_any_phrase_knows_is_no_misspelling_of_another() -> None:
    assert said("een wijkraam", "wijkraad") == {"wijkraad": "mistake"}
    for known in ("wijkraam", "wijkramen", '"wijkraam"', "wijk raam", "nieuw wijkraam"):
        assert "wijkraad" not in said("een wijkraam", "wijkraad", known)


def test_a_known_word_is_still_a_form_of_another_and_part_of_a_compound() -> None:
    assert said("containers", "container", "containers", "contain*") == {
        "container": "stem",
        "containers": "exact",
        "contain*": "part",
    }


def test_the_least_sure_word_says_how() -> None:
    assert said("gaten in de passpoort", "gat in de paspoort") == {"gat in de paspoort": "mistake"}
    assert said("gaten in de pas poort", "gat in de paspoort") == {"gat in de paspoort": "stem"}


def test_what_is_found_is_told_in_the_order_of_the_text_then_of_the_phrases() -> None:
    phrases = ["weg", "gat in de weg", "gat", "weg", "gat in"]
    assert compiled(phrases).find("Een 🕳️ gat in dé weg") == [
        Found(1, 2, ("gat", "in", "de", "weg"), "exact"),
        Found(2, 2, ("gat",), "exact"),
        Found(4, 2, ("gat", "in"), "exact"),
        Found(0, 5, ("weg",), "exact"),
        Found(3, 5, ("weg",), "exact"),
    ]


def test_a_phrase_that_is_said_often_is_told_once_where_it_is_surest() -> None:
    assert compiled(["paspoort"]).find("pasport paspoorten paspoort paspoort") == [
        Found(0, 2, ("paspoort",), "exact")
    ]


@pytest.mark.parametrize(
    ("phrase", "why"),
    [
        ("paspoort", ""),
        ("parkeer* op de *weg", "4 letters"),
        ("parkeer* op de *wegen", ""),
        ("zie de 🗑️", ""),
        ("", "no word"),
        (" …!\x00\ud800", "no word"),
        ('""', "no word"),
        ("_", "no word"),
        ("par*keer", "star"),
        ("*parkeer*", "star"),
        ("parkeer *", "star"),
        ("parkeer**", "star"),
        ("🗑️*", "star"),
        ('"parkeer*"', "star"),
        ("par*", "4 letters"),
        ("a " * 12, ""),
        ("a " * 13, "12 words"),
        ("a" * 64, ""),
        ("a" * 65, "64 letters"),
    ],
)
def test_a_fault_in_a_phrase_is_told_and_such_a_phrase_is_never_found(
    phrase: str, why: str
) -> None:
    assert why in fault(phrase) if why else fault(phrase) == ""
    assert bool(compiled([phrase]).find(phrase)) is not bool(why)


def test_only_the_first_words_of_a_text_and_words_of_bounded_length_are_read() -> None:
    assert said("de " * (MOST_WORDS - 1) + "afval", "afval") == {"afval": "exact"}
    assert said("de " * MOST_WORDS + "afval", "afval") == {}
    assert said("parkeer".ljust(LONGEST_WORD, "e"), "parkeer*") == {"parkeer*": "part"}
    assert said("parkeer".ljust(LONGEST_WORD + 1, "e"), "parkeer*") == {}


def test_what_is_remembered_of_texts_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lexicon, "CACHED", 10)
    small = compiled(["afval"])
    small.find(" ".join(f"woord{n}" for n in range(100)))
    assert small.matches.cache_info().currsize == 10  # type: ignore[attr-defined]


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
    """Whether a word is one of any phrase, a form of one, or two of them together."""
    terms = [term for phrase in phrases for term in phrase]
    exact = {term.removeprefix('"') for term in terms}
    stems = {stem(term) for term in terms if term[0].isalnum() and term[-1].isalnum()}
    pairs = {one + other for phrase in phrases for one, other in pairwise(phrase)}
    together = {pair for pair in pairs if pair.isalnum() and len(pair) >= SHORTEST}
    return lambda word: word in exact | together or stem(word) in stems


def _how(term: str, word: str, known: Known) -> str:
    """How one word is one of a phrase; '' if it is not."""
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
    return "mistake" if not known(word) and meant(word, misspellable([term])) else ""


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


def _slowly(phrases: list[str], text: str) -> list[Found]:
    """The same, one phrase after the other, from every word."""
    known = _known([_terms(phrase) for phrase in phrases if not fault(phrase)])
    tokens = list(enumerate(text.split()))
    readings = [tokens, [(place, token) for place, token in tokens if token.isalnum()]]
    found = []
    for n, phrase in enumerate(phrases):
        said = [
            (how, reading[at][0], tuple(token for _, token in reading[at : at + taken]))
            for reading in readings
            for at in range(len(reading))
            for how, taken in _ways(_terms(phrase), [token for _, token in reading[at:]], known)
            if not fault(phrase)
        ]
        if said:
            how, start, words = min(said)
            found.append(Found(n, start, words, HOWS[how]))
    return sorted(found, key=lambda one: (one.start, one.phrase))


@given(PHRASES, TEXT)
def test_the_automaton_finds_what_asking_phrase_by_phrase_would(
    phrases: list[str], text: str
) -> None:
    assert compiled(phrases).find(text) == _slowly(phrases, text)


@given(PHRASES)
def test_every_phrase_finds_itself(phrases: list[str]) -> None:
    made = compiled(phrases)
    for n, phrase in enumerate(phrases):
        assert (n in {found.phrase for found in made.find(phrase)}) is not bool(fault(phrase))


@given(st.lists(st.text(max_size=20)), st.text() | st.text(st.characters(categories=["Cs", "So"])))
def test_any_phrases_and_any_text_can_be_read_and_again_with_the_same_result(
    phrases: list[str], text: str
) -> None:
    made = compiled(phrases)
    found = made.find(text)
    assert found == made.find(text) == compiled(phrases).find(text)
    assert all(not fault(phrases[one.phrase]) for one in found)


def _calls(lexicon: Lexicon, text: str) -> int:
    """What is done to find, in calls: the same on every machine."""
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


def test_thousands_of_phrases_cost_hardly_more_than_a_hundred() -> None:
    few, many = compiled([*THOUSANDS[:100], "container"]), compiled([*THOUSANDS, "container"])
    assert len(THOUSANDS) > 9000
    for _ in ("of words never seen before", "of words seen before"):
        assert _calls(many, MESSAGE) < 1.5 * _calls(few, MESSAGE)


def test_a_longer_text_costs_no_more_than_its_length() -> None:
    made = compiled([*PLAIN, "gat in de weg", "gat in de gat in de gat", "de de de de de de de"])
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


def test_many_marks_on_one_letter_take_no_quadratic_time() -> None:
    started = time.process_time()
    assert plain_words("e" + "\u0316\u0301" * 32_000) == ["e"]
    assert time.process_time() - started < 1  # in Unicode's order it takes 5 s and more
