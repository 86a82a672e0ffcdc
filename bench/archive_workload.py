"""What router and deliverer put on the record, made as they make it, of real decisions. Pure.

A citizen writes, and is answered; Meta says of the answer that it was delivered, and read. Each
leaves what it leaves in a town hall: envelopes, conversations, messages, outcomes, statuses, and
the deliveries to a CRM.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

import msgspec

from bench.receipts import Wave, receipts
from deliverer.crm.settlements import record, settlement
from router.handlers.batch import decide_batch, split_by_size
from router.handlers.units import items_of, split_entry
from router.model.decision import Decided, RoutingContext
from router.model.snapshot import Snapshot
from router.output import archive_records
from router.output.crm_events import crm_events
from services.contract import Author, Command, Entry, Receipt, Record, SendOutcome
from services.ids import uuid7
from tests.support.citizens import NUMBER, WABA, phone, signature

TOGETHER = 256
"""Citizens in one batch of the router."""
SETTLED = 64
"""Deliveries that are settled together: a CRM's window."""
OVERHEAD = 200
"""Bytes of a record beside what it holds."""
EACH = 12
"""Records of a citizen: three envelopes, three deliveries, two messages, two statuses, what became
of the sending, and that the conversation was opened."""
LATER = timedelta(minutes=2)
"""The answer comes; a second after it, what Meta says of it."""
SAID = timedelta(seconds=1)
STATUSES = ("delivered", "read")
CLERK = Author(kind="employee", id="m.devries")


def envelopes(
    waves: Iterable[tuple[Wave, datetime]],
    texts: Iterator[str],
    ground: RoutingContext,
    numbers: Sequence[str] = (NUMBER,),
) -> Iterator[list[Record]]:
    """What each message to the archive holds; two messages of each citizen, one each way."""
    for wave, at in waves:
        known = Snapshot()
        for entries in _entries(wave, texts, at, numbers, known):
            yield from _left(entries, known, ground)


def split(first: int, citizens: int, together: int = TOGETHER) -> Iterator[Wave]:
    """So many at once."""
    for start in range(first, first + citizens, together):
        yield Wave(start, min(together, first + citizens - start))


def _entries(
    wave: Wave, texts: Iterator[str], at: datetime, numbers: Sequence[str], known: Snapshot
) -> Iterator[list[Entry]]:
    """A batch of the router each; `known` is what it knows after the one before."""
    yield [receipt for _, receipt in receipts(wave, texts, at, numbers)]
    about = list(known.conversations.values())
    orders = [_order(c.id, c.number, next(texts), at + LATER) for c in about]
    yield list[Entry](orders)
    yield [_sent(order, at + LATER + SAID) for order in orders]
    for nth, status in enumerate(STATUSES, start=2):
        then = at + LATER + nth * SAID
        yield [_said(order, status, wave.first + n, then) for n, order in enumerate(orders)]


def _left(
    entries: Sequence[Entry], known: Snapshot, ground: RoutingContext
) -> Iterator[list[Record]]:
    """The router's messages to the archive, then the deliverer's."""
    opened = [(entry, items_of(entry)) for entry in entries]
    todo = [unit for entry, inside in opened for unit in split_entry(entry, inside, ground)]
    batch = decide_batch(todo, known, ground)
    assert not batch.faults, batch.faults
    yield from split_by_size(
        archive_records.archive_records(opened, batch.to_publish, batch.duplicates), _size
    )
    yield from _delivered(batch.to_publish)


def _size(record: Record) -> int:
    """As the router counts it."""
    return len(record.data) + len(record.raw) + len(record.contact) + OVERHEAD


def _delivered(said: Iterable[Decided]) -> Iterator[list[Record]]:
    made = [
        record(settlement(delivery, destination, 1, 202, delivery.time + SAID))
        for unit, decision, _ in said
        for destination, delivery in crm_events(unit, decision)
    ]
    for start in range(0, len(made), SETTLED):
        yield made[start : start + SETTLED]


def _order(conversation: str, number: str, text: str, at: datetime) -> Command:
    return Command(
        id=uuid7(at, _chance(conversation)),
        received_at=at,
        token="crm",
        type="text",
        text=text,
        content=msgspec.json.encode({"type": "text", "text": {"body": text}}),
        conversation=conversation,
        number=number,
        author=CLERK,
    )


def _wamid(order: Command) -> str:
    return f"wamid.bench.answer.{order.id}"


def _sent(order: Command, at: datetime) -> SendOutcome:
    return SendOutcome(
        id=uuid7(at, _chance(f"sent {order.id}")),
        message=order.id,
        number=order.number,
        conversation=order.conversation,
        at=at,
        state="sent",
        wamid=_wamid(order),
    )


def _said(order: Command, status: str, citizen: int, at: datetime) -> Receipt:
    """What Meta says of an answer, in a body of its own."""
    said = {
        "id": _wamid(order),
        "status": status,
        "timestamp": str(int(at.timestamp())),
        "recipient_id": phone(citizen),
        "recipient_user_id": f"NL.citizen{citizen}",
        "pricing": {"billable": False, "pricing_model": "PMP", "category": "service"},
    }
    metadata = {"display_phone_number": "31546541111", "phone_number_id": order.number}
    value = {"messaging_product": "whatsapp", "metadata": metadata, "statuses": [said]}
    entry = {"id": WABA, "changes": [{"field": "messages", "value": value}]}
    body = msgspec.json.encode({"object": "whatsapp_business_account", "entry": [entry]})
    return Receipt(
        id=uuid7(at, _chance(f"{status} {order.id}")),
        received_at=at,
        door="/webhooks/whatsapp",
        proof="meta-sha256",
        signature=signature(body),
        body=body,
        keys=[order.number, ""],
    )


def _chance(of: str) -> bytes:
    return hashlib.sha256(of.encode()).digest()
