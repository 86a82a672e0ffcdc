"""The end of the Graph version in an address."""

from datetime import UTC, datetime, timedelta

import pytest

from deliverer.meta.health.graph_versions import ENDS, NOTICE, find_version, judge_version

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
META = "https://graph.facebook.com"


@pytest.mark.parametrize(
    ("url", "state", "end", "part"),
    [
        (f"{META}/v26.0", "fine", None, "had not published its end"),
        (f"{META}/v25.0", "fine", "2028-07-29", "until 2028-07-29"),
        (f"{META}/v21.0/", "warning", "2027-01-21", "ends on 2027-01-21"),
        (f"{META}/v20.0", "wrong", "2026-09-24", "ended on 2026-09-24"),
        (f"{META}/v27.0", "unknown", None, "v27.0 is not in this release's table"),
        (META, "warning", None, "names no version"),
        ("https://proxy.almelo.example/v2/meta", "warning", None, "names no version"),
        ("http://127.0.0.1:8090/graph/v24.0", "fine", "2028-02-18", "v24.0"),
    ],
)
def test_version_is_judged_by_its_published_end(
    url: str, state: str, end: str | None, part: str
) -> None:
    finding = judge_version(url, NOW)
    assert (finding.state, part in finding.detail) == (state, True), finding
    assert (finding.until and finding.until.date().isoformat()) == end


def test_version_warns_ninety_days_before_its_end() -> None:
    end = datetime(2028, 7, 29, tzinfo=UTC)
    for before, state in ((NOTICE + timedelta(1), "fine"), (NOTICE, "warning")):
        assert judge_version(f"{META}/v25.0", end - before).state == state
    assert judge_version(f"{META}/v25.0", end).state == "wrong"


def test_table_of_versions_is_one_of_dates_that_grow() -> None:
    assert all(find_version(f"{META}/{version}") == version for version in ENDS)
    ends = [day for day in ENDS.values() if day]
    assert ends == sorted(ends, reverse=True)
    assert list(ENDS.values()).index("") == 0
