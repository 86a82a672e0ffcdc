"""Benchmarks of rules and router: their workload and their verdicts."""

import os
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import pytest

from bench import rules
from bench.reports import router_report
from bench.reports.router_report import (
    BARE,
    KINDS,
    KNOWN,
    NEW,
    REPEATED,
    describe_missing,
    handled_count,
)
from bench.rules import EXAMPLES, FEW, MANY, NONE
from bench.usage import cpu_seconds, peak_memory
from bench.workloads.large_config import large_municipality, rule_words
from bench.workloads.receipts import Wave, receipt_batches, receipts
from bench.workloads.texts import FEWEST_WORDS, MOST_WORDS, example_texts, subjects, write_texts
from gateway.intake import OVERHEAD_BYTES
from router.model.hashes import keyed_hash
from services.amqp.batcher import BatchLimits
from services.amqp.topology import partition_of
from services.event_types import RECEIVED
from services.whatsapp import items
from services.whatsapp.parser import parse
from tests.support.citizens import NUMBER, SECRET, signature
from tests.support.installation import NEIGHBOUR_NUMBER

AT = datetime(2026, 11, 24, 10, tzinfo=UTC)
TEXTS = example_texts(EXAMPLES.read_text())


def texts(count: int, seed: int = 1) -> list[str]:
    about = subjects(rule_words(100))
    return list(islice(write_texts(TEXTS, about, seed), count))


def test_texts_are_real_ones_of_3_to_40_words_about_subjects_of_the_rules() -> None:
    first, second = texts(1000), texts(1000, seed=2)
    assert first == texts(1000) != second
    assert all(FEWEST_WORDS <= len(text.split()) <= MOST_WORDS for text in first)
    once = {word for text in first for word in text.split()}
    words = [word for text in second for word in text.split()]
    assert 0.03 < len([word for word in words if word not in once]) / len(words) < 0.08, "new ones"
    about = subjects(rule_words(100))
    assert not any(set(word) & set('"*') for word in about), "as a citizen writes it"
    assert 700 < len([text for text in first if any(word in text for word in about)]) < 800


def bodies(wave: Wave) -> list[bytes]:
    return [receipt.body for _, receipt in receipts(wave, write_texts(TEXTS, (), 1), AT)]


def test_receipt_is_one_signed_message_for_its_number() -> None:
    numbers = (NUMBER, NEIGHBOUR_NUMBER)
    given = list(receipts(Wave(7, 4), write_texts(TEXTS, (), 1), AT, numbers))
    assert [number for number, _ in given] == [*numbers, *numbers]
    for number, receipt in given:
        (item,) = parse(receipt.body)
        assert isinstance(item, items.Message)
        assert [item.number, ""] == receipt.keys == [number, ""]
        assert receipt.signature == signature(receipt.body, SECRET)
    assert len({receipt.id for _, receipt in given}) == 4


def test_later_wave_has_the_same_persons_and_a_repeat_the_same_messages() -> None:
    (first,) = parse(bodies(Wave(7, 1))[0])
    (second,) = parse(bodies(Wave(7, 1, nth=1))[0])
    (again,) = parse(bodies(Wave(7, 1, nth=1, repeat=1))[0])
    assert isinstance(first, items.Message) and isinstance(second, items.Message)
    assert first.person == second.person and first.id != second.id
    assert again == second
    one, other = (
        next(receipts(Wave(7, 1, 1, said), write_texts(TEXTS, (), 1), AT))[1] for said in range(2)
    )
    assert one.id != other.id


def test_receipt_batches_are_as_large_as_the_gateways_and_in_order() -> None:
    bounds = BatchLimits()
    numbers = (NUMBER, NEIGHBOUR_NUMBER)
    given = list(receipts(Wave(0, 1500), write_texts(TEXTS, (), 1), AT, numbers))
    found = list(receipt_batches(given, 2))
    for partition in range(2):
        mine = [receipt for number, receipt in given if partition_of(number, 2) == partition]
        theirs = [entries for n, entries in found if n == partition]
        assert [receipt for entries in theirs for receipt in entries] == mine
        for entries in theirs:
            size = sum(len(receipt.body) + OVERHEAD_BYTES for receipt in entries)
            assert len(entries) <= bounds.items and size <= bounds.bytes
            full = len(entries) == bounds.items or size > bounds.bytes - 2000
            assert full or entries is theirs[-1]


@pytest.mark.slow
@pytest.mark.parametrize("size", [NONE, FEW])
def test_generated_municipality_can_be_compiled_and_decided_by(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    path = rules.write_municipality(tmp_path, size)
    ground, seconds = rules.compile_rules(path)
    assert len(ground.config.rules) == size[0] and seconds > 0
    spent = rules.measure_decisions(
        ground, write_texts(TEXTS, subjects(rule_words(100)), 1), messages=512
    )
    assert all(0 < each < 1 for each in spent)


def test_many_rules_have_all_words_of_the_few() -> None:
    assert rule_words(MANY[1])[: FEW[1]] == rule_words(FEW[1])
    assert large_municipality(*NONE).keys() == large_municipality(*FEW).keys()


def sample(check: float, new: float) -> rules.RulesSample:
    return rules.RulesSample(compile=1.0, check=check, matching=1e-5, new=new, known=1e-4)


@pytest.mark.parametrize(
    ("check", "new", "verdicts"),
    [(1.9, 1.4e-4, "yes yes yes"), (2.1, 1.4e-4, "NO yes yes"), (1.9, 1.6e-4, "yes NO yes")],
)
def test_many_rules_are_judged_against_few_of_the_same_round(
    check: float, new: float, verdicts: str
) -> None:
    few = [sample(0.5, 1e-4), sample(0.5, 3e-4)]
    many = [sample(check, new), sample(check, 3 * new)]
    lines = list(map(str, rules.table({NONE: few, FEW: few, MANY: many})))
    assert [line.split()[-1] for line in lines[-3:]] == verdicts.split()
    (row,) = [line for line in lines if line.startswith("decided, of a new citizen")]
    assert row.split()[-4:-2] == ["200", "(100-300)"]


METRICS = """\
# TYPE postkamer_decisions_total counter
postkamer_decisions_total{department="burgerzaken",rule="reisdocumenten"} 12.0
postkamer_decisions_total{department="klantcontact",rule="fallback"} 3.0
postkamer_decisions_created{department="burgerzaken",rule="reisdocumenten"} 1.7e+09
postkamer_duplicates_total 4.0
"""


def test_handled_count_sums_decisions_and_duplicates() -> None:
    assert (handled_count(METRICS), handled_count("")) == (19, 0)


CAME = {"receipt": 5, "message": 5, RECEIVED: 5, "configuration": 1, "conversation": 5}


@pytest.mark.parametrize(
    ("kind", "came", "missing"),
    [
        (NEW, CAME, ""),
        (KNOWN, CAME | {"message": 4}, "4 of 5 message"),
        (REPEATED, CAME, f"5 of 0 message, 5 of 0 {RECEIVED}, 0 of 5 segment"),
        (REPEATED, {"receipt": 5, "configuration": 1, "segment": 5}, ""),
    ],
)
def test_missing_records_and_events_are_described(
    kind: str, came: dict[str, int], missing: str
) -> None:
    assert describe_missing(kind, 5, came) == missing


def of(rate: float) -> list[router_report.RouterSample]:
    spent = {"process": 1e-4, "rabbitmq": 2e-5, "postgresql": 3e-5}
    return [router_report.RouterSample(r, spent, memory=100 + r / 1000) for r in (rate, 3 * rate)]


def test_router_is_judged_beside_the_bare_ceiling() -> None:
    rates = {BARE: 50_000.0, NEW: 4_900.0, KNOWN: 5_100.0, REPEATED: 10_000.0}
    lines = list(map(str, router_report.table({kind: of(rates[kind]) for kind in KINDS})))
    (row,) = [line for line in lines if line.startswith(REPEATED) and "yes" not in line]
    assert " ".join(row.split()[2:]) == "20,000 (10,000-30,000) 0.20 (0.20-0.20) 100 20 30 130"
    assert [line.split()[-1] for line in lines[-3:]] == ["NO", "yes", "yes"]


def test_cpu_seconds_and_peak_memory_of_a_process_are_read() -> None:
    before = cpu_seconds(os.getpid())
    while cpu_seconds(os.getpid()) == before:
        keyed_hash(b"busy")("for some ticks of the clock")
    assert peak_memory(os.getpid()) > 10
    assert cpu_seconds(2**22 + 1) == 0.0  # no process has such a number
