"""The cost of sealing for one message: every value that is sealed or opened on its way.

Each step is timed alone, with values as long as those of an ordinary message; a batch of the broker
is shared by its messages. CPU time, which other load on the machine affects little.
"""

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bench.reports.results import Report, TargetLine
from services import clock
from services.sealing.columns import LEDGER, bind, bind_ledger
from services.sealing.key_ring import DAILY, KeyRing, WorkingKey

LIMIT_US = 40.0
"""Target for a message of a citizen, for an answer, and for a status."""
LOOPS, ROUNDS = 2_000, 30
"""Calls in one round of a step, some milliseconds, and rounds. The steps take turns and the best
round of each counts: another process on the same core makes seconds on end slower."""
BATCH = 16
"""Messages of one AMQP message: few, so that their share is not made small."""
DECISION, CONTENT, STATE, RECEIPT, RECORDS = 900, 200, 400, 700, 1_800
"""Bytes: of a decision, a message's JSON, a conversation's state, one receipt, and all records of
one message."""
WAMID, NAME, REASON = 60, 11, 80
"""Characters."""


ID, PERSON, CONVERSATION = clock.new_id(), clock.new_id(), "10000001-" + "a" * 22
LINE = dict.fromkeys(LEDGER) | {
    "id": ID, "number": "10000001", "conversation": CONVERSATION, "person": PERSON,
    "address_kind": "phone", "address": "a" * WAMID,
}  # fmt: skip
IDENTITY_ROW = ("almelo", "phone", bytes(32), "a" * WAMID, PERSON, "portfolio", False)
Bound = Callable[[], bytes]


def bind_id() -> bytes:
    return bind(ID)


def bind_line() -> bytes:
    return bind_ledger(LINE)


def bind_conversation() -> bytes:
    return bind(CONVERSATION, "almelo", "10000001", PERSON, "kcc", ("kcc", "burgerzaken"))


class Step(msgspec.Struct, frozen=True):
    """Something that happens to a message so many times on its way."""

    what: str
    work: Callable[[KeyRing], Callable[[], object]]
    times: float


def _seal_batch(size: int) -> Callable[[KeyRing], Callable[[], object]]:
    plain = os.urandom(size)
    return lambda ring: lambda: ring.seal_buffer(plain, "queue", "queue")


def _open_batch(size: int) -> Callable[[KeyRing], Callable[[], object]]:
    def work(ring: KeyRing) -> Callable[[], object]:
        sealed = bytes(ring.seal_buffer(os.urandom(size), "queue", "queue"))
        return lambda: ring.unseal_buffer(sealed, "queue")

    return work


def _seal(size: int) -> Callable[[KeyRing], Callable[[], object]]:
    plain, id = os.urandom(size), clock.new_id()
    return lambda ring: lambda: ring.seal(plain, "decision", bind("crm", id))


def _open(size: int) -> Callable[[KeyRing], Callable[[], object]]:
    plain, id = os.urandom(size), clock.new_id()

    def work(ring: KeyRing) -> Callable[[], object]:
        sealed = ring.seal(plain, "decision", bind("crm", id))
        return lambda: ring.unseal(sealed, "decision", bind("crm", id))

    return work


def _seal_text(size: int, bound: Bound = bind_id) -> Callable[[KeyRing], Callable[[], object]]:
    text = "a" * size
    return lambda ring: lambda: ring.seal_text(text, "wamid", bound())


def _open_text(size: int, bound: Bound = bind_id) -> Callable[[KeyRing], Callable[[], object]]:
    def work(ring: KeyRing) -> Callable[[], object]:
        sealed = ring.seal_text("a" * size, "wamid", bound())
        return lambda: ring.unseal_text(sealed, "wamid", bound())

    return work


def _seal_name(ring: KeyRing) -> Callable[[], object]:
    return lambda: ring.seal_name("1" * NAME, "address")


def _open_name(ring: KeyRing) -> Callable[[], object]:
    sealed = ring.seal_name("1" * NAME, "address")
    return lambda: ring.unseal_text(sealed, "address")


def _hash_identity(ring: KeyRing) -> Callable[[], object]:
    return lambda: ring.hash(bind(*IDENTITY_ROW), "identity")


def _hash(ring: KeyRing) -> Callable[[], object]:
    value = bytes(32)
    return lambda: ring.hash(value, "fingerprint")


# A batch of receipts is sealed and opened once, a batch of records too, a batch of events too.
QUEUES = (
    Step("partition batch sealed", _seal_batch(BATCH * RECEIPT), 1 / BATCH),
    Step("partition batch opened", _open_batch(BATCH * RECEIPT), 1 / BATCH),
    Step("archive batch sealed", _seal_batch(BATCH * RECORDS), 1 / BATCH),
    Step("archive batch opened", _open_batch(BATCH * RECORDS), 1 / BATCH),
)
STATE_OPENED = (Step("conversation opened", _open_text(STATE, bind_conversation), 1),)
STATE_SEALED = (Step("conversation sealed", _seal_text(STATE, bind_conversation), 1),)
REASON_OPENED = (Step("its reason opened", _open_text(REASON), 1),)
DELIVERY = (
    Step("delivery batch sealed", _seal_batch(BATCH * RECEIPT), 1 / BATCH),
    Step("delivery batch opened", _open_batch(BATCH * RECEIPT), 1 / BATCH),
    Step("event kept to be sent again sealed", _seal(DECISION), 1),
)
INBOUND = (
    *QUEUES,
    *STATE_OPENED,
    *REASON_OPENED,
    *STATE_SEALED,
    *DELIVERY,
    Step("its reason sealed", _seal_text(REASON), 1),
    Step("decision sealed", _seal(DECISION), 1),
    Step("wamid sealed", _seal_text(WAMID), 1),
    Step("two names of a new person sealed", _seal_name, 2),
    Step("their rows hashed", _hash_identity, 2),
)
# The command and its outcome come in batches of their own, and each opens the conversation. Its
# reason stays in the row as it is, and the outcome leaves the row alone. The address goes from the
# identity to the ledger as it is. No CRM is told before Meta's first status.
ANSWER = (
    *(msgspec.structs.replace(step, times=2 * step.times) for step in (*QUEUES, *STATE_OPENED)),
    *REASON_OPENED,
    *STATE_SEALED,
    Step("fingerprint hashed", _hash, 1),
    Step("decisions on command and outcome sealed", _seal(CONTENT), 2),
    Step("address opened", _open_name, 1),
    Step("row of the identity held against its hash", _hash_identity, 1),
    Step("content sealed", _seal_text(CONTENT, bind_line), 1),
    Step("content opened", _open_text(CONTENT, bind_line), 1),
    Step("author, wamid and that of the ticks sealed", _seal_text(WAMID), 3),
    Step("wamid of the ticks opened", _open_text(WAMID), 1),
    Step("outcome sealed", _seal(CONTENT), 1),
    Step("outcome opened", _open(CONTENT), 1),
)
STATUS = (
    *QUEUES,
    *STATE_OPENED,
    *DELIVERY,
    Step("decision sealed", _seal(CONTENT), 1),
)
WAYS = (
    ("a citizen's message", INBOUND),
    ("an answer, until Meta's answer is on the record", ANSWER),
    ("a status of it: sent, delivered or read", STATUS),
)


def measure(_: Path, report: Report) -> None:
    """Measure and print each step, then each way as a whole."""
    ring = _ring()
    for title, steps in WAYS:
        report(f"{title:44}{'us each':>9}{'times':>8}{'us':>8}")
        *costs, bare = _costs(steps, ring)
        for step, cost in zip(steps, costs, strict=True):
            report(f"  {step.what:42}{cost:9.1f}{step.times:8.2f}{cost * step.times:8.1f}")
        total = sum(cost * step.times for step, cost in zip(steps, costs, strict=True))
        report(f"  {'bare AES-GCM of one decision':42}{bare:9.1f}")
        report(TargetLine(f"us in all, at most {LIMIT_US:.0f}: {total:.1f}", total <= LIMIT_US))


def _ring() -> KeyRing:
    ring, today = KeyRing(), clock.now().date()
    kinds = (*DAILY, "standing")
    keys = [WorkingKey(os.urandom(8), kind, today, os.urandom(32)) for kind in kinds]
    ring.install(keys, today)
    return ring


def _costs(steps: Sequence[Step], ring: KeyRing) -> list[float]:
    """Return the microseconds of one call of each step, and of a bare AES-GCM behind them."""
    works = [*(step.work(ring) for step in steps), _bare()]
    rounds = [[_seconds(work) for work in works] for _ in range(ROUNDS)]
    return [min(each) / LOOPS * 1e6 for each in zip(*rounds, strict=True)]


def _bare() -> Callable[[], object]:
    cipher, plain, nonce = AESGCM(os.urandom(32)), os.urandom(DECISION), bytes(12)
    return lambda: cipher.encrypt(nonce, plain, b"decision")


def _seconds(work: Callable[[], object]) -> float:
    """Return the CPU time of one round."""
    started = time.process_time()
    for _ in range(LOOPS):
        work()
    return time.process_time() - started
