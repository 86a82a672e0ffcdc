"""Two years of a municipality's messages as records, with realistic word frequencies. Pure."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Any
from uuid import UUID

import msgspec

from archiver.index.blind_index import STOP_WORDS
from services.contract import Record
from services.ids import uuid7

TENANT, NUMBER = "almelo", "106540352242922"
DEPARTMENTS = [f"afdeling-{n:02}" for n in range(20)]
MONTHS = 24
ENDS = datetime(2026, 11, 20, tzinfo=UTC)
WORDS = 25_000
"""Words of the vocabulary, beside those that occur everywhere; drawn by Zipf's law."""
GREETING, GREETED = "goedemorgen", 0.2
"""The most frequent word that is searched for, and the share of messages that begin with it."""
FEWEST, MOST = 5, 25
"""Minimum and maximum words of a message."""
PER_CONVERSATION = 5
PER_MESSAGE = 3
"""Records of a message: itself, its delivery, its status."""
STARTS = [
    "b",
    "bl",
    "br",
    "d",
    "dr",
    "f",
    "fl",
    "g",
    "gr",
    "h",
    "j",
    "k",
    "kl",
    "kr",
    "l",
    "m",
    "n",
    "p",
    "pl",
    "pr",
    "r",
    "s",
    "sch",
    "sl",
    "sp",
    "st",
    "t",
    "tr",
    "v",
    "w",
    "z",
]
VOWELS = ["a", "aa", "e", "ee", "i", "ie", "o", "oe", "oo", "u", "ui", "ij", "ou", "eu"]
ENDINGS = ["k", "l", "m", "n", "p", "r", "s", "t", "rt", "nd", "cht", "st"]


def vocabulary(chance: random.Random) -> list[str]:
    """Make distinct words that look Dutch."""
    words: dict[str, None] = {}
    while len(words) < WORDS:
        syllables = chance.choices((1, 2, 3), (2, 5, 3))[0]
        parts = (chance.choice(STARTS) + chance.choice(VOWELS) for _ in range(syllables))
        words["".join(parts) + chance.choice(ENDINGS)] = None
    return list(words)


class ConversationKey(msgspec.Struct, frozen=True):
    conversation: str
    department: str
    phone: str


class Town:
    """A municipality's records over `MONTHS`, the same each time."""

    def __init__(self, records: int) -> None:
        self._chance = random.Random(7)
        self.vocabulary = vocabulary(self._chance)
        self._words = [*sorted(STOP_WORDS), *self.vocabulary]
        self._weights = list(accumulate(1 / (n + 3) for n in range(len(self._words))))
        self._conversations = max(1, records // PER_MESSAGE // PER_CONVERSATION)

    @property
    def starts_at(self) -> datetime:
        return ENDS - timedelta(days=30.4 * MONTHS)

    def records(self) -> Iterator[Record]:
        step = (ENDS - self.starts_at) / self._conversations
        for n in range(self._conversations):
            yield from self._conversation(n, self.starts_at + n * step)

    def phone(self, n: int) -> str:
        """Return the number of the citizen of the nth conversation; half of them had two."""
        return f"316{n * 2 // 3:08}"

    def _conversation(self, n: int, begins: datetime) -> Iterator[Record]:
        id = f"{NUMBER}-" + "".join(chr(ord("a") + int(digit)) for digit in f"{n:026}")
        key = ConversationKey(id, self._chance.choice(DEPARTMENTS), self.phone(n))
        for nth in range(PER_CONVERSATION):
            yield from self._message(key, begins + timedelta(minutes=3 * nth), nth)

    def _message(self, key: "ConversationKey", at: datetime, nth: int) -> Iterator[Record]:
        is_inbound = nth % 2 == 0
        content: dict[str, Any] = {
            "direction": "in" if is_inbound else "out",
            "type": "text",
            "text": self._text(),
            "department": key.department,
            "decision": {"rule": "", "reason": "bleef waar het gesprek is"},
            "receivedAt": at,
        }
        person = {"identities": [{"kind": "phone", "value": key.phone}], "name": "Fatima"}
        author = {"kind": "employee", "id": "sanne"}
        content |= {"from": person} if is_inbound else {"author": author}
        state = {"department": key.department, "status": "read", "reason": "", "state": "done"}
        message = self._id(at)
        for kind, data in (("message", content), ("delivery", state), ("status", state)):
            yield Record(
                id=self._id(at),
                kind=kind,
                at=at,
                data=msgspec.json.encode(data),
                tenant=TENANT,
                conversation=key.conversation,
                message=message,
                sequence=nth,
            )

    def _id(self, at: datetime) -> UUID:
        return uuid7(at, self._chance.randbytes(10))

    def _text(self) -> str:
        count = self._chance.randint(FEWEST, MOST)
        words = self._chance.choices(self._words, cum_weights=self._weights, k=count)
        if self._chance.random() < GREETED:
            words[0] = GREETING
        return " ".join(words)
