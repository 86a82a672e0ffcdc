"""Alarm rules, run by Prometheus's own tool."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

FOLDER = Path(__file__).parents[2] / "deploy" / "prometheus"
needs_promtool = pytest.mark.skipif(
    not shutil.which("promtool") and not os.environ.get("CI"),
    reason="promtool comes with Prometheus",
)


def goes_off(series: dict[str, str], minute: int, alerts: list[str], folder: Path) -> None:
    """These, and no others, at that minute."""
    case = {
        "interval": "1m",
        "input_series": [{"series": s, "values": values} for s, values in series.items()],
        "promql_expr_test": [
            {
                "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
                "eval_time": f"{minute}m",
                "exp_samples": [
                    {"labels": f'{{alertname="{alert}"}}', "value": 1} for alert in alerts
                ],
            }
        ],
    }
    tests = folder / "tests.yml"
    rules = str(FOLDER / "rules.yml")
    tests.write_text(yaml.safe_dump({"rule_files": [rules], "tests": [case]}))
    done = subprocess.run(
        ["promtool", "test", "rules", str(tests)],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
