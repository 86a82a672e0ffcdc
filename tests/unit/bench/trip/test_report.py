"""Tables, verdicts and pictures of the whole trip."""

import itertools
from collections.abc import Mapping
from xml.etree import ElementTree

import msgspec
import pytest

from bench.reports.results import TargetLine
from bench.trip.findings import (
    ARCHIVE,
    CRM,
    DOOR,
    Findings,
    HeldRate,
    Instances,
    LatencyAt,
    Restart,
    Soak,
    Storm,
)
from bench.trip.histogram import summarise
from bench.trip.lag import Samples, Slope
from bench.trip.pictures import draw_latencies, draw_pictures, round_values
from bench.trip.rate_search import Try
from bench.trip.report import table, targets, total_cost
from bench.trip.run import Moments, Run

COST = {
    "gateway": 90.0,
    "router": 200.0,
    "deliverer": 100.0,
    "archiver": 90.0,
    "postgresql": 70.0,
    "rabbitmq": 49.0,
}
APART = {"stand-in CRM": 1000.0, "load": 1000.0}


def held(rate: float = 2600.0, cost: Mapping[str, float] = COST) -> HeldRate:
    memory = dict.fromkeys(cost, 60.0)
    return HeldRate(rate, 60.0, [Try(rate, True)], {**cost, **APART}, memory, 0, 0)


def soak(slopes: Mapping[str, float], *, closed: bool = True) -> Soak:
    samples = Samples([0.0, 1.0], [60.0, 61.0])
    names = ("gateway", "router", "deliverer", "archiver")
    return Soak(
        rate=1300.0,
        seconds=1800.0,
        memory=dict.fromkeys(names, samples),
        memory_slopes={name: Slope(slopes.get(name, 0.1), 2.0) for name in names},
        lags={CRM: samples},
        lag_slopes={CRM: Slope(0.0, 1.0)},
        faults=[],
        is_balance_closed=closed,
        balance="The balance closes.",
    )


def full() -> Findings:
    ends = {end: summarise([0.02, 0.02, 0.1]) for end in (DOOR, CRM, ARCHIVE)}
    return Findings(
        held=held(),
        latencies=[LatencyAt(share, 2600 * share, ends) for share in (0.1, 0.5, 0.8)],
        instances=[
            Instances(count, 30_000, COST | APART | {"router": used})
            for count, used in ((1, 200.0), (2, 220.0), (4, 280.0))
        ],
        ceilings={"HTTP server": 40.0, "COPY": 260.0},
        restart=Restart(20_000, dict.fromkeys(COST, 2.5), 9.0, dict.fromkeys(COST, 90.0)),
        storm=Storm(5_000, 3600.0, 0.021, ends[CRM]),
        soak=soak({}),
        peers={"FastStream": held(rate=1300.0), "plain chain": held(rate=2600.0)},
    )


def missed(findings: Findings) -> list[str]:
    lines = [line for line in targets(findings) if isinstance(line, TargetLine)]
    return [line.words[:44].strip() for line in lines if not line.met]


def test_cost_leaves_out_the_load_and_the_stand_in() -> None:
    assert total_cost(held()) == 599


def test_every_target_is_met_or_missed_by_itself() -> None:
    findings = full()
    assert missed(findings) == ["p99 ms to the CRM at 10%"]
    findings.held = held(2499.0, COST | {"router": 202.0})
    assert missed(findings)[:2] == ["held, messages/s", "us a message"]
    assert len(missed(findings)) == 3
    findings.instances[2].cost = COST | APART | {"router": 290.0}  # 689 of 599
    assert "us a message, 4 of each" in missed(findings)
    findings.disorder, findings.again = 1, 2
    assert missed(findings)[-2:] == ["events out of order", "events twice"]
    assert findings.restart
    findings.restart.losses = ["3 not at the CRM"]
    assert missed(findings)[-1] == "steps with a loss"
    findings.restart.memory = dict.fromkeys(COST, 131.0)
    assert missed(findings)[-2:] == ["MiB with a backlog, router", "MiB with a backlog, deliverer"]
    assert "3 not at the CRM" in map(str, table(findings))
    findings.peers["FastStream"] = held(rate=2600.0)
    assert "held, of FastStream's" in missed(findings)


def test_no_rate_that_is_held_misses_the_targets() -> None:
    nothing = Findings(HeldRate(0.0, 60.0, [], {}, {}, 0, 0))
    assert missed(nothing) == ["held, messages/s", "us a message"]
    assert len([*table(nothing)]) > 3


def test_soak_misses_a_slope_beyond_its_noise_and_an_open_balance() -> None:
    findings = Findings(held(), soak=soak({"router": 6.1, "archiver": 5.9}, closed=False))
    assert missed(findings) == ["MiB an hour more, router", "balance that is open"]


def test_table_shows_each_step() -> None:
    shown = "\n".join(map(str, table(full())))
    for words in (
        "postkamer: held 2,600 messages/s for 60 s",
        "At 80% of it, 2,080/s",
        "the whole trip, of it                       2.00",
        "in all               599       619       679",
        "20,000 messages waiting",
        "at its desk 21 ms after the last one",
        "The balance closes.",
    ):
        assert words in shown, words
    row = next(line for line in shown.splitlines() if line.startswith("FastStream  "))
    assert row.split()[1:] == ["1,300", "599", "2.00", "1.00"]


def test_pictures_are_whole_documents_with_a_line_for_each_share() -> None:
    pictures = draw_pictures(full())
    assert sorted(pictures) == [
        "latency-answer.svg",
        "latency-archive.svg",
        "latency-crm.svg",
        "soak-lag.svg",
        "soak-memory.svg",
    ]
    for svg in pictures.values():
        root = ElementTree.fromstring(svg)
        for line in root.iter("{http://www.w3.org/2000/svg}polyline"):
            x, y = map(float, line.attrib["points"].split()[0].split(","))
            assert 0 <= x <= 720 and 0 <= y <= 320
    root = ElementTree.fromstring(pictures["latency-crm.svg"])
    assert len([*root.iter("{http://www.w3.org/2000/svg}polyline")]) == 3


def test_buckets_of_a_picture_are_equally_wide() -> None:
    (polyline,) = ElementTree.fromstring(draw_latencies("", {"": summarise([0.001, 0.5])})).iter(
        "{http://www.w3.org/2000/svg}polyline"
    )
    places = [float(point.split(",")[0]) for point in polyline.attrib["points"].split()]
    ends = sorted(set(places))
    widths = [after - before for before, after in itertools.pairwise(ends)]
    assert len(widths) > 10
    assert widths == pytest.approx([widths[0]] * len(widths), abs=0.2)


@pytest.mark.parametrize(
    ("highest", "values"),
    [
        (1797.0, [0, 500, 1000, 1500, 2000]),
        (30.2, [0, 10, 20, 30, 40]),
        (1.0, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (5.0, [0, 1, 2, 3, 4, 5]),
    ],
)
def test_axis_has_round_values(highest: float, values: list[float]) -> None:
    assert round_values(highest) == pytest.approx(values)


def test_findings_without_steps_have_no_pictures() -> None:
    assert draw_pictures(Findings(held())) == {}


def test_findings_are_written_as_json() -> None:
    data = msgspec.json.decode(msgspec.json.encode(full()))
    assert data["peers"]["FastStream"]["rate"] == 1300
    assert data["latencies"][0]["ends"]["CRM"]["buckets"][0] == [pytest.approx(25.1, 0.01), 2]


def run(answered: list[float], at_desk: list[float], in_archive: list[float]) -> Run:
    due = [n / 10 for n in range(len(answered))]
    moments = Moments(due, answered, at_desk, in_archive)
    missing = sum(a > 0 for a in answered) - sum(d > 0 for d in at_desk)
    return Run(10.0, moments, {}, again=0, disorder=0, missing=missing, unarchived=0)


def test_rate_is_held_when_all_is_answered_and_all_ends_follow() -> None:
    due = [n / 10 for n in range(100)]
    late = [moment + 0.05 for moment in due]
    good = run(late, late, late)
    assert good.faults == []
    assert good.moments.latencies[CRM] == pytest.approx([0.05] * 100)
    assert run([*late[:-1], -1.0], [*late[:-1], 0.0], late).faults == ["1 not answered 200"]
    assert run(late, [*late[:-1], 0.0], late).faults == ["1 not at the CRM"]
    slow = [moment * 1.5 for moment in late]
    assert run(late, slow, late).faults == ["the CRM falls behind by 3/s"]
    assert run(slow, slow, slow).faults == ["the answer falls behind by 3/s"]


def test_end_that_nothing_reached_has_no_latency() -> None:
    late = [0.1, 0.2]
    assert set(run(late, late, [0.0, 0.0]).moments.latencies) == {DOOR, CRM}
