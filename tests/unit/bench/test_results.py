"""Results of the benchmarks: ratios by round, a verdict by the median."""

from datetime import UTC, datetime

import pytest

from bench.open_loop import Outcome, is_whole, percentile, request, schedule
from bench.reports.results import (
    BARE,
    CASES,
    GATEWAY,
    KINDS,
    SINGLE,
    Case,
    RateSample,
    TargetLine,
    demands_table,
    latency_table,
    rates_table,
    ratios,
    spread,
)
from bench.workloads.webhooks import body, is_signed, signed_lines
from gateway.webhook.signatures import OriginVerifier, WebhookSecret
from services.whatsapp.parser import parse

MANY, FEW = CASES[:2]


def rates(gateway: float, single: float = 100) -> dict[tuple[Case, str], list[RateSample]]:
    each = {
        BARE: [RateSample(1000), RateSample(500)],
        SINGLE: [RateSample(single), RateSample(single / 2)],
    }
    each[GATEWAY] = [RateSample(gateway, other=3), RateSample(gateway / 2, other=4)]
    return {(case, kind): each[kind] for case in CASES for kind in KINDS}


def test_ratio_is_of_the_same_round() -> None:
    assert ratios(rates(700), MANY, GATEWAY, BARE) == [0.7, 0.7]
    # A round in which nothing was answered has none.
    none = rates(700) | {(MANY, BARE): [RateSample(0), RateSample(500)]}
    assert ratios(none, MANY, GATEWAY, BARE) == [0.7]


def test_spread_shows_the_median_the_lowest_and_the_highest() -> None:
    shown = [spread(values) for values in ([], [2.0], [3.0, 1.0, 2.0])]
    assert shown == ["-", "2.00", "2.00 (1.00-3.00)"]


def test_tables_show_rates_in_each_case_and_latencies_beside_the_bare_server() -> None:
    lines = list(rates_table(rates(700), {1: 500, 25: 7000, 900: 240_000}))
    gateway = [line.split() for line in lines if line.startswith(GATEWAY)]
    assert len(gateway) == len(CASES)
    assert gateway[2][1:] == ["525", "(350-700)", "0.70", "(0.70-0.70)", "13,125", "3.7", "7"]
    outcome = Outcome(p50=1.5, p99=9.25, late_p50=0.5, late_p99=1.0, other=2)
    lines = list(latency_table({(1, BARE): [outcome], (1, GATEWAY): [outcome]}, {1: 5000}))
    assert [line.split()[-5:] for line in lines[-2:]] == [["5,000", "1.5", "9.2", "1.0", "2"]] * 2


@pytest.mark.parametrize(
    ("gateway", "single", "verdicts"),
    [(650, 100, "yes yes yes"), (550, 100, "NO yes yes"), (650, 300, "yes yes NO")],
)
def test_demand_is_met_by_the_median_or_missed(
    gateway: float, single: float, verdicts: str
) -> None:
    lines = [each for each in demands_table(rates(gateway, single)) if isinstance(each, TargetLine)]
    assert [str(line).split()[-1] for line in lines] == verdicts.split()


def test_schedule_is_repeatable_ordered_and_as_long_as_the_rate_says() -> None:
    moments = schedule(1000, 10)
    assert moments == schedule(1000, 10) == sorted(moments)
    assert moments[-1] < 10
    assert 9_500 < len(moments) < 10_500


def test_percentile_is_a_measured_value() -> None:
    assert [percentile(range(100), share) for share in (0.0, 0.5, 0.99, 1.0)] == [0, 50, 99, 99]
    assert percentile([], 0.5) == 0.0


@pytest.mark.parametrize(
    ("answer", "whole"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Le", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", True),
        (b"HTTP/1.1 503 No\r\ncontent-length: 2\r\nX: y\r\n\r\n{", False),
        (b"HTTP/1.1 503 No\r\ncontent-length: 2\r\nX: y\r\n\r\n{}", True),
    ],
)
def test_answer_is_whole_at_its_content_length(answer: bytes, whole: bool) -> None:
    assert is_whole(answer) == whole


@pytest.mark.parametrize("messages", [1, 25, 900])
def test_generated_webhook_has_its_messages_and_is_signed(messages: int) -> None:
    (line,) = signed_lines(1, messages)
    head, _, content = request(line).partition(b"\r\n\r\n")
    assert content == body(0, messages)
    assert len(parse(content)) == messages
    signature = head.partition(b"X-Hub-Signature-256: ")[2].partition(b"\r\n")[0].decode()
    secret = WebhookSecret(provider="meta", secret=b"sandbox-app-secret", numbers=frozenset("1"))
    ours = OriginVerifier([secret])
    shown = ours.find_signatures({"X-Hub-Signature-256": signature})
    assert ours.verify(content, shown, datetime.now(UTC)) and is_signed(content, signature)
    assert not is_signed(content + b" ", signature) and not is_signed(content, signature[:-1])
