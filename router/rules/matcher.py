"""What a message says of all that any rule asks for: words, patterns, facts; read once. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

import msgspec

from router.rules import regex_set
from router.rules.lexicon import HOWS, Lexicon, PhraseMatch, compile_lexicon
from router.rules.regex_set import Patterns
from services.config.routing_rules import Group

PATTERN = "het patroon past"
QUOTED = 80
"""Characters of what is quoted, at most."""


class MessageFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to know of a message when rules are looked at."""

    at: datetime
    text: str = ""
    number: str = ""
    type: str = "text"
    choice: str = ""
    referral: str = ""
    language: str = ""
    tags: frozenset[str] = frozenset()
    state: str = "new"


Matches = Mapping[int, str]
"""What of a municipality's lists of words (by their place) and patterns (by `~place`) was found in
a text, and a Dutch clause that says so; and the facts that any condition asks for (by a place too)
which are so."""
Fact = tuple[str, str]
"""Of what kind, and its value: ("type", "image")."""


class PatternCollector:
    """The words and patterns of many conditions, being gathered."""

    def __init__(self, groups: Iterable[Group]) -> None:
        self.groups = {group.id: group.words for group in groups}
        self.lists: list[tuple[str, ...]] = []
        self.patterns: list[str] = []
        self.facts: dict[Fact, int] = {}

    def fact(self, kind: str, value: str) -> int:
        """The place of a fact that is asked for: among the lists, as one without words."""
        if (kind, value) not in self.facts:
            self.facts[kind, value] = len(self.lists)
            self.lists.append(())
        return self.facts[kind, value]

    def closed(self, *, misspelled: bool = True) -> "Matcher":
        phrases = sorted({phrase for words in self.lists for phrase in words})
        place = {phrase: n for n, phrase in enumerate(phrases)}
        holds: list[list[int]] = [[] for _ in phrases]
        for list_id, words in enumerate(self.lists):
            for phrase in set(words):
                holds[place[phrase]].append(list_id)
        lexicon = compile_lexicon(phrases, misspelled=misspelled)
        fitting = regex_set.compiled(self.patterns)
        written = tuple(self.patterns)
        return Matcher(lexicon, tuple(phrases), holds, fitting, self.facts, written)


class Matcher(msgspec.Struct, frozen=True):
    """Reads a text once, for all conditions."""

    lexicon: Lexicon
    phrases: tuple[str, ...]
    holds: list[list[int]]
    patterns: Patterns
    facts: dict[Fact, int] = {}
    """Those that any condition asks for."""
    written: tuple[str, ...] = ()
    """The patterns themselves."""
    quotes: bool = False
    """Whether it says on which words a pattern fits. Not in the router: a reason goes wherever its
    conversation goes, past what hides a BSN, and these words are the citizen's."""

    def read(self, text: str) -> Matches:
        if not text:
            return {}
        hits = {~place: self._fits(place, text) for place in self.patterns(text)}
        for found in sorted(self.lexicon.find(text), key=_doubt, reverse=True):
            said = _said(self.phrases[found.phrase], found)
            # The surest comes last, and is what is said.
            hits.update(dict.fromkeys(self.holds[found.phrase], said))
        return hits

    def hits(self, facts: MessageFacts) -> Matches:
        """With the facts that are so."""
        so = {self.facts[fact]: "" for fact in _facts(facts) if fact in self.facts}
        return {**so, **self.read(facts.text)}

    def _fits(self, place: int, text: str) -> str:
        words = " ".join(regex_set.part(self.written[place], text).split()) if self.quotes else ""
        return f'{PATTERN} op "{_short(words)}"' if words else PATTERN


def _facts(facts: MessageFacts) -> Iterator[Fact]:
    yield from (
        ("choice", facts.choice),
        ("type", facts.type),
        ("number", facts.number),
        ("language", facts.language),
        ("state", facts.state),
        ("referral", "yes" if facts.referral else ""),
    )
    yield from (("tag", tag) for tag in facts.tags)


def _short(words: str) -> str:
    """So that a line stays a line."""
    return words if len(words) <= QUOTED else f"{words[: QUOTED - 1]}…"


def _doubt(found: PhraseMatch) -> int:
    return HOWS.index(found.how)


def _said(phrase: str, found: PhraseMatch) -> str:
    wrong = ", verkeerd gespeld" if found.how == "mistake" else ""
    return f'"{phrase.replace(chr(34), "")}" staat erin{wrong}'
