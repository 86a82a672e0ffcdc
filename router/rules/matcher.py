"""Match a message against everything that any rule asks for: words, patterns, facts. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import msgspec

from router.rules import regex_set
from router.rules.lexicon import HOWS, How, Lexicon, PhraseMatch, compile_lexicon
from router.rules.reasons import DUTCH, Reasons
from router.rules.regex_set import PatternFinder
from services.config.routing_rules import Group
from services.language.words import tokens, written_tokens

MAX_QUOTE = 80
"""Characters of a quotation, at most."""
SURE = frozenset[How](["exact", "joined", "part"])
"""Ways in which a word shows its language. Other forms and misspellings are found by Dutch rules:
`rapen` is no form of `rape`."""


class MessageFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Facts about a message that rules test."""

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
"""Matches of a message, each with a clause. The key is the position of a word list or of a
fact, or `~position` of a pattern."""
Fact = tuple[str, str]
"""Kind and value of a fact: ("type", "image")."""


class PatternCollector:
    """Collects the words and patterns of many conditions."""

    def __init__(self, groups: Iterable[Group], reasons: Reasons = DUTCH) -> None:
        self.reasons = reasons
        groups = tuple(groups)
        self.groups = {group.id: group.words for group in groups}
        self.languages = _languages_of_words(groups)
        self.foreign = {word for group in groups if group.language for word in group.words}
        self.lists: list[tuple[str, ...]] = []
        self.patterns: list[str] = []
        self.facts: dict[Fact, int] = {}

    def index_fact(self, kind: str, value: str) -> int:
        """Return the position of a fact among the word lists; the fact takes the place of an empty
        list."""
        if (kind, value) not in self.facts:
            self.facts[kind, value] = len(self.lists)
            self.lists.append(())
        return self.facts[kind, value]

    def build_matcher(self, *, misspelled: bool = True, few_texts: bool = False) -> "Matcher":
        """Words of another language count as they are written: spelling is judged by Dutch words,
        and a right word of another language (Arabic for waiting) may be one letter off a danger."""
        phrases = sorted({phrase for words in self.lists for phrase in words})
        place = {phrase: n for n, phrase in enumerate(phrases)}
        lists_by_phrase: list[list[int]] = [[] for _ in phrases]
        for list_id, words in enumerate(self.lists):
            for phrase in set(words):
                lists_by_phrase[place[phrase]].append(list_id)
        lexicon = compile_lexicon(
            phrases, as_written=self.foreign, misspelled=misspelled, few_texts=few_texts
        )
        find_patterns = regex_set.compile_patterns(self.patterns, few_texts=few_texts)
        pattern_texts = tuple(self.patterns)
        return Matcher(
            lexicon,
            tuple(phrases),
            lists_by_phrase,
            find_patterns,
            self.facts,
            pattern_texts,
            self.reasons,
            languages={place[word]: code for word, code in self.languages.items() if word in place},
        )


class Matcher(msgspec.Struct, frozen=True):
    """Reads a text once for all conditions."""

    lexicon: Lexicon
    phrases: tuple[str, ...]
    lists_by_phrase: list[list[int]]
    patterns: PatternFinder
    facts: dict[Fact, int] = {}
    """Facts that any condition asks for, with their positions."""
    pattern_texts: tuple[str, ...] = ()
    """Source texts of the patterns."""
    reasons: Reasons = DUTCH
    quotes: bool = False
    """Quote the words that a pattern matches. Not in the router: the words are the citizen's, and a
    reason goes wherever the conversation goes, past the masking of a BSN."""
    languages: dict[int, str] = {}
    """Language of each phrase that only one has."""

    def find_language(self, text: str) -> str:
        """Return the language whose words the text has, '' for none or several."""
        found = {
            self.languages.get(match.phrase, "")
            for match in (self.lexicon.find(text) if self.languages and text else ())
            if match.how in SURE
        } - {""}
        return found.pop() if len(found) == 1 else ""

    def match_text(self, text: str) -> Matches:
        if not text:
            return {}
        matches = {~place: self._explain_pattern(place, text) for place in self.patterns(text)}
        found = sorted(self.lexicon.find(text), key=_uncertainty, reverse=True)
        read = list(zip(tokens(text), written_tokens(text), strict=True)) if found else []
        for match in found:
            clause = self._explain_phrase(match, _words_as_written(match, read))
            if code := self.languages.get(match.phrase):
                clause = f"{clause} ({self.reasons.languages.get(code, code)})"
            # The surest match comes last, so its clause remains.
            matches.update(dict.fromkeys(self.lists_by_phrase[match.phrase], clause))
        return matches

    def match_facts(self, facts: MessageFacts) -> Matches:
        """Return the matches of the text and the facts that hold."""
        facts_matched = {self.facts[fact]: "" for fact in _list_facts(facts) if fact in self.facts}
        return {**facts_matched, **self.match_text(facts.text)}

    def _explain_pattern(self, place: int, text: str) -> str:
        pattern = self.reasons.pattern
        if not self.quotes:
            return pattern
        words = " ".join(regex_set.find_fragment(self.pattern_texts[place], text).split())
        return pattern + self.reasons.quote.format(_shorten(words)) if words else pattern

    def _explain_phrase(self, match: PhraseMatch, written: str) -> str:
        """Quote what stands in the message. Anything but letters is quoted only as the rule has
        it: a reason goes past the masking of a BSN."""
        reasons = self.reasons
        phrase = self.phrases[match.phrase].replace('"', "").replace("*", "")
        if match.how in ("exact", "joined") or match.words == tuple(tokens(phrase)):
            return reasons.word.format(written)
        if not all(map(str.isalpha, match.words)):
            return reasons.unquoted.format(phrase)
        ways = {"stem": reasons.other_form, "part": reasons.compound, "mistake": reasons.misspelled}
        return ways[match.how].format(written, phrase)


def _languages_of_words(groups: Iterable[Group]) -> dict[str, str]:
    """Return the language of each word that groups of one language have."""
    languages: dict[str, set[str]] = {}
    for group in groups:
        for word in group.words if group.language else ():
            languages.setdefault(word, set()).add(group.language)
    return {word: min(codes) for word, codes in languages.items() if len(codes) == 1}


def _words_as_written(match: PhraseMatch, read: Sequence[tuple[str, str]]) -> str:
    """Return the words of a match as they are written. `read`: each token, folded and as it is
    written. An emoji that separates two words of a phrase is none of them."""
    written, left = list[str](), iter(read[match.start :])
    for word in match.words:
        written.append(next(as_is for folded, as_is in left if folded == word))
    return " ".join(written)


def _list_facts(facts: MessageFacts) -> list[Fact]:
    return [
        ("choice", facts.choice),
        ("type", facts.type),
        ("number", facts.number),
        ("language", facts.language),
        ("state", facts.state),
        ("referral", "yes" if facts.referral else ""),
        *[("tag", tag) for tag in facts.tags],
    ]


def _shorten(words: str) -> str:
    """Keep a line of an explanation a line."""
    return words if len(words) <= MAX_QUOTE else f"{words[: MAX_QUOTE - 1]}…"


def _uncertainty(match: PhraseMatch) -> int:
    return HOWS.index(match.how)
