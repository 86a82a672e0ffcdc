"""What the gateway puts into the partitions' queues: receipts, with a message in each. Pure."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

import msgspec

from router.handlers.batch import split_by_size
from services.amqp.topology import partition_of
from services.contract import Receipt
from services.ids import uuid7
from tests.support.citizens import NUMBER, signature, text, webhook

OVERHEAD = 256
"""Bytes of an entry beside its body, as the gateway counts them."""
APART = timedelta(microseconds=100)
"""Between two messages: what the router is asked to keep up with."""


class Wave(msgspec.Struct, frozen=True):
    """So many citizens, from the `first` on, who each write their `nth` message; `said`: how often
    Meta has said it before."""

    first: int
    citizens: int
    nth: int = 0
    said: int = 0


def receipts(
    wave: Wave, texts: Iterator[str], at: datetime, numbers: Sequence[str] = (NUMBER,)
) -> Iterator[tuple[str, Receipt]]:
    """A receipt of each citizen's, and the number of ours that they wrote to."""
    for n in range(wave.citizens):
        citizen, number, now = wave.first + n, numbers[n % len(numbers)], at + n * APART
        wamid = f"wamid.bench.{citizen}.{wave.nth}"
        body = webhook(text(next(texts), wamid, citizen, int(at.timestamp())), number=number)
        chance = hashlib.sha256(f"{wamid}.{wave.said}".encode()).digest()
        yield (
            number,
            Receipt(
                id=uuid7(now, chance),
                received_at=now,
                door="/webhooks/whatsapp",
                proof="meta-sha256",
                signature=signature(body),
                body=body,
                keys=[number, ""],
            ),
        )


def envelopes(
    given: Iterable[tuple[str, Receipt]], partitions: int
) -> Iterator[tuple[int, list[Receipt]]]:
    """Partition and receipts of each envelope, as large as the gateway's are under load."""
    shares: dict[int, list[Receipt]] = {}
    for number, receipt in given:
        shares.setdefault(partition_of(number, partitions), []).append(receipt)
    for partition, theirs in shares.items():
        for chunk in split_by_size(theirs, lambda receipt: len(receipt.body) + OVERHEAD):
            yield partition, chunk
