"""Sentences of a citizen's message, and clauses that begin another subject. Pure."""

import re

MOST_SENTENCES = 12
"""Sentences of a message that are looked at: those of two hundred words. Each costs as much as a
short message does."""

_BREAK = re.compile(r"[.?!…;]+\s|\n|, (?=(?:en|ook|maar|and|also) )")
"""End of a sentence, or a comma before a word that begins another subject. It is kept simple: most
messages are one sentence, and this is all that they cost."""


def split_sentences(text: str) -> list[str]:
    """Return the first sentences of a text; the text itself if it is one."""
    parts = _BREAK.split(text, maxsplit=MOST_SENTENCES)
    return [part for part in map(str.strip, parts[:MOST_SENTENCES]) if part]
