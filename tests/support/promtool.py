"""Alarm rules, run by Prometheus's own tool."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

FOLDER = Path(__file__).parents[2] / "deploy" / "prometheus"
needs_promtool = pytest.mark.skipif(
    not shutil.which("promtool") and not os.environ.get("CI"),
    reason="promtool comes with Prometheus",
)


class AlarmCase(NamedTuple):
    """Series with their values, one a minute; the alarms that have gone off at a minute, and the
    minute at which none is left."""

    name: str
    series: dict[str, str]
    minute: int
    alarms: list[str]
    silent: int | None = None

    def as_test(self) -> dict[str, Any]:
        # promtool prints the expression of a case that fails: hence the name in a comment.
        expression = f'count by (alertname) (ALERTS{{alertstate="firing"}})  # {self.name}'
        return {
            "interval": "1m",
            "input_series": [{"series": s, "values": values} for s, values in self.series.items()],
            "promql_expr_test": [
                {
                    "expr": expression,
                    "eval_time": f"{minute}m",
                    "exp_samples": [
                        {"labels": f'{{alertname="{alarm}"}}', "value": 1} for alarm in alarms
                    ],
                }
                for minute, alarms in ((self.minute, self.alarms), (self.silent, ()))
                if minute is not None
            ],
        }


def run_cases(cases: Sequence[AlarmCase], folder: Path) -> None:
    """Fail with the output of promtool, which names every case that failed."""
    tests = folder / "tests.yml"
    document = {
        "rule_files": [str(FOLDER / "rules.yml")],
        "tests": [case.as_test() for case in cases],
    }
    tests.write_text(yaml.safe_dump(document))
    done = subprocess.run(
        ["promtool", "test", "rules", str(tests)],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
