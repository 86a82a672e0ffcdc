"""Benchmarks of the archiver and of its log: their workload and their verdicts."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bench.reports.archiver_report import ARCHIVER, KEYED, PLAIN, WHOLE, ArchiverSample
from bench.reports.archiver_report import table as table_of_archiver
from bench.reports.log_report import (
    PART,
    WARM_UP,
    BatchCost,
    ProofTimes,
    Verification,
    proof_times,
    table,
    verification_table,
)
from bench.rules import EXAMPLES
from bench.workloads.archive_workload import (
    CITIZENS_PER_BATCH,
    RECORDS_PER_CITIZEN,
    record_batches,
    split_waves,
)
from bench.workloads.receipts import Wave
from bench.workloads.texts import example_texts, write_texts
from router.handlers.batch import BYTES, ITEMS
from router.model.hashes import Hashes
from router.ruleset.context import build_context
from services.config import loader
from services.contract import Record
from services.ids import created_at
from tests.support.installation import EXAMPLE

AT = datetime(2026, 11, 24, 10, tzinfo=UTC)
TEXTS = example_texts(EXAMPLES.read_text())


@pytest.fixture
def batches(tmp_path: Path) -> list[list[Record]]:
    """Records of 300 citizens."""
    (tmp_path / "postkamer.toml").write_text(EXAMPLE.read_text())
    ground = build_context(loader.load(tmp_path / "postkamer.toml"), Hashes(b"bench"))
    waves = ((wave, AT) for wave in split_waves(7, 300))
    return list(record_batches(waves, write_texts(TEXTS, (), 1), ground))


def test_archive_workload_leaves_what_conversations_with_an_answer_leave(
    batches: list[list[Record]],
) -> None:
    records = [record for batch in batches for record in batch]
    assert len({record.id for record in records}) == len(records) == 300 * RECORDS_PER_CITIZEN
    kinds = {"receipt": 900, "conversation": 300, "message": 600, "send": 300}
    kinds |= {"status": 600, "delivery": 900}
    assert Counter(record.kind for record in records) == kinds
    of_each = Counter(record.conversation for record in records if record.conversation)
    assert len(of_each) == 300 and set(of_each.values()) == {RECORDS_PER_CITIZEN - 3}
    moments = [created_at(record.id) for record in records]
    assert min(moments) >= AT and max(moments) < AT + timedelta(minutes=3)


def test_archive_workload_has_batches_no_larger_than_the_routers(
    batches: list[list[Record]],
) -> None:
    for batch in batches:
        assert 0 < len(batch) <= ITEMS
        assert sum(len(r.data) + len(r.raw) + len(r.contact) for r in batch) <= BYTES


def test_waves_hold_so_many_citizens_at_once() -> None:
    assert list(split_waves(7, CITIZENS_PER_BATCH + 1)) == [
        Wave(7, CITIZENS_PER_BATCH),
        Wave(7 + CITIZENS_PER_BATCH, 1),
    ]
    assert list(split_waves(0, 5, 2)) == [Wave(0, 2), Wave(2, 2), Wave(4, 1)]


def a_round(rate: float, keyed: float, plain: float) -> ArchiverSample:
    spent = {"process": 2.4e-5, "postgresql": 2.1e-5, "rabbitmq": 1e-6}
    rates = {ARCHIVER: rate, WHOLE: rate * 2, KEYED: keyed, PLAIN: plain}
    return ArchiverSample(rates, spent, memory=rate / 100)


def test_archiver_is_judged_beside_a_bare_copy_of_the_same_round() -> None:
    rounds = [a_round(10_000, 25_000, 50_000), a_round(20_000, 50_000, 100_000)]
    lines = list(map(str, table_of_archiver(rounds)))
    (row,) = [line for line in lines if line.startswith(KEYED)]
    assert row.split()[-2:] == ["0.40", "(0.40-0.40)"]
    (used,) = [line for line in lines if line.startswith("archiver") and "24" in line]
    assert used.split() == ["archiver", "24", "(24-24)", "200"]
    judged = [line.split()[-2:] for line in lines[-3:]]
    assert judged == [["0.50", "yes"], ["0.40", "yes"], ["0.20", "NO"]]


def costs(last: float) -> list[BatchCost]:
    """Batches of 1,000 records: the first five very slow, the last 50 so many times as slow."""
    total = 200
    slow = {n: last for n in range(total - PART // 1000, total)} | dict.fromkeys(
        range(WARM_UP // 1000), 99.0
    )
    return [
        BatchCost(n * 1000, 1000, 0.05 * times, 0.02 * times, 0.01)
        for n in range(total)
        for times in (slow.get(n, 1.0),)
    ]


@pytest.mark.parametrize(
    ("last", "measured"),
    [(1.2, ["1.20", "yes", "1.13", "yes"]), (1.6, ["1.60", "NO", "1.40", "NO"])],
)
def test_last_batches_are_judged_against_the_first_without_the_warm_up(
    last: float, measured: list[str]
) -> None:
    lines = list(map(str, table(costs(last), bytes=200_000 * 900)))
    assert [word for line in lines[-2:] for word in line.split()[-2:]] == measured
    assert "900 bytes of disk a record, indexes included" in lines
    rows = [line.split() for line in lines if line[:14].strip().replace(",", "").isdecimal()]
    assert [row[0] for row in rows] == [f"{n:,}" for n in range(0, 200_000, 20_000)]
    assert rows[1] == ["20,000", "20,000", "50", "20", "10"]


def verified(early: float, found: int = 0, *missed: str) -> Verification:
    return Verification(1000, 0.5, early, peak=110, found=found, missed=list(missed))


@pytest.mark.parametrize(
    ("whole", "tampered", "verdicts"),
    [
        (verified(100), verified(100, 3), "yes yes yes"),
        (verified(90), verified(100, 3), "NO yes yes"),
        (verified(100, 1), verified(100, 3), "yes NO yes"),
        (verified(100), verified(100, 1, "salt"), "yes yes NO"),
    ],
)
def test_verification_is_judged_by_speed_false_alarms_and_misses(
    whole: Verification, tampered: Verification, verdicts: str
) -> None:
    lines = list(map(str, verification_table(whole, tampered, 2, ProofTimes(2.0, 9.0))))
    judged = [line.split()[-1] for line in lines if line.endswith((" yes", " NO"))]
    assert judged == verdicts.split()
    assert ("not found: salt" in lines) == bool(tampered.missed)
    assert "archive verify: 1,000 entries in 0.5 s, 2,000/s, 110 MiB" in lines
    found = proof_times([float(n) for n in range(1, 100)])
    assert (found.p50, found.p99) == (50.0, 99.0)
