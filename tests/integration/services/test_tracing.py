"""Traces: off without a trace of opentelemetry, on with spans that a real collector reads."""

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from services import tracing
from services.config.settings import SettingsError
from services.instance import instance_name
from tests.support.trace_collector import Collector, collecting

ROOT = Path(__file__).parents[3]
CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
OFF = """
import os, sys
import archiver.service, cli.services, deliverer.service, gateway.service, router.service
from services import tracing

with tracing.exporting("gateway", "", {}):
    assert tracing.begin_trace("receive", sys.argv[1]).traceparent == ""
    assert tracing.begin("deliver", sys.argv[1]).traceparent == ""
    tracing.record_step("decide", sys.argv[1], 0.1, rule="afval")
print([name for name in sys.modules if name.startswith(("opentelemetry", "google"))])
"""


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as collector:
        yield collector


def in_gateway(collector: Collector) -> AbstractContextManager[None]:
    return tracing.exporting("gateway", collector.url, {})


@pytest.mark.slow
def test_opentelemetry_is_not_imported_without_a_collector() -> None:
    command = [sys.executable, "-c", OFF, CALLER]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_later_steps_are_spans_under_the_one_of_the_gateway(collector: Collector) -> None:
    with in_gateway(collector):
        received = tracing.begin_trace("receive")
        received.end(receipt="r", partitions=2)
        tracing.record_step("decide", received.traceparent, 1.5, rule="afval", department="")
        delivered = tracing.begin("deliver", received.traceparent)
        delivered.end(failed=True, status=503)
    [receive, decide, deliver] = (
        collector.named(name)[0] for name in ("receive", "decide", "deliver")
    )
    assert receive.is_named_by(received.traceparent)
    assert deliver.is_named_by(delivered.traceparent)
    assert receive.parent == "" and {decide.parent, deliver.parent} == {receive.id}
    assert {span.trace for span in collector.spans} == {receive.trace}
    assert {span.service for span in collector.spans} == {"postkamer-gateway"}
    assert {span.instance for span in collector.spans} == {instance_name()}
    assert receive.attributes == {"postkamer.receipt": "r", "postkamer.partitions": 2}
    assert decide.attributes == {"postkamer.rule": "afval"}
    assert decide.ended - decide.started == 1_500_000_000
    assert [span.failed for span in (receive, decide, deliver)] == [False, False, True]


def test_trace_of_a_caller_goes_on_and_a_wrong_one_does_not(collector: Collector) -> None:
    wrong = ["", "x", "00-" + "0" * 32 + "-b7ad6b7169203331-01", CALLER + "x", "ff" + CALLER[2:]]
    with in_gateway(collector):
        for caller in [CALLER, *wrong]:
            tracing.begin_trace("receive", caller).end()
    [known, *others] = collector.spans
    assert (known.trace, known.parent) == (CALLER[3:35], CALLER[36:52])
    assert [other.parent for other in others] == [""] * len(wrong)
    assert len({other.trace for other in collector.spans}) == 1 + len(wrong)


UNKNOWN = ["1", CALLER + "-1", "x-x-x-1", "00-" + "f" * 33 + CALLER[35:], "00-0-0-01"]


@pytest.mark.parametrize("traceparent", ["", CALLER[:-1] + "0", *UNKNOWN])
def test_step_without_a_sampled_trace_is_no_span(collector: Collector, traceparent: str) -> None:
    with in_gateway(collector):
        span = tracing.begin("deliver", traceparent)
        span.end()
        tracing.record_step("decide", traceparent, 1)
    assert (span.traceparent, collector.spans) == ("", [])


def test_span_carries_no_attribute_that_is_not_allowed(collector: Collector) -> None:
    with in_gateway(collector):
        span = tracing.begin_trace("receive")
        span.end(receipt="ours", text="Mijn kind", wamid="wamid.1", phone="31612345678")
    assert collector.spans[0].attributes == {"postkamer.receipt": "ours"}


def test_sampler_of_the_gateway_counts_for_all(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as environ:
        environ.setenv("OTEL_TRACES_SAMPLER", "always_off")
        with in_gateway(collector):
            span = tracing.begin_trace("receive")
            span.end()
    with tracing.exporting("router", collector.url, {}):
        tracing.record_step("decide", span.traceparent, 1)
        sampled = tracing.begin_trace("receive")
        sampled.end()
    assert len(collector.spans) == 1
    assert collector.spans[0].is_named_by(sampled.traceparent)
    assert not collector.spans[0].is_named_by(span.traceparent)


def test_variable_of_opentelemetry_turns_traces_on(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "OTEL_EXPORTER_OTLP_ENDPOINT"
    monkeypatch.setenv(name, collector.url.removesuffix("/v1/traces"))
    with tracing.exporting("router", "", {name: "set"}):
        assert tracing.is_on()
        tracing.begin_trace("receive").end()
    assert not tracing.is_on()
    assert len(collector.spans) == 1


def test_missing_extra_is_a_wrong_setting(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(SettingsError, match=r"postkamer\[tracing\]"), in_gateway(collector):
        pass
    assert not tracing.is_on()


def test_collector_that_does_not_answer_keeps_no_service_from_ending(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tracing, "FLUSH_SECONDS", 0.01)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.5")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/v1/traces"
        with tracing.exporting("gateway", url, {}):
            tracing.begin_trace("receive").end()
        [flush] = [each for each in threading.enumerate() if each.name == "flush-traces"]
        assert flush.daemon, "the process ends while it waits"
        flush.join(10)
