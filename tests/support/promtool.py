"""Alarm rules, run by Prometheus's own tool."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from tests.support.promql import names_in

FOLDER = Path(__file__).parents[2] / "deploy" / "prometheus"
SCRAPED = {'up{job="rabbitmq"}': "1x300"} | {
    f'up{{job="postkamer",service="{service}",instance="{service}:9080"}}': "1x300"
    for service in ("gateway", "router", "deliverer", "archiver")
}
"""Series of targets that answer, for cases that last."""
FEW_COLLECTIONS = {"GOGC": "800"}
"""promtool keeps little: with its usual setting it looks for garbage a fifth of its time."""
needs_promtool = pytest.mark.skipif(
    not shutil.which("promtool") and not os.environ.get("CI"),
    reason="promtool comes with Prometheus",
)


def load_rules() -> list[dict[str, Any]]:
    """Return the alarm rules of all groups."""
    groups = yaml.safe_load((FOLDER / "rules.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


class AlarmCase(NamedTuple):
    """Series with their values, one a minute; the alarms that have gone off at a minute, and the
    minutes at which there is none."""

    name: str
    series: dict[str, str]
    minute: int
    alarms: list[str]
    silent: tuple[int, ...] = ()

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
                for minute, alarms in (
                    (self.minute, self.alarms),
                    *((silent, []) for silent in self.silent),
                )
            ],
        }

    @property
    def metrics(self) -> frozenset[str]:
        return frozenset(series.partition("{")[0] for series in self.series)


def run_cases(cases: Sequence[AlarmCase], folder: Path) -> None:
    """Fail with the output of promtool, which names every case that failed.

    A case meets only the rules that name a metric of its series, as no other can go off. All rules
    for each case would take ten times as long.
    """
    rules = yaml.safe_load((FOLDER / "rules.yml").read_text())
    files = []
    for n, metrics in enumerate(sorted({case.metrics for case in cases}, key=sorted)):
        (folder / f"rules-{n}.yml").write_text(yaml.safe_dump(_rules_about(metrics, rules)))
        tests = [case.as_test() for case in cases if case.metrics == metrics]
        document = {"rule_files": [f"rules-{n}.yml"], "tests": tests}
        (folder / f"tests-{n}.yml").write_text(yaml.safe_dump(document))
        files.append(str(folder / f"tests-{n}.yml"))
    done = subprocess.run(
        ["promtool", "test", "rules", *files],
        capture_output=True, text=True, check=False, timeout=60, env=os.environ | FEW_COLLECTIONS,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def _rules_about(metrics: frozenset[str], rules: dict[str, Any]) -> dict[str, Any]:
    groups = [
        {
            "name": group["name"],
            "rules": [rule for rule in group["rules"] if names_in(rule["expr"]) & metrics],
        }
        for group in rules["groups"]
    ]
    return {"groups": groups}
