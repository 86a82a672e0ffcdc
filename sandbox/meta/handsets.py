"""State of the citizens' phones: their owners, the messages they received and have not read."""

from collections import OrderedDict, deque
from datetime import datetime
from typing import Any

import msgspec

from sandbox.memory import Ring, remember
from sandbox.meta.webhook_payloads import Citizen, Sent
from services.whatsapp.delivery_status import CUSTOMER_SERVICE_WINDOW

MESSAGES_KEPT = 20_000
"""Accepted messages that tests can read back, about 1 KiB each."""
PEOPLE_KEPT = 100_000
"""Citizens remembered by their bsuid, about 300 bytes each."""
UNREAD_KEPT = 1_000
"""Chats with unread messages; each keeps its last 100."""
UNREAD_IN_CHAT = 100
IDS_KEPT = 500_000
"""Message ids remembered to detect a message that a citizen gets twice."""
ID_LENGTH = 36
"""Length of the UUID at the start of our biz_opaque_callback_data."""


class Arrival(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """A message that the Graph API accepted; `n` counts them from 1."""

    n: int
    wamid: str
    number: str
    provider: str
    """Carrier whose API it was sent to."""
    phone: str
    bsuid: str
    opaque: str
    type: str
    content: Any
    at: datetime


class Handsets:
    def __init__(self) -> None:
        self._people: OrderedDict[str, Citizen] = OrderedDict()
        self._holders: OrderedDict[str, Citizen] = OrderedDict()
        """Phone number -> its present holder."""
        self._last_written: OrderedDict[tuple[str, str], datetime] = OrderedDict()
        """(Number, bsuid) -> when the citizen last wrote to the number."""
        self._unread: OrderedDict[tuple[str, str], deque[Sent]] = OrderedDict()
        self.clear()

    def clear(self) -> None:
        """Forget accepted messages; people and unread messages stay."""
        self._arrivals: Ring[Arrival] = Ring(MESSAGES_KEPT)
        self._ids: OrderedDict[str, None] = OrderedDict()
        self._repeats = 0

    def add_citizen(self, citizen: Citizen) -> None:
        remember(self._people, citizen.bsuid, citizen, PEOPLE_KEPT)
        remember(self._holders, citizen.phone, citizen, PEOPLE_KEPT)

    def record_written(self, number: str, bsuid: str, at: datetime) -> None:
        remember(self._last_written, (number, bsuid), at, PEOPLE_KEPT)

    def is_window_closed(self, number: str, bsuid: str, at: datetime) -> bool:
        """Return True if the customer service window is closed, so only a template can be sent.
        False if the citizen never wrote through this phone: tests post messages of citizens to the
        gateway themselves."""
        last_written = self._last_written.get((number, bsuid))
        return last_written is not None and at >= last_written + CUSTOMER_SERVICE_WINDOW

    def find_citizen(self, bsuid: str) -> Citizen | None:
        return self._people.get(bsuid)

    def find_holder(self, phone: str, portfolio: str) -> Citizen:
        """Return the present holder of a phone number, as known in a portfolio."""
        holder = self._holders.get(phone) or Citizen(phone)
        return msgspec.structs.replace(holder, portfolio=portfolio)

    def accept(self, sent: Sent, kind: str, content: Any, at: datetime) -> None:
        """Record a message that Meta accepted for a citizen."""
        arrival = Arrival(
            n=self._arrivals.count + 1,
            wamid=sent.wamid,
            number=sent.number.id,
            provider=sent.number.provider,
            phone=sent.phone,
            bsuid=sent.bsuid,
            opaque=sent.opaque,
            type=kind,
            content=content,
            at=at,
        )
        self._arrivals.add(arrival)
        self._count_repeat(sent.opaque[:ID_LENGTH])

    def deliver(self, sent: Sent) -> None:
        """Put a message on the phone, unread."""
        unread = self._unread.get(sent.chat) or deque(maxlen=UNREAD_IN_CHAT)
        unread.append(sent)
        remember(self._unread, sent.chat, unread, UNREAD_KEPT)

    def mark_read(self, number: str, phone: str) -> list[Sent]:
        """Mark a chat as read, and return the messages that were unread."""
        return list(self._unread.pop((number, phone), ()))

    def messages_after(self, n: int, limit: int) -> list[Arrival]:
        """Return up to `limit` accepted messages after the n-th, oldest first."""
        return self._arrivals.after(n, limit)

    def summary(self) -> dict[str, int]:
        return {"count": self._arrivals.count, "repeats": self._repeats}

    def _count_repeat(self, message: str) -> None:
        if message:
            self._repeats += message in self._ids
            remember(self._ids, message, None, IDS_KEPT)
