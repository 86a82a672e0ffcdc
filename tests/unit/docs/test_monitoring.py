"""The example for Alertmanager in docs/operators/monitoring.md routes each severity."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.promtool import load_rules

PAGE = Path(__file__).parents[3] / "docs/operators/monitoring.md"
[EXAMPLE] = [
    block
    for block in re.findall(r"^```yaml\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    if "receivers:" in block
]
CONFIG: dict[str, Any] = yaml.safe_load(EXAMPLE)
BY_DAY = {"page", "ticket"}
SEVERITIES = {"wake", *BY_DAY}


def routes() -> dict[str, dict[str, Any]]:
    """Severity -> its route."""
    found = [
        (re.findall(r'severity="(\w+)"', *r["matchers"]), r) for r in CONFIG["route"]["routes"]
    ]
    return {severity: route for [severity], route in found}


def test_each_severity_of_an_alarm_has_its_route() -> None:
    assert set(routes()) == SEVERITIES == {rule["labels"]["severity"] for rule in load_rules()}
    receivers = {each["name"] for each in CONFIG["receivers"]}
    assert {route["receiver"] for route in (*routes().values(), CONFIG["route"])} == receivers


def test_only_what_may_wake_goes_out_by_night() -> None:
    by_day = {each for each, route in routes().items() if "active_time_intervals" in route}
    assert by_day == BY_DAY
    [hours] = CONFIG["time_intervals"]
    assert {*routes()["page"]["active_time_intervals"]} == {hours["name"]}
    [working_day] = hours["time_intervals"]
    assert working_day["location"] == "Europe/Amsterdam"
    assert working_day["weekdays"] == ["monday:friday"]


@pytest.mark.skipif(not shutil.which("amtool"), reason="amtool comes with Alertmanager")
def test_alertmanager_takes_the_example(tmp_path: Path) -> None:
    file = tmp_path / "alertmanager.yml"
    file.write_text(EXAMPLE)
    for words in (["check-config", file], *(_route_test(file, each) for each in SEVERITIES)):
        done = subprocess.run(
            ["amtool", *words], capture_output=True, text=True, check=False, timeout=20
        )
        assert done.returncode == 0, done.stdout + done.stderr


def _route_test(file: Path, severity: str) -> list[str | Path]:
    """Words of the command that tells if an alarm of a severity comes to its receiver."""
    receiver = f"--verify.receivers={routes()[severity]['receiver']}"
    return ["config", "routes", "test", f"--config.file={file}", receiver, f"severity={severity}"]
