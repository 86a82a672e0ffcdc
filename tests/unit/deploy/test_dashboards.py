"""Dashboards of Grafana: the files are those of the tables, and each query can be answered."""

import re
import subprocess
from collections.abc import Iterable, Mapping
from itertools import combinations
from pathlib import Path

import pytest
import yaml

from deploy.grafana.__main__ import DASHBOARDS, FOLDER, text
from deploy.grafana.panels import COLUMNS, Dashboard, count, document
from tests.support.promql import expression_faults, known_metrics, labels_in, scraped_metrics
from tests.support.promtool import needs_promtool

QUERIES = [query for dashboard in DASHBOARDS.values() for query in dashboard.queries]


@pytest.mark.parametrize("name", DASHBOARDS)
def test_file_is_made_from_its_table(name: str) -> None:
    written = (FOLDER / name).read_text()
    assert written == text(DASHBOARDS[name]), "write it with: python -m deploy.grafana"


@pytest.mark.parametrize("query", QUERIES)
def test_query_names_metrics_and_labels_that_exist(query: str) -> None:
    assert expression_faults(query, known_metrics()) == []


@pytest.mark.parametrize(
    "query",
    [
        "sum(postkamer_messages_total)",
        "sum by (afdeling) (postkamer_decisions_total)",
        'postkamer_requests{status="soon"}',
        "postkamer_sends_total unless on (destination) up",
    ],
)
def test_query_with_a_metric_or_label_that_does_not_exist_is_found(query: str) -> None:
    assert expression_faults(query, known_metrics())


@pytest.mark.parametrize("dashboard", DASHBOARDS.values(), ids=DASHBOARDS)
def test_legends_name_labels_of_their_query(dashboard: Dashboard) -> None:
    for panel in (panel for row in dashboard.rows for panel in row.panels):
        for legend, query in panel.queries.items():
            assert {*re.findall(r"{{(\w+)}}", legend)} <= labels_in(query), panel.title


@pytest.mark.parametrize("dashboard", DASHBOARDS.values(), ids=DASHBOARDS)
def test_panels_fit_and_do_not_overlap(dashboard: Dashboard) -> None:
    panels = document(dashboard)["panels"]
    assert [panel["id"] for panel in panels] == [*range(1, len(panels) + 1)]
    places = [panel["gridPos"] for panel in panels]
    for one, other in combinations(places, 2):
        assert (
            one["x"] + one["w"] <= other["x"]
            or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"]
            or other["y"] + other["h"] <= one["y"]
        )
    assert all(place["x"] + place["w"] <= COLUMNS for place in places)


def test_metrics_page_is_read_with_its_labels() -> None:
    page = (
        '# HELP a_total Help\n# TYPE a_total counter\na_total{number="1",outcome="sent"} 3.0\nb 1\n'
    )
    shown = scraped_metrics(page)
    assert shown["a_total"] >= {"number", "outcome"} and "b" in shown


@pytest.mark.slow
@needs_promtool
def test_prometheus_can_parse_every_query(tmp_path: Path) -> None:
    filled = [query.replace("$__range", "11h") for query in QUERIES]  # as Grafana does
    rules = [{"record": f"query:{n}", "expr": query} for n, query in enumerate(filled)]
    path = tmp_path / "queries.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}))
    done = subprocess.run(
        ["promtool", "check", "rules", str(path)],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@needs_promtool
def test_count_leaves_out_what_was_counted_before_a_gap(tmp_path: Path) -> None:
    """At its first look everything counts, and so does a new type of message; after a gap only the
    two messages since, of which Prometheus makes 2.1."""
    series = {
        METRIC + TARGET % ',type="text"': "700x60 _x29 700 702x60",
        METRIC + TARGET % ',type="image"': "_x30 5x30 _x29 5x60",
        "up" + TARGET % "": "1x60 _x29 1x60",
    }
    assert_counts(tmp_path, series, ((5, 700), (35, 5), (95, 3)))


@pytest.mark.slow
@needs_promtool
def test_count_keeps_what_was_counted_before_a_restart(tmp_path: Path) -> None:
    """Seven came, the process began anew, and three more came; one of a type that began after it:
    11, of which Prometheus makes 11.8, as it does not see the ends of the period."""
    series = {
        METRIC + TARGET % ',type="text"': "_ _ _ 1 4 7 7 _ _ 1 3x20",
        METRIC + TARGET % ',type="image"': "_ _ _ _ _ _ _ _ _ 1x20",
        METRIC + TARGET % ',type="audio"': "9x20",
        "up" + TARGET % "": "1x6 0 0 1x20",
    }
    assert_counts(tmp_path, series, ((14, 12),), over="13m")


METRIC, TARGET = "postkamer_messages_received_total", '{job="postkamer",instance="a"%s}'


def assert_counts(
    tmp_path: Path,
    series: Mapping[str, str],
    counts: Iterable[tuple[int, int]],
    over: str = "15m",
) -> None:
    """Prometheus counts so many, rounded up, at each minute."""
    test = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [
            {"expr": f"ceil({count(METRIC, over=over)})", "eval_time": f"{minute}m",
             "exp_samples": [{"labels": "{}", "value": value}]}
            for minute, value in counts
        ],
    }  # fmt: skip
    path = tmp_path / "counts.yml"
    path.write_text(yaml.safe_dump({"tests": [test]}))
    done = subprocess.run(
        ["promtool", "test", "rules", str(path)],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
