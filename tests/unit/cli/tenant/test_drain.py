"""Work of a stopped municipality that is under way: queues that are emptied one after another."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from cli.tenant.drain import LATE, WAITING, Drain, Stages, stages_of

STOPPED = datetime(2026, 12, 1, 12, tzinfo=UTC)
STAGES = [["router.partition.0"], ["deliverer.destination.crm"], ["archiver.records"]]


def drain(seconds: Mapping[str, float], settled: float | None = None, **rows: int) -> Drain:
    """State in which queues were last seen empty so many seconds after the stop."""
    after = {queue: STOPPED + timedelta(seconds=each) for queue, each in seconds.items()}
    settled_at = None if settled is None else STOPPED + timedelta(seconds=settled)
    return Drain(STOPPED, settled_at, after, dict.fromkeys(WAITING, 0) | rows)


def test_queue_counts_once_it_was_seen_empty_after_those_before_it() -> None:
    stages = Stages(STAGES)
    [first] = stages.obstacles(drain({"router.partition.0": 5}))
    assert first.startswith("router.partition.0"), "what was read before the stop may still come"
    late = LATE.total_seconds()
    at = {"router.partition.0": late + 3, "deliverer.destination.crm": late + 1}
    [second] = stages.obstacles(drain(at))
    assert second.startswith("deliverer.destination.crm"), "it may have got something since"
    later = {"router.partition.0": late + 90, "deliverer.destination.crm": late + 8}
    [third] = stages.obstacles(drain(later))
    assert third.startswith("archiver.records")
    assert stages.obstacles(drain(later | {"archiver.records": late + 12})) == []


def test_result_of_a_send_has_to_pass_its_partition_too() -> None:
    at = dict.fromkeys(("router.partition.0", "deliverer.destination.crm"), 60.0)
    [waiting] = Stages(STAGES).obstacles(drain(at | {"archiver.records": 60}, settled=59))
    assert waiting.startswith("router.partition.0")


def test_rows_that_wait_are_named_before_any_queue() -> None:
    found = Stages(STAGES).obstacles(drain({}, sending=2, lists=1))
    assert found == [f"2 {WAITING['sending']}", f"1 {WAITING['lists']}"]


def test_stages_are_partitions_then_destinations_then_the_archive() -> None:
    assert stages_of(["106540352242922"], ["crm"], 1) == STAGES
