"""Thousands of words and phrases as one automaton: which of them a citizen says. Pure."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache, partial
from itertools import pairwise
from typing import Literal

import msgspec

from router.rules.spelling import SHORTEST, Words, meant, misspellable
from services.language.words import (
    EMOJI,
    KEPT,
    LETTERS,
    TOKEN,
    Stem,
    folded,
    start_of_stem,
    stem,
    tokens,
)

MOST_WORDS = 1000
"""Words and emoji of a text that are read; WhatsApp's longest text is 4,096 characters."""
LONGEST_WORD = 64
"""Letters of a word or an emoji; Dutch words have up to about 50."""
LONGEST_PHRASE = 12
"""Words of a phrase; what is longer nobody writes the same twice."""
PART = 4
"""Letters beside a star: fewer are in every other word."""
CACHED = 8192
"""Different words of texts for which a lexicon remembers what they match; about 2 MB."""

How = Literal["exact", "joined", "stem", "part", "mistake"]
HOWS: tuple[How, ...] = ("exact", "joined", "stem", "part", "mistake")
"""How a word of a text may be one of a phrase, the surest first: the same; written apart or
together (rij bewijs, idkaart); another form of it; a compound with it; a misspelling of it."""
EXACT, JOINED, STEM, PARTLY, MISTAKE = range(len(HOWS))

_TERM = re.compile(rf"\*?{LETTERS}\*?|{EMOJI}")
_LOOSE = re.compile(rf"{LETTERS}\*{LETTERS}|\*{LETTERS}\*|(?<![^\W_])\*(?![^\W_])")
"""A star within a word, on both its sides, or by itself."""

Term = str
"""A word of a phrase: `weg`, `"weg` where it must be written just so, `parkeer*`, `*vergunning`;
`id=kaart` for two that may also be written together."""
Match = tuple[Term, int, int]
"""A term that a text may say; how, as a place in HOWS; and with how many words."""


class Found(msgspec.Struct, frozen=True):
    """A phrase that a text says: its place among the compiled ones; where it starts, counted in
    words and emoji; these as the citizen wrote them, folded; and how, by the least sure of them."""

    phrase: int
    start: int
    words: tuple[str, ...]
    how: How


class Vocabulary(msgspec.Struct, frozen=True):
    """What leads from a word of a text to the terms that it may stand for. `whole`: words that may
        be written apart; `beginnings` and `endings`: of compounds; `begun`: the starts of the stems
    of `endings`, and none."""

    written: dict[str, list[tuple[Term, int]]]
    stems: dict[Stem, list[Term]]
    whole: frozenset[str]
    beginnings: dict[str, Term]
    endings: dict[Stem, list[Term]]
    begun: frozenset[str]
    misspellable: Words


class Lexicon(msgspec.Struct, frozen=True, eq=False):
    """Phrases, compiled. `steps`: from a state, with a term, to the next; `ends`: the phrases that
    are said when a state is reached; `matches`: what one word may stand for."""

    steps: dict[tuple[int, Term], int]
    ends: dict[int, list[int]]
    whole: frozenset[str]
    matches: Callable[[str], tuple[Match, ...]]

    def find(self, text: str) -> list[Found]:
        """The phrases that the text says, in the order in which they start: each once, where it is
        said most surely, and of those places the first. An emoji may stand between two words.
        """
        tokens = _tokens(text)
        best: dict[int, tuple[int, int, tuple[str, ...]]] = {}
        for places in _readings(tokens):
            words = [tokens[place] for place in places]
            for state, how, start, after in _reached(self, words):
                said = how, places[start], tuple(words[start:after])
                best[state] = min(said, best.get(state, said))
        found = (
            Found(phrase, start, words, HOWS[how])
            for state, (how, start, words) in best.items()
            for phrase in self.ends[state]
        )
        return sorted(found, key=lambda one: (one.start, one.phrase))


def compiled(phrases: Sequence[str], *, misspelled: bool = True) -> Lexicon:
    """One with a fault is never found; misspelled ones only where that is asked for: it takes more
    than half of the time."""
    steps: dict[tuple[int, Term], int] = {}
    ends: dict[int, list[int]] = {}
    for phrase, written in enumerate(phrases):
        terms, wrong = _read(written)
        if not wrong:
            ends.setdefault(_laid(terms, steps), []).append(phrase)
    vocabulary = _vocabulary({term for _, term in steps}, misspelled)
    matches = lru_cache(CACHED)(partial(_known, vocabulary))
    return Lexicon(steps, ends, vocabulary.whole, matches)


def fault(phrase: str) -> str:
    """What is wrong with a phrase, as a sentence; '' if nothing."""
    return _read(phrase)[1]


def _tokens(text: str) -> list[str]:
    """The words and emoji that are read."""
    return tokens(text)[:MOST_WORDS]


def _readings(tokens: list[str]) -> Iterator[Sequence[int]]:
    """The places of all tokens; and of the words alone, where there is an emoji between."""
    yield range(len(tokens))
    words = [place for place, token in enumerate(tokens) if token[0].isalnum()]
    if len(words) < len(tokens):
        yield words


def _reached(lexicon: Lexicon, words: list[str]) -> Iterator[tuple[int, int, int, int]]:
    """Each state in which phrases end: itself, how (the least sure), where it starts, and the place
    after it."""
    matches, steps, ends = _matches(lexicon, words), lexicon.steps, lexicon.ends
    for start, first in enumerate(matches):
        going = [(start, 0, EXACT)] if first else []
        while going:
            at, state, how = going.pop()
            for term, sure, taken in matches[at]:
                if to := steps.get((state, term)):
                    worst = sure if sure > how else how
                    going.append((at + taken, to, worst))
                    if to in ends:
                        yield to, worst, start, at + taken


def _matches(lexicon: Lexicon, words: list[str]) -> list[tuple[Match, ...]]:
    """For each place, and the one after the last, what may stand there."""
    matches = [lexicon.matches(word) for word in words]
    for at, (word, after) in enumerate(pairwise(words)):
        if (whole := word + after) in lexicon.whole:
            matches[at] = (*matches[at], (whole, JOINED, 2))
    return [*matches, ()]


def _known(vocabulary: Vocabulary, word: str) -> tuple[Match, ...]:
    """What a word may stand for. One that is known is no misspelling."""
    if len(word) > LONGEST_WORD:
        return ()
    found = dict(vocabulary.written.get(word, ()))
    for term in vocabulary.stems.get(stem(word), ()):
        found.setdefault(term, STEM)
    misspelled = [] if found else meant(word, vocabulary.misspellable)
    for term in _parts(vocabulary, word):
        found.setdefault(term, PARTLY)
    for term in misspelled:
        found.setdefault(term, MISTAKE)
    return tuple((term, how, 1) for term, how in found.items())


def _parts(vocabulary: Vocabulary, word: str) -> Iterator[Term]:
    """The terms of which the word is a compound, or the part itself; at its end in any form."""
    if vocabulary.beginnings:
        for end in range(PART, len(word) + 1):
            if term := vocabulary.beginnings.get(word[:end]):
                yield term
    if vocabulary.endings:
        for start in range(len(word) - PART + 2):  # a form may be a letter shorter: zakken, zak
            if start_of_stem(tail := word[start:]) in vocabulary.begun:
                yield from vocabulary.endings.get(stem(tail), ())


def _read(phrase: str) -> tuple[list[Term], str]:
    """Its terms, and what is wrong with it."""
    plain = folded(phrase.strip())
    if len(plain) > 1 and plain[0] == plain[-1] == '"':
        terms = [f'"{token}' for token in TOKEN.findall(plain)]
        return terms, _fault(plain, terms)
    terms = _TERM.findall(plain)
    return terms, _fault(plain, terms)


def _fault(plain: str, terms: list[Term]) -> str:
    if not terms:
        return "There is no word or emoji in it"
    if _LOOSE.search(plain) or (terms[0][0] == '"' and "*" in plain):
        return "A star stands for the rest of a word: at its end or at its start, outside quotes"
    if any("*" in term and len(term) <= PART for term in terms):
        return f"At least {PART} letters must stand beside a star"
    if len(terms) > LONGEST_PHRASE:
        return f"It has more than {LONGEST_PHRASE} words"
    if any(len(term) > LONGEST_WORD for term in terms):
        return f"A word in it has more than {LONGEST_WORD} letters"
    return ""


def _laid(terms: list[Term], steps: dict[tuple[int, Term], int]) -> int:
    """The state in which these terms end, laid down in `steps`. Two words that follow on each other
    may also be written as one."""
    path = [0]
    for term in terms:
        path.append(steps.setdefault((path[-1], term), len(steps) + 1))
    for at, (one, other) in enumerate(pairwise(terms)):
        if (one + other).isalnum() and len(one + other) >= SHORTEST:
            steps[path[at], f"{one}={other}"] = path[at + 2]
    return path[-1]


def _vocabulary(terms: Iterable[Term], misspelled: bool) -> Vocabulary:
    written: dict[str, list[tuple[Term, int]]] = {}
    stems: dict[Stem, list[Term]] = {}
    beginnings: dict[str, Term] = {}
    endings: dict[Stem, list[Term]] = {}
    plain = []
    for term in sorted(terms):
        if term[0] == '"':
            written.setdefault(term[1:], []).append((term, EXACT))
        elif "=" in term:
            written.setdefault(term.replace("=", ""), []).append((term, JOINED))
        elif term[-1] == "*":
            beginnings[term[:-1]] = term
        elif term[0] == "*":
            endings.setdefault(stem(term[1:]), []).append(term)
        else:
            plain.append(term)
            written.setdefault(term, []).append((term, EXACT))
            stems.setdefault(stem(term), []).append(term)
    whole = frozenset(word for word in plain if len(word) >= SHORTEST)
    begun = frozenset(["", *(ending[1][:KEPT] for ending in endings)])
    spelled = misspellable(plain if misspelled else ())
    return Vocabulary(written, stems, whole, beginnings, endings, begun, spelled)
