"""Everything that is noted while people look and citizens write: times, bytes and faults."""

import time
from collections import Counter, defaultdict

INBOX, LIST, CONVERSATION, MESSAGES = "inbox", "inbox list", "conversation", "messages"
PAGES = INBOX, CONVERSATION
"""Whole pages, which people wait for."""
PARTS = LIST, MESSAGES
"""Parts of pages, which open pages fetch when something changed."""
BARE_PAGE, BARE_QUERY = "bare page", "bare query"


class Notes:
    """One minute of a load. `accepted` is when the gateway's 200 came, by the message's number."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, list[float]] = defaultdict(list)
        """Kind of a page or part -> seconds from its request to its last byte."""
        self.bytes: defaultdict[str, list[int]] = defaultdict(list)
        self.faults: Counter[str] = Counter()
        self.accepted: dict[int, float] = {}
        self.expected: list[tuple[int, str]] = []
        """A message, and a screen on which it must appear."""
        self.arrived: dict[tuple[int, str], float] = {}

    def note_page(self, kind: str, began: float, size: int) -> None:
        self.seconds[kind].append(time.monotonic() - began)
        self.bytes[kind].append(size)

    def note_arrivals(self, screen: str, numbers: set[int]) -> None:
        now = time.monotonic()
        for number in numbers:
            self.arrived.setdefault((number, screen), now)

    @property
    def at_screens(self) -> list[float]:
        """Seconds from the webhook's acceptance to each screen that must show the message."""
        return [
            # The list may overtake the answer to the webhook, on its way to this process.
            max(0.0, self.arrived[each] - self.accepted[each[0]])
            for each in self.expected
            if each in self.arrived
        ]

    @property
    def unseen(self) -> int:
        return sum(each not in self.arrived for each in self.expected)
