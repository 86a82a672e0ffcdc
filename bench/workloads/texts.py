"""Texts of citizens for a load: real messages with random variation. Pure."""

import random
import tomllib
from collections.abc import Iterator, Sequence

FEWEST_WORDS, MOST_WORDS = 3, 40
"""Minimum and maximum words of a message; half of the messages have 14 or fewer."""
SHARE_WITH_SUBJECT = 0.75
"""Share of messages that name a subject for which the rules have a word."""
SHARE_UNSEEN = 0.05
"""Share of words that are new, like names, numbers and mistakes. It matters because the router
caches the result for a word that it has seen before."""
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def example_texts(toml: str) -> list[str]:
    """Return the messages of the right length from a file of examples."""
    texts = [message["text"] for message in tomllib.loads(toml)["messages"]]
    return [text for text in texts if FEWEST_WORDS <= len(text.split()) < MOST_WORDS]


def subjects(words: Sequence[str]) -> list[str]:
    """Return the words of rules as a citizen writes them."""
    return [word.strip('"').rstrip("*") for word in words]


def write_texts(texts: Sequence[str], about: Sequence[str], seed: int) -> Iterator[str]:
    """Yield messages without end, the same for the same seed."""
    chance = random.Random(seed)
    while True:
        words = [
            _unseen(word, chance) if chance.random() < SHARE_UNSEEN else word
            for word in chance.choice(texts).split()
        ]
        if about and chance.random() < SHARE_WITH_SUBJECT:
            words.insert(chance.randrange(len(words) + 1), chance.choice(about))
        yield " ".join(words[:MOST_WORDS])


def _unseen(word: str, chance: random.Random) -> str:
    """Return a word with one letter replaced by two others."""
    at = chance.randrange(len(word))
    return word[:at] + chance.choice(LETTERS) + chance.choice(LETTERS) + word[at + 1 :]
