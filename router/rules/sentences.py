"""Sentences of a citizen's message, and clauses that begin another subject. Pure."""

import re

from services.language.words import tokens

MOST_SENTENCES = 12
"""Sentences of a message that are looked at: those of two hundred words. Each costs as much as a
short message does."""

_BREAK = re.compile(r"[.?!…;]+\s|\n|, (?=(?:en|ook|maar|and|also) )")
"""End of a sentence, or a comma before a word that begins another subject. It is kept simple: most
messages are one sentence, and this is all that they cost."""


_BEGINNINGS = "en dan and plus und ve oraz і та"
_ADDITIONS = """
ook nog verder daarnaast daarbij bovendien tevens trouwens meteen gelijk intussen andere ps oja
also another besides too auch noch ausserdem ayrıca też również jeszcze, також ще, أيضا كذلك
"""
BEGINNINGS = frozenset(tokens(_BEGINNINGS))
"""Words that begin a sentence about something else. In Arabic it is a letter before any word."""
ADDITIONS = frozenset(tokens(_ADDITIONS))
"""Words that say so anywhere in a sentence."""
ARABIC_AND = "و"


def adds_subject(sentence: str) -> bool:
    """Return True if a sentence says that it is about something else too."""
    words = tokens(sentence)
    begins = words and (words[0] in BEGINNINGS or words[0].startswith(ARABIC_AND))
    return bool(begins) or not ADDITIONS.isdisjoint(words)


def split_sentences(text: str) -> list[str]:
    """Return the first sentences of a text; the text itself if it is one."""
    parts = _BREAK.split(text, maxsplit=MOST_SENTENCES)
    return [part for part in map(str.strip, parts[:MOST_SENTENCES]) if part]
