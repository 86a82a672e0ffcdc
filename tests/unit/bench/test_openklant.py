"""Benchmark of an Open Klant at its limit: its samples and its verdicts."""

from typing import Any

import msgspec
import pytest

from bench.baselines.openklant import APART, SINGLE
from bench.noisy_neighbour import LatencySample
from bench.peers.openklant_stand_in import describe_differences, new_conversations
from bench.reports.openklant_report import (
    COLUMNS,
    KINDS,
    OF_BARE,
    Course,
    MachineLoad,
    Results,
    WindowSample,
    read_sample,
    sparkline,
    table,
)
from bench.usage import machine_ticks
from deliverer.destinations.openklant.events import parse_event
from sandbox.openklant.latency import WorkerStatistics
from services.contract import Delivery

METRICS = """\
# TYPE postkamer_deliveries_total counter
postkamer_deliveries_total{destination="openklant",outcome="settled"} 12.0
postkamer_deliveries_total{destination="openklant",outcome="paused"} 2.0
postkamer_deliveries_total{destination="crm",outcome="settled"} 99.0
postkamer_deliveries_created{destination="openklant",outcome="settled"} 1.7e+09
postkamer_destination_window{destination="openklant"} 8.0
postkamer_destination_window{destination="crm"} 64.0
"""


def test_sample_is_of_one_destination_and_none_before_it_has_metrics() -> None:
    assert read_sample(METRICS, "openklant", 5.0) == WindowSample(5.0, 8.0, 12.0, 2.0)
    assert read_sample(METRICS, "other", 5.0) is None is read_sample("", "openklant", 5.0)


def test_sparkline_scales_to_its_highest_value() -> None:
    assert sparkline([4, 8, 32]) == "▂▃█"
    many = sparkline([float(n) for n in range(1, 801)])
    assert len(many) == COLUMNS
    assert (sorted(many), many[0], many[-1]) == ([*many], "▁", "█")


def held(messages: int) -> dict[str, Any]:
    """Contents of Open Klant after so many messages: one contact and one task of each."""
    of_each = ("klantcontacten", "betrokkenen", "internetaken", "onderwerpobjecten")
    counts = dict.fromkeys((*of_each, "actorklantcontacten"), messages)
    counts["digitaleadressen"] = 2 * messages
    contacts = {str(n): {"metadata": {"gesprek": str(n)}, "taken": [{}]} for n in range(messages)}
    return {"counts": counts | {"actoren": 2}, "contacts": contacts}


def test_missing_and_double_objects_of_open_klant_are_described() -> None:
    assert describe_differences(held(3), 3) == ""
    assert describe_differences(held(2), 3).startswith(
        "2 klantcontacten, 2 betrokkenen, 2 internetaken"
    )
    twice = held(3)
    twice["contacts"]["0"]["metadata"]["gesprek"] = "1"
    assert describe_differences(twice, 3) == "2 conversations"
    moved = held(3)
    moved["contacts"]["0"]["taken"] = []
    moved["contacts"]["1"]["taken"] = [{}, {}]
    assert describe_differences(moved, 3) == "2 contacts with no task, or several"


def test_new_conversations_are_first_messages_with_a_phone_number() -> None:
    found: list[Delivery] = list(new_conversations(3))
    assert len({each.conversation for each in found}) == 3
    assert all(parse_event(each).task and each.message for each in found)
    numbers = {msgspec.json.decode(each.data)["from"]["identities"][0]["value"] for each in found}
    assert numbers == {"31600000000", "31600000001", "31600000002"}


def course(rate: float, failed: float = 0.0) -> Course:
    looks = [WindowSample(0.0, 4.0, 1.0, 0.0), WindowSample(10.0, 8.0, 1.0 + 10 * rate, failed)]
    told = WorkerStatistics(1.0, 33, 6000, 160.0, 0.05, 0.2)
    return Course(looks, told, {"the stand-in": 0.1}, memory=90.0)


def lines(rate: float, failed: float = 0.0, late: float = 5.0) -> list[str]:
    bare = {SINGLE: 240.0, APART: 45.0, "4": 38.0, "8": 40.0, "16": 39.0}
    found = Results(bare=[bare], courses=[course(rate, failed)])
    for kind in KINDS:
        found.crm[kind].append(LatencySample(late if kind == KINDS[2] else 4.0, 10.0, 90.0))
        found.meanwhile[kind].append(MachineLoad(calls=160.0, idle=0.25))
    return list(map(str, table(found)))


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ((40 * OF_BARE + 0.1,), ()),
        ((40 * OF_BARE - 0.1,), ("of the bare client's best",)),
        ((40, 1.0), ("attempts that failed",)),
        ((40, 0.0, 6.1), ("times p50 alone, with 5 times",)),
    ],
)
def test_verdicts_compare_with_the_bare_client_and_with_the_crm_alone(
    given: tuple[float, ...], wrong: tuple[str, ...]
) -> None:
    verdicts = [line for line in lines(*given) if line.split()[-1:] in (["yes"], ["NO"])]
    assert len(verdicts) == 9
    refused = [line for line in verdicts if line.endswith("NO")]
    assert len(refused) == len(wrong)
    assert all(line.startswith(words) for line, words in zip(refused, wrong, strict=True))


def test_throughput_meanwhile_is_counted_in_messages_of_five_calls() -> None:
    rows = lines(40)[lines(40).index(f"{'':30}{'messages/s there':>20}{'processors idle':>24}") :]
    assert [row.split()[-2:] for row in rows[1:4]] == [["32.0", "0.25"]] * 3


def test_idle_ticks_are_part_of_all_ticks() -> None:
    before, idle = machine_ticks()
    while (after := machine_ticks())[0] == before:
        pass
    assert 0 <= after[1] - idle <= after[0] - before
