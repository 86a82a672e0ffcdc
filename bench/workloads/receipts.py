"""Receipts as the gateway publishes them to the partitions, with a message in each. Pure."""

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
"""Interval of two messages, at the router's target rate."""


class Wave(msgspec.Struct, frozen=True):
    """Citizens from `first` on who each write their `nth` message. `repeat`: how often Meta has
    sent it before."""

    first: int
    citizens: int
    nth: int = 0
    repeat: int = 0


def receipts(
    wave: Wave, texts: Iterator[str], at: datetime, numbers: Sequence[str] = (NUMBER,)
) -> Iterator[tuple[str, Receipt]]:
    """Yield a receipt of each citizen, and the number that they wrote to."""
    for n in range(wave.citizens):
        citizen, number, now = wave.first + n, numbers[n % len(numbers)], at + n * APART
        wamid = f"wamid.bench.{citizen}.{wave.nth}"
        body = webhook(text(next(texts), wamid, citizen, int(at.timestamp())), number=number)
        chance = hashlib.sha256(f"{wamid}.{wave.repeat}".encode()).digest()
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


def receipt_batches(
    receipts_by_number: Iterable[tuple[str, Receipt]], partitions: int
) -> Iterator[tuple[int, list[Receipt]]]:
    """Yield partition and receipts of each batch, as large as the gateway's are under load."""
    by_partition: dict[int, list[Receipt]] = {}
    for number, receipt in receipts_by_number:
        by_partition.setdefault(partition_of(number, partitions), []).append(receipt)
    for partition, batch in by_partition.items():
        for chunk in split_by_size(batch, lambda receipt: len(receipt.body) + OVERHEAD):
            yield partition, chunk
