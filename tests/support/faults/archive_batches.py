"""A town's day of records for the archive, made by the router's and the deliverer's own code, in
envelopes as they publish them."""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from deliverer.crm.settlements import Settlement
from deliverer.crm.settlements import settlement_record as settled
from router.handlers.batch import archive_records, make_outputs
from router.handlers.units import parse_items
from router.model.changes import Changes, DecidedUnit
from router.model.decision import Decision, Labels, MessageDecision, StatusDecision
from router.model.work import WorkUnit
from services import clock
from services.contract import Receipt, Record
from tests.support.citizens import NUMBER, WABA, phone, text, webhook

TENANT = "almelo"
CITIZENS = 400
"""Each in a conversation of their own."""
BATCH = 6
"""Messages that a router decides at once."""
BODY = 2
"""Messages in one body."""
FILES, STATUSES = 20, 3
"""Every how manieth message has a file, and every how manieth got a status."""
DEPARTMENTS = ("burgerzaken", "belastingen", "openbare-ruimte")


def envelopes(count: int, run: str) -> Iterator[list[Record]]:
    """Envelopes of so many messages, in order."""
    for numbers in _some(range(count), BATCH):
        said: list[DecidedUnit] = []
        entries = []
        for some in _some(numbers, BODY):
            entries.append(_opened(webhook(*(_message(n, run) for n in some))))
            said += _decided(entries[-1], some)
        if answered := [n for n in numbers if n % STATUSES == 0]:
            entries.append(_opened(_statuses(answered, run)))
            said += _decided(entries[-1], answered)
        yield archive_records(entries, make_outputs(said).values(), ())
        yield [settled(_settlement(decision)) for _, decision, _ in said if decision.event]


def _some(numbers: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    return (numbers[n : n + size] for n in range(0, len(numbers), size))


def conversation(citizen: int) -> str:
    """An id of a conversation, as long as a real one."""
    return f"{NUMBER}-" + f"{citizen:026d}".translate(
        {ord("0") + n: ord("a") + n for n in range(10)}
    )


def _message(n: int, run: str) -> dict[str, Any]:
    said = text(f"{run} {n}", f"wamid.{run}.{n}", n % CITIZENS)
    if n % FILES:
        return said
    file = {"id": str(10**15 + n), "mime_type": "image/jpeg", "sha256": "x" * 44}
    return {key: value for key, value in said.items() if key != "text"} | {
        "type": "image",
        "image": file | {"caption": f"{run} {n}"},
    }


def _statuses(numbers: list[int], run: str) -> bytes:
    told = [
        {
            "id": f"wamid.{run}.answer.{n}",
            "status": "delivered",
            "timestamp": str(int(clock.now().timestamp())),
            "recipient_id": phone(n % CITIZENS),
        }
        for n in numbers
    ]
    metadata = {"display_phone_number": "31546541111", "phone_number_id": NUMBER}
    value = {"messaging_product": "whatsapp", "metadata": metadata, "statuses": told}
    entry = {"id": WABA, "changes": [{"field": "messages", "value": value}]}
    return msgspec.json.encode({"object": "whatsapp_business_account", "entry": [entry]})


def _opened(body: bytes) -> tuple[Receipt, list[Any]]:
    receipt = Receipt(
        id=clock.new_id(),
        received_at=clock.now(),
        door="/webhooks/whatsapp",
        proof="meta-sha256",
        signature="sha256=" + hashlib.sha256(body).hexdigest(),
        body=body,
    )
    return receipt, parse_items(receipt) or []


def _decided(opened: tuple[Receipt, list[Any]], numbers: Sequence[int]) -> Iterator[DecidedUnit]:
    receipt, items = opened
    for place, (item, n) in enumerate(zip(items, numbers, strict=True)):
        key = hashlib.blake2b(item.raw, digest_size=16).digest()
        unit = WorkUnit(key, receipt, item, item_index=place)
        is_message = item.raw.find(b'"status"') < 0
        fields: dict[str, Any] = {
            "record": unit.id("record"),
            "tenant": TENANT,
            "conversation": conversation(n % CITIZENS),
            "department": DEPARTMENTS[n % len(DEPARTMENTS)],
            "destination": "crm",
            "sequence": 2 * n + 1,
            "message": unit.id("message"),
        }
        if is_message:
            opened_at = unit.id("opened") if n < CITIZENS else None
            event = unit.id("event")
            decision: Decision = MessageDecision(
                **fields, labels=Labels(), event=event, opened=opened_at
            )
        else:
            decision = StatusDecision(**fields, status="delivered")
        yield unit, decision, Changes()


def _settlement(decision: Decision) -> Settlement:
    assert decision.event
    return Settlement(
        destination=decision.destination,
        event=decision.event,
        message=decision.message,
        conversation=decision.conversation,
        state="settled",
        attempts=1,
        status=202,
        at=clock.now(),
        tenant=decision.tenant,
    )
