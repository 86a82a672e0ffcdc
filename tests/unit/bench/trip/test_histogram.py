"""Latencies in buckets of a logarithmic scale."""

import pytest

from bench.trip.histogram import BAR, draw, summarise


def test_summary_has_the_percentiles_in_milliseconds() -> None:
    latency = summarise([n / 1000 for n in range(1, 101)])
    assert (latency.count, latency.p50, latency.p99) == (100, 51.0, 100.0)
    assert latency.highest == pytest.approx(100)


def test_each_latency_is_in_the_bucket_that_ends_after_it() -> None:
    latency = summarise([0.0009, 0.0011, 0.0012, 0.0099, 0.2])
    counts = {round(bucket.below, 2): bucket.messages for bucket in latency.buckets}
    assert counts[1.0] == 1
    assert counts[1.58] == 2
    assert counts[10.0] == 1
    assert counts[251.19] == 1
    assert sum(counts.values()) == 5
    assert len(counts) == 13, "empty ones between them, and none around"


def test_bars_are_relative_to_the_fullest_bucket() -> None:
    first, second = summarise([0.0011] * 40 + [0.002] * 10 + [0.9]), summarise([0.002] * 3)
    lines = [*draw({"CRM": first, "archive": second})]
    assert lines[0].split() == ["CRM", "archive"]
    assert lines[1] == f"      < 1.6 ms  {'█' * BAR}"
    assert lines[2] == f"      < 2.5 ms  {'█' * (BAR // 4):{BAR + 2}}{'█' * BAR}"
    assert lines[-1] == "  < 1,000.0 ms  ▏"


def test_no_latencies_have_no_buckets() -> None:
    latency = summarise([])
    assert (latency.count, latency.p99, latency.buckets) == (0, 0.0, [])
    assert [*draw({"CRM": latency})] == []
