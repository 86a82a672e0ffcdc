"""Two years of a town's messages, as records: words as often as people use them. Pure."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Any
from uuid import UUID

import msgspec

from archiver.index.blind_index import EVERYWHERE
from services.contract import Record
from services.ids import uuid7

TENANT, NUMBER = "almelo", "106540352242922"
DEPARTMENTS = [f"afdeling-{n:02}" for n in range(20)]
MONTHS = 24
ENDS = datetime(2026, 11, 20, tzinfo=UTC)
WORDS = 25_000
"""That the town knows, beside those that are everywhere; drawn as Zipf found them."""
GREETING, GREETED = "goedemorgen", 0.2
"""The word that is in more messages than any other that is looked for."""
FEWEST, MOST = 5, 25
"""Words of a message."""
PER_CONVERSATION = 5
PER_MESSAGE = 3
"""Records: itself, how it was delivered, what became of it."""
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
    """Words that look Dutch, none twice."""
    found: dict[str, None] = {}
    while len(found) < WORDS:
        syllables = chance.choices((1, 2, 3), (2, 5, 3))[0]
        parts = (chance.choice(STARTS) + chance.choice(VOWELS) for _ in range(syllables))
        found["".join(parts) + chance.choice(ENDINGS)] = None
    return list(found)


class About(msgspec.Struct, frozen=True):
    conversation: str
    department: str
    phone: str


class Town:
    """The same each time: `records` of it, the first `MONTHS` before the last."""

    def __init__(self, records: int) -> None:
        self._chance = random.Random(7)
        self.vocabulary = vocabulary(self._chance)
        self._words = [*sorted(EVERYWHERE), *self.vocabulary]
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
        """Of whoever had the nth conversation; half of them had two."""
        return f"316{n * 2 // 3:08}"

    def _conversation(self, n: int, begins: datetime) -> Iterator[Record]:
        id = f"{NUMBER}-" + "".join(chr(ord("a") + int(digit)) for digit in f"{n:026}")
        about = About(id, self._chance.choice(DEPARTMENTS), self.phone(n))
        for nth in range(PER_CONVERSATION):
            yield from self._message(about, begins + timedelta(minutes=3 * nth), nth)

    def _message(self, about: "About", at: datetime, nth: int) -> Iterator[Record]:
        came = nth % 2 == 0
        said: dict[str, Any] = {
            "direction": "in" if came else "out",
            "type": "text",
            "text": self._text(),
            "department": about.department,
            "decision": {"rule": "", "reason": "bleef waar het gesprek is"},
            "receivedAt": at,
        }
        person = {"identities": [{"kind": "phone", "value": about.phone}], "name": "Fatima"}
        said |= {"from": person} if came else {"author": {"kind": "employee", "id": "sanne"}}
        told = {"department": about.department, "status": "read", "reason": "", "state": "done"}
        message = self._id(at)
        for kind, data in (("message", said), ("delivery", told), ("status", told)):
            yield Record(
                id=self._id(at),
                kind=kind,
                at=at,
                data=msgspec.json.encode(data),
                tenant=TENANT,
                conversation=about.conversation,
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
