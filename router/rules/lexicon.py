"""Find thousands of words and phrases in a text with one automaton. Pure."""

import re
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from functools import lru_cache, partial
from itertools import pairwise
from operator import add
from typing import Literal

import msgspec

from router.rules.spelling import SHORTEST, build_index, find_candidates, index_on_demand
from services.language.words import (
    EMOJI,
    LETTERS,
    PREFIX_LETTERS,
    TOKEN,
    Stem,
    fold_case,
    stem,
    stem_prefix,
    tokens,
)

MOST_WORDS = 1000
"""Words and emoji of a text that are read, at most; the longest text of WhatsApp has 4,096
characters."""
LONGEST_WORD = 64
"""Letters of a word or an emoji, at most; Dutch words have up to about 50."""
LONGEST_PHRASE = 12
"""Words of a phrase, at most; a longer one is never written the same way twice."""
PART = 4
"""Letters beside a star, at least; fewer occur in every second word."""
CACHED = 8192
"""Words of texts whose matches a lexicon caches; about 2 MB."""

How = Literal["exact", "joined", "stem", "part", "mistake"]
HOWS: tuple[How, ...] = ("exact", "joined", "stem", "part", "mistake")
"""Ways in which a word of a text matches a word of a phrase, the surest first: the same; written
apart or together (rij bewijs, idkaart); another form of it; a compound with it; a misspelling."""
EXACT, JOINED, STEM, PARTLY, MISTAKE = range(len(HOWS))

_TERM = re.compile(rf"\*?{LETTERS}\*?|{EMOJI}")
_LOOSE = re.compile(rf"{LETTERS}\*{LETTERS}|\*{LETTERS}\*|(?<![^\W_])\*(?![^\W_])")
"""A star within a word, on both its sides, or without a word."""

STAR = "A star stands for the rest of a word: at its end or at its start, outside quotes"

Term = str
"""A word of a phrase: `weg`, `"weg` where it must be written just so, `parkeer*`, `*vergunning`;
`id=kaart` for two that may also be written together."""
Match = tuple[Term, int, int]
"""A term that a text may say; the way, as a place in HOWS; and the number of words it takes."""


class PhraseMatch(msgspec.Struct, frozen=True):
    """A phrase that a text says: its place among the compiled phrases; its start, in words and
    emoji; its words and emoji as the citizen wrote them, folded; and the least sure way of them."""

    phrase: int
    start: int
    words: tuple[str, ...]
    how: How


class Vocabulary(msgspec.Struct, frozen=True):
    """Terms by the words of a text that may stand for them. `whole`: words that may be written
    apart; `beginnings` and `endings`: parts of compounds; `begun`: starts of the stems of
    `endings`, and the empty start; `find_meant`: the terms that a word may be a misspelling of."""

    written: dict[str, list[tuple[Term, int]]]
    stems: dict[Stem, list[Term]]
    whole: frozenset[str]
    beginnings: dict[str, Term]
    endings: dict[Stem, list[Term]]
    begun: frozenset[str]
    find_meant: Callable[[str], list[Term]]


class Lexicon(msgspec.Struct, frozen=True, eq=False):
    """Compiled phrases. `steps`: state and term -> next state; `ends`: state -> phrases that end
    there; `as_written`: phrases that are never misspelled; `matches`: word -> terms that it may
    stand for."""

    steps: dict[tuple[int, Term], int]
    ends: dict[int, list[int]]
    as_written: frozenset[int]
    whole: frozenset[str]
    matches: Callable[[str], tuple[Match, ...]]

    def find(self, text: str) -> list[PhraseMatch]:
        """Phrases that the text says, in the order of their starts: each once, at the surest place,
        and of several such places at the first. An emoji may separate two words of a phrase."""
        best: dict[int, tuple[int, int, tuple[str, ...]]] = {}
        for places, words in _readings(_read_tokens(text)):
            for state, how, start, after in _reach_ends(self, words):
                match = how, places[start], tuple(words[start:after])
                best[state] = min(match, best.get(state, match))
        matches = [
            PhraseMatch(phrase, start, words, HOWS[how])
            for state, (how, start, words) in best.items()
            for phrase in self.ends[state]
            if how != MISTAKE or phrase not in self.as_written
        ]
        return sorted(matches, key=lambda match: (match.start, match.phrase))


def compile_lexicon(
    phrases: Sequence[str],
    *,
    as_written: Container[str] = (),
    misspelled: bool = True,
    few_texts: bool = False,
) -> Lexicon:
    """Compile phrases. A phrase with a fault is never found. `misspelled`: find misspelled words
    too, which takes more than half of the time, but not those of phrases `as_written`; for
    `few_texts` it takes longer at each text."""
    steps: dict[tuple[int, Term], int] = {}
    ends: dict[int, list[int]] = {}
    for phrase, written in enumerate(phrases):
        terms, error = _parse(written)
        if not error:
            ends.setdefault(_add_path(terms, steps), []).append(phrase)
    index = index_on_demand if few_texts else _index_at_once
    vocabulary = _build_vocabulary({term for _, term in steps}, index if misspelled else _no_index)
    matches = lru_cache(CACHED)(partial(_match_word, vocabulary))
    literal = frozenset(place for place, phrase in enumerate(phrases) if phrase in as_written)
    return Lexicon(steps, ends, literal, vocabulary.whole, matches)


def phrase_error(phrase: str) -> str:
    """Return the error in a phrase as a sentence, '' for none."""
    return _parse(phrase)[1]


def parse_terms(phrase: str) -> tuple[Term, ...]:
    """Return the words of a phrase as they are matched: phrases with the same terms are the
    same."""
    return tuple(_parse(phrase)[0])


def _read_tokens(text: str) -> list[str]:
    """Return the words and emoji that are read."""
    return tokens(text)[:MOST_WORDS]


def _readings(tokens: list[str]) -> list[tuple[Sequence[int], list[str]]]:
    """All tokens with their places; then, if there are emoji, the words without them."""
    readings: list[tuple[Sequence[int], list[str]]] = [(range(len(tokens)), tokens)]
    if not all(map(str.isalnum, tokens)):  # few texts
        places = [place for place, token in enumerate(tokens) if token[0].isalnum()]
        readings.append((places, [tokens[place] for place in places]))
    return readings


def _reach_ends(lexicon: Lexicon, words: list[str]) -> Iterator[tuple[int, int, int, int]]:
    """Each state reached in which phrases end: the state, the least sure way, the place where it
    starts, and the place after it."""
    matches, steps, ends = _match_places(lexicon, words), lexicon.steps, lexicon.ends
    for start, first in enumerate(matches):
        if not first:  # nearly all
            continue
        pending = [(start, 0, EXACT)]
        while pending:
            at, state, how = pending.pop()
            for term, way, size in matches[at]:
                if reached := steps.get((state, term)):
                    worst = way if way > how else how
                    pending.append((at + size, reached, worst))
                    if reached in ends:
                        yield reached, worst, start, at + size


def _match_places(lexicon: Lexicon, words: list[str]) -> list[tuple[Match, ...]]:
    """Matches at each place, and none at the place after the last."""
    matches = [*map(lexicon.matches, words), ()]
    joined = list(map(add, words, words[1:]))
    if not lexicon.whole.isdisjoint(joined):
        for at, whole in enumerate(joined):
            if whole in lexicon.whole:
                matches[at] = (*matches[at], (whole, JOINED, 2))
    return matches


def _match_word(vocabulary: Vocabulary, word: str) -> tuple[Match, ...]:
    """Terms that a word may stand for. A known word is no misspelling."""
    if len(word) > LONGEST_WORD:
        return ()
    ways = dict(vocabulary.written.get(word, ()))
    for term in vocabulary.stems.get(stem(word), ()):
        ways.setdefault(term, STEM)
    misspelled = [] if ways else vocabulary.find_meant(word)
    for term in _parts(vocabulary, word):
        ways.setdefault(term, PARTLY)
    for term in misspelled:
        ways.setdefault(term, MISTAKE)
    return tuple((term, how, 1) for term, how in ways.items())


def _parts(vocabulary: Vocabulary, word: str) -> Iterator[Term]:
    """Terms of which the word is a compound, or the part alone; at its end in any form."""
    if vocabulary.beginnings:
        for end in range(PART, len(word) + 1):
            if term := vocabulary.beginnings.get(word[:end]):
                yield term
    if vocabulary.endings:
        for start in range(len(word) - PART + 2):  # a form may be a letter shorter: zakken, zak
            if stem_prefix(tail := word[start:]) in vocabulary.begun:
                yield from vocabulary.endings.get(stem(tail), ())


def _parse(phrase: str) -> tuple[list[Term], str]:
    """Terms of a phrase, and the error in it, '' for none."""
    if phrase.isascii() and phrase.replace(" ", "").isalpha() and len(phrase) <= LONGEST_WORD:
        terms = phrase.lower().split()  # most phrases
        if len(terms) <= LONGEST_PHRASE:
            return terms, ""
    plain = fold_case(phrase.strip())
    terms = []
    for n, part in enumerate(plain.split('"')):
        terms += [f'"{token}' for token in TOKEN.findall(part)] if n % 2 else _TERM.findall(part)
    return terms, _find_error(plain, terms)


def _find_error(plain: str, terms: list[Term]) -> str:
    quoted = plain.split('"')[1::2]
    is_loose = _LOOSE.search(plain) is not None or any("*" in part for part in quoted)
    is_short = any("*" in term and len(term) <= PART for term in terms)
    faults = (
        (not terms, "There is no word or emoji in it"),
        (plain.count('"') % 2 == 1, "A quotation mark lacks its other one"),
        (is_loose, STAR),
        (is_short, f"At least {PART} letters must stand beside a star"),
        (len(terms) > LONGEST_PHRASE, f"It has more than {LONGEST_PHRASE} words"),
        (
            max(map(len, terms), default=0) > LONGEST_WORD,
            f"A word in it has more than {LONGEST_WORD} letters",
        ),
    )
    return next((error for is_wrong, error in faults if is_wrong), "")


def _add_path(terms: list[Term], steps: dict[tuple[int, Term], int]) -> int:
    """Add a path of these terms to `steps` and return its last state. Two words in a row may also
    be written as one."""
    path = [0]
    for term in terms:
        path.append(steps.setdefault((path[-1], term), len(steps) + 1))
    for at, (one, other) in enumerate(pairwise(terms)):
        if (one + other).isalnum() and len(one + other) >= SHORTEST:
            steps[path[at], f"{one}={other}"] = path[at + 2]
    return path[-1]


def _index_at_once(words: Iterable[str]) -> Callable[[str], list[str]]:
    return partial(find_candidates, among=build_index(words))


def _no_index(_: Iterable[str]) -> Callable[[str], list[str]]:
    return lambda word: []


def _build_vocabulary(
    terms: Iterable[Term], index: Callable[[Iterable[str]], Callable[[str], list[str]]]
) -> Vocabulary:
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
    begun = frozenset(["", *(ending[1][:PREFIX_LETTERS] for ending in endings)])
    return Vocabulary(written, stems, whole, beginnings, endings, begun, index(plain))
