"""Report of the benchmark beside a destination whose queue is full."""

import pytest

from bench.full_destination import add_dead_crm
from bench.reports.full_destination_report import ALONE, FULL, FullSample, table
from bench.reports.results import TargetLine
from tests.support.installation import EXAMPLE


@pytest.mark.parametrize(
    ("rate", "p99", "verdicts"),
    [(900, 11, ["yes"] * 3), (800, 11, ["NO", "yes", "yes"]), (900, 13, ["yes", "yes", "NO"])],
)
def test_targets_compare_each_round_with_the_one_before_it(
    rate: float, p99: float, verdicts: list[str]
) -> None:
    alone = FullSample(rate=1000, cpu=300, p50=5, p99=10, waited=0, drained=0)
    full = FullSample(rate=rate, cpu=330, p50=5, p99=p99, waited=5000, drained=7000)
    slow = FullSample(rate=500, cpu=300, p50=9, p99=99, waited=0, drained=0)
    samples = {ALONE: [alone, slow, alone], FULL: [full, slow, full]}
    lines = [line for line in table(samples, 20) if isinstance(line, TargetLine)]
    assert [str(line).split()[-1] for line in lines] == verdicts


def test_dead_crm_gets_the_messages_of_one_department_only() -> None:
    text = add_dead_crm(EXAMPLE.read_text())
    assert text.count('destination = "dead"') == 1
    assert text.count('id = "dead"') == 1
