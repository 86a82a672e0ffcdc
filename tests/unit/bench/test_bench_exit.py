"""Exit code of `make bench`: a missed target fails it, unless only a report is wanted."""

import argparse
from pathlib import Path

import pytest

from bench.__main__ import Part, main
from bench.reports.results import Line, Report, at_least, at_most


def part(*lines: Line) -> tuple[str, Part]:
    """A part that reports these lines."""

    def measure(folder: Path, options: argparse.Namespace, report: Report) -> None:
        for line in lines:
            report(line)

    return "A part", measure


MET, MISSED = part(at_most("memory", 1.1, 1.0)), part(at_least("rate", 0.8, 0.7))


@pytest.mark.parametrize(
    ("arguments", "parts", "code"),
    [
        ([], {"rules": MET}, 0),
        ([], {"rules": MET, "router": MISSED}, 1),
        (["rules"], {"rules": MET, "router": MISSED}, 0),
        (["--report-only"], {"rules": MET, "router": MISSED}, 0),
        (["--quick", "router"], {"rules": MET, "router": MISSED}, 1),
    ],
)
def test_missed_target_fails_the_benchmark_except_with_report_only(
    arguments: list[str], parts: dict[str, tuple[str, Part]], code: int
) -> None:
    assert main(arguments, parts) == code


def test_missed_targets_are_counted_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--report-only"], {"rules": MISSED, "router": MISSED})
    assert capsys.readouterr().err == "\nTargets missed: 2\n"


def test_missed_target_is_counted_wherever_its_line_is(capsys: pytest.CaptureFixture[str]) -> None:
    lines = (at_least("rate", 0.8, 0.7), at_most("memory", 1.1, 1.0), "measured in 2 rounds")
    assert main([], {"rules": part(*lines)}) == 1
    shown = capsys.readouterr().out.splitlines()
    assert [line.split()[-1] for line in shown[2:]] == ["NO", "yes", "rounds"]


def test_text_with_the_word_of_a_missed_target_is_no_target() -> None:
    assert main([], {"rules": part("rows that a search finds: NO")}) == 0
