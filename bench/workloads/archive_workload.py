"""Records of router and deliverer, made by their own code from real decisions. Pure.

A citizen writes and is answered; Meta reports the answer as delivered and read. Each step leaves
the records that it leaves in production: receipts, conversations, messages, outcomes, statuses,
and the deliveries to a CRM.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

import msgspec

from bench.workloads.receipts import Wave, receipts
from deliverer.crm.settlements import make_settlement, settlement_record
from router.handlers.batch import archive_records, decide_batch, make_outputs, split_by_size
from router.handlers.dispatch import crm_events
from router.handlers.units import parse_items, split_entry
from router.model.changes import DecidedUnit
from router.model.snapshot import Snapshot
from router.model.work import RoutingContext
from services.contract import Author, Command, Entry, Receipt, Record, SendMessage, SendOutcome
from services.ids import uuid7
from tests.support.citizens import NUMBER, WABA, phone, signature

CITIZENS_PER_BATCH = 256
"""Citizens in one batch of the router's."""
SETTLED_TOGETHER = 64
"""Deliveries that are settled together: the concurrency window of a CRM."""
OVERHEAD = 200
"""Bytes of a record beside its contents."""
RECORDS_PER_CITIZEN = 12
"""Records of a citizen: three receipts, three deliveries, two messages, two statuses, the outcome
of the sending, and the opening of the conversation."""
ANSWER_DELAY = timedelta(minutes=2)
"""Time from a message to its answer."""
STATUS_DELAY = timedelta(seconds=1)
"""Time from one report of Meta's on the answer to the next."""
STATUSES = ("delivered", "read")
CLERK = Author(kind="employee", id="m.devries")


def record_batches(
    waves: Iterable[tuple[Wave, datetime]],
    texts: Iterator[str],
    context: RoutingContext,
    numbers: Sequence[str] = (NUMBER,),
) -> Iterator[list[Record]]:
    """Yield the records of each batch message to the archive: two messages of each citizen, one
    each way."""
    for wave, at in waves:
        snapshot = Snapshot()
        for entries in _entries(wave, texts, at, numbers, snapshot):
            yield from _router_batches(entries, snapshot, context)


def split_waves(first: int, citizens: int, together: int = CITIZENS_PER_BATCH) -> Iterator[Wave]:
    """Yield waves of at most `together` citizens."""
    for start in range(first, first + citizens, together):
        yield Wave(start, min(together, first + citizens - start))


def _entries(
    wave: Wave, texts: Iterator[str], at: datetime, numbers: Sequence[str], snapshot: Snapshot
) -> Iterator[list[Entry]]:
    """Yield batches of the router; `snapshot` is what it knows after the one before."""
    yield [receipt for _, receipt in receipts(wave, texts, at, numbers)]
    conversations = list(snapshot.conversations.loaded().values())
    commands = [_command(c.id, c.number, next(texts), at + ANSWER_DELAY) for c in conversations]
    yield list[Entry](commands)
    yield [_send_outcome(command, at + ANSWER_DELAY + STATUS_DELAY) for command in commands]
    for nth, status in enumerate(STATUSES, start=2):
        then = at + ANSWER_DELAY + nth * STATUS_DELAY
        yield [
            _status_receipt(command, status, wave.first + n, then)
            for n, command in enumerate(commands)
        ]


def _router_batches(
    entries: Sequence[Entry], snapshot: Snapshot, context: RoutingContext
) -> Iterator[list[Record]]:
    """Yield the router's batch messages to the archive, then the deliverer's."""
    parsed = [(entry, parse_items(entry)) for entry in entries]
    units = [unit for entry, items in parsed for unit in split_entry(entry, items, context)]
    batch = decide_batch(units, snapshot, context)
    assert not batch.faults, batch.faults
    yield from split_by_size(
        archive_records(parsed, make_outputs(batch.to_publish).values(), batch.duplicates), _size
    )
    yield from _deliverer_batches(batch.to_publish)


def _size(record: Record) -> int:
    """Return the size of a record, as the router counts it."""
    return len(record.data) + len(record.raw) + len(record.contact) + OVERHEAD


def _deliverer_batches(decided: Iterable[DecidedUnit]) -> Iterator[list[Record]]:
    records = [
        settlement_record(
            make_settlement(delivery, destination, 1, 202, delivery.time + STATUS_DELAY)
        )
        for unit, decision, _ in decided
        for destination, delivery in crm_events(unit, decision)
    ]
    for start in range(0, len(records), SETTLED_TOGETHER):
        yield records[start : start + SETTLED_TOGETHER]


def _command(conversation: str, number: str, text: str, at: datetime) -> Command:
    return Command(
        id=uuid7(at, _digest(conversation)),
        received_at=at,
        token="crm",
        action=SendMessage(
            type="text",
            text=text,
            content=msgspec.json.encode({"type": "text", "text": {"body": text}}),
        ),
        conversation=conversation,
        number=number,
        author=CLERK,
    )


def _wamid(command: Command) -> str:
    return f"wamid.bench.answer.{command.id}"


def _send_outcome(command: Command, at: datetime) -> SendOutcome:
    return SendOutcome(
        id=uuid7(at, _digest(f"sent {command.id}")),
        message=command.id,
        number=command.number,
        conversation=command.conversation,
        at=at,
        state="sent",
        wamid=_wamid(command),
    )


def _status_receipt(command: Command, status: str, citizen: int, at: datetime) -> Receipt:
    """Return a status of an answer, in a webhook body of its own."""
    data = {
        "id": _wamid(command),
        "status": status,
        "timestamp": str(int(at.timestamp())),
        "recipient_id": phone(citizen),
        "recipient_user_id": f"NL.citizen{citizen}",
        "pricing": {"billable": False, "pricing_model": "PMP", "category": "service"},
    }
    metadata = {"display_phone_number": "31546541111", "phone_number_id": command.number}
    value = {"messaging_product": "whatsapp", "metadata": metadata, "statuses": [data]}
    entry = {"id": WABA, "changes": [{"field": "messages", "value": value}]}
    body = msgspec.json.encode({"object": "whatsapp_business_account", "entry": [entry]})
    return Receipt(
        id=uuid7(at, _digest(f"{status} {command.id}")),
        received_at=at,
        door="/webhooks/whatsapp",
        proof="meta-sha256",
        signature=signature(body),
        body=body,
        keys=[command.number, ""],
    )


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
