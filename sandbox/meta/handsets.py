"""What the citizens' phones hold: who they are, what reached them and what they have not read."""

from collections import OrderedDict, deque
from datetime import datetime
from itertools import islice
from typing import Any

import msgspec

from sandbox.meta.webhook_payloads import Citizen, Sent
from services.whatsapp.delivery_status import CUSTOMER_SERVICE_WINDOW

MESSAGES_KEPT = 20_000
"""Messages of municipalities that tests may ask for, about 1 KiB each."""
PEOPLE_KEPT = 100_000
"""Citizens whose number is known by their bsuid, about 300 bytes each."""
UNREAD_KEPT = 1_000
"""Chats with unread messages; a chat keeps its last 100."""
UNREAD_IN_CHAT = 100
IDS_KEPT = 500_000
"""Message ids by which a message that a citizen gets twice is known."""
ID_LENGTH = 36
"""Of the UUID that opens our biz_opaque_callback_data."""


class Arrival(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """A message that the Graph API accepted; `n` counts them from 1."""

    n: int
    wamid: str
    number: str
    provider: str
    """By whose door it came."""
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
        """Phone number and who has it now."""
        self._wrote: OrderedDict[tuple[str, str], datetime] = OrderedDict()
        """Number and bsuid, and when they wrote to it last."""
        self._unread: OrderedDict[tuple[str, str], deque[Sent]] = OrderedDict()
        self.clear()

    def clear(self) -> None:
        """Forget what was accepted; people and unread messages stay."""
        self._arrivals: deque[Arrival] = deque(maxlen=MESSAGES_KEPT)
        self._ids: OrderedDict[str, None] = OrderedDict()
        self._count = self._repeats = 0

    def meet(self, citizen: Citizen) -> None:
        for kept, key in ((self._people, citizen.bsuid), (self._holders, citizen.phone)):
            kept[key] = citizen
            kept.move_to_end(key)
            if len(kept) > PEOPLE_KEPT:
                kept.popitem(last=False)

    def wrote(self, number: str, bsuid: str, at: datetime) -> None:
        self._wrote[number, bsuid] = at
        self._wrote.move_to_end((number, bsuid))
        if len(self._wrote) > PEOPLE_KEPT:
            self._wrote.popitem(last=False)

    def closed(self, number: str, bsuid: str, at: datetime) -> bool:
        """Whether they wrote to it too long ago for anything but a template. Of who never wrote by
        this phone nothing is known: tests bring what citizens write to the gateway themselves."""
        wrote = self._wrote.get((number, bsuid))
        return wrote is not None and at >= wrote + CUSTOMER_SERVICE_WINDOW

    def who(self, bsuid: str) -> Citizen | None:
        return self._people.get(bsuid)

    def holding(self, phone: str, portfolio: str) -> Citizen:
        """Who has this number now, as they are known in a portfolio."""
        known = self._holders.get(phone) or Citizen(phone)
        return msgspec.structs.replace(known, portfolio=portfolio)

    def accept(self, sent: Sent, kind: str, content: Any, at: datetime) -> None:
        """Note a message that Meta took for a citizen."""
        self._count += 1
        arrival = Arrival(
            n=self._count,
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
        self._arrivals.append(arrival)
        self._recognise(sent.opaque[:ID_LENGTH])

    def deliver(self, sent: Sent) -> None:
        """The message is on the phone, unread."""
        unread = self._unread.setdefault(sent.chat, deque(maxlen=UNREAD_IN_CHAT))
        unread.append(sent)
        self._unread.move_to_end(sent.chat)
        if len(self._unread) > UNREAD_KEPT:
            self._unread.popitem(last=False)

    def read(self, number: str, phone: str) -> list[Sent]:
        """The citizen looks at the chat: what was unread until now."""
        return list(self._unread.pop((number, phone), ()))

    def after(self, n: int, most: int) -> list[Arrival]:
        """Up to `most` accepted messages after the n-th, oldest first."""
        oldest = self._count - len(self._arrivals)
        start = max(n - oldest, 0)
        return list(islice(self._arrivals, start, start + most))

    def summary(self) -> dict[str, int]:
        return {"count": self._count, "repeats": self._repeats}

    def _recognise(self, message: str) -> None:
        if not message:
            return
        if message in self._ids:
            self._repeats += 1
        self._ids[message] = None
        if len(self._ids) > IDS_KEPT:
            self._ids.popitem(last=False)
