"""Exit code of `make bench`: a missed target fails it, unless only a report is wanted."""

import argparse
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.__main__ import Part, main
from bench.reports.results import at_least, at_most


def part(line: str) -> tuple[str, Part]:
    """A part that reports one line."""

    def measure(folder: Path, options: argparse.Namespace, report: Callable[[str], None]) -> None:
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
