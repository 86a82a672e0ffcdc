"""What citizens write, to load the router with: real messages, made different each time. Pure."""

import random
import tomllib
from collections.abc import Iterator, Sequence

FEWEST_WORDS, MOST_WORDS = 3, 40
"""Words of a message: half of them have 14 or fewer."""
ABOUT = 0.75
"""Of all messages, those that name a subject for which the town has a word."""
UNSEEN = 0.05
"""Of all words, those that nobody wrote before: names, numbers, mistakes. A router that has seen a
word before does not look it up again, so it matters how many are new."""
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def example_texts(toml: str) -> list[str]:
    """Messages of the right length, from a file of examples."""
    texts = [message["text"] for message in tomllib.loads(toml)["messages"]]
    return [text for text in texts if FEWEST_WORDS <= len(text.split()) < MOST_WORDS]


def subjects(words: Sequence[str]) -> list[str]:
    """Words as rules have them, as a citizen writes them."""
    return [word.strip('"').rstrip("*") for word in words]


def write_texts(texts: Sequence[str], about: Sequence[str], seed: int) -> Iterator[str]:
    """One message after the other, without end; the same for the same seed."""
    chance = random.Random(seed)
    while True:
        words = [
            _unseen(word, chance) if chance.random() < UNSEEN else word
            for word in chance.choice(texts).split()
        ]
        if about and chance.random() < ABOUT:
            words.insert(chance.randrange(len(words) + 1), chance.choice(about))
        yield " ".join(words[:MOST_WORDS])


def _unseen(word: str, chance: random.Random) -> str:
    """A word with another letter in the place of one of its own, and one more."""
    at = chance.randrange(len(word))
    return word[:at] + chance.choice(LETTERS) + chance.choice(LETTERS) + word[at + 1 :]
