"""The webhooks of a trip: a message each, made and signed before they are due.

The text ends with the number of the message, by which the CRM recognises it.
"""

import hashlib
import hmac
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from bench.rules import EXAMPLES
from bench.workloads.texts import example_texts, write_texts
from bench.workloads.webhooks import SECRET
from services import clock
from tests.support.citizens import text, webhook

BLOCK = 1_000
"""Citizens who begin one after the other, and write again when as many others have begun: a citizen
who writes again does so after more than a thousand messages of others, so that two messages of one
citizen are never on their way at once."""
PER_CITIZEN = 4
"""Messages of a citizen: one in so many is of a new citizen."""
ABOUT = ("afval", "container", "stoep", "paspoort", "rijbewijs", "verhuizing", "woz", "aanslag")
"""Words of the example's rules."""


def citizen_of(n: int) -> int:
    """Return the citizen who writes message `n`: a new one, or one of the block before.

    The first block is all new.
    """
    if n < BLOCK:
        return n
    turn, place = divmod(n - BLOCK, PER_CITIZEN)
    if place == 0:
        return BLOCK + turn
    known = turn * (PER_CITIZEN - 1) + place - 1
    return turn // BLOCK * BLOCK + known % BLOCK


class Workload:
    """All webhooks of a run: no message is sent in two measurements."""

    def __init__(self) -> None:
        self._texts = write_texts(example_texts(EXAMPLES.read_text()), ABOUT, seed=1)
        self.made = 0

    def write(self, path: Path, count: int) -> int:
        """Write so many lines `signature<TAB>body`; return the number of the first message."""
        first = self.made
        with path.open("wb") as file:
            file.writelines(self._lines(first, count))
        self.made += count
        return first

    def _lines(self, first: int, count: int) -> Iterator[bytes]:
        at = int(clock.now().timestamp())
        for n, words in enumerate(islice(self._texts, count), first):
            body = webhook(text(f"{words} ({n})", f"wamid.trip.{n}", citizen_of(n), at))
            digest = hmac.new(SECRET, body, hashlib.sha256).hexdigest()
            yield b"sha256=%s\t%s\n" % (digest.encode(), body)
