"""Traces of each step, for an OpenTelemetry collector. Without one, opentelemetry is not imported.

A trace begins at the gateway. Its `traceparent` (W3C Trace Context) names the gateway's span, and
travels with everything that follows from what came in: entries, events, records and the ledger.
Each later step is a span under that one, so a step that is repeated after a crash adds a span and
breaks nothing. The gateway draws the sample, and the others follow: without a traceparent, or with
one that is not sampled, there is no span.
"""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from services import clock
from services.config.settings import SettingsError
from services.instance import VERSION, instance_name

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span as OpenSpan
    from opentelemetry.trace import SpanContext, Tracer

Step = Literal["receive", "decide", "record", "deliver", "send"]
KINDS: dict[Step, str] = {
    "receive": "SERVER",
    "decide": "CONSUMER",
    "record": "CONSUMER",
    "deliver": "CLIENT",
    "send": "CLIENT",
}
"""Step -> kind of its span, in OpenTelemetry's words."""
ALLOWED = frozenset(
    [
        "attempt", "code", "command", "department", "destination", "entry", "event", "message",
        "number", "outcome", "partitions", "receipt", "record", "rule", "status", "tenant",
    ]
)  # fmt: skip
"""Attributes that a span may carry: our own ids, words of the configuration and of our code, and
numbers. A phone number, a name, a text or a wamid has no key to travel under."""
ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
"""OpenTelemetry's own variables for the address of a collector."""
MISSING = "POSTKAMER_TRACES_URL: needs the extra `tracing` (pip install 'postkamer[tracing]')"
SAMPLED = frozenset("13579bdf")
"""Last characters of a traceparent that is sampled."""
FLUSH_SECONDS = 2.0
"""Longest wait for the collector at the end of a process. One that does not answer must not keep a
service from ending."""

_tracer: "Tracer | None" = None


class Span:
    """A step that goes on. Without tracing it has no traceparent, and does nothing."""

    def __init__(self, span: "OpenSpan | None" = None) -> None:
        self._span = span
        self.traceparent = _format_traceparent(span.get_span_context()) if span else ""
        """Name of this span for the steps that follow; '' without tracing."""

    def end(self, *, failed: bool = False, **attributes: object) -> None:
        """End the step now, with those attributes that say something."""
        if self._span:
            _describe(self._span, failed, attributes)
            self._span.end()


NO_SPAN = Span()


def begin_trace(step: Step, caller: str = "") -> Span:
    """Begin the first step of a trace, or go on with the trace of a caller that we trust."""
    return Span(_start(step, _caller_context(caller))) if _tracer else NO_SPAN


def begin(step: Step, traceparent: str) -> Span:
    """Begin a step of a trace that the gateway began."""
    parent = _parent(traceparent)
    return Span(_start(step, parent)) if parent is not None else NO_SPAN


def record_step(
    step: Step, traceparent: str, seconds: float, *, failed: bool = False, **attributes: object
) -> None:
    """Record a step that ends now and took `seconds`."""
    if (parent := _parent(traceparent)) is not None:
        ended = _nanoseconds()
        span = _start(step, parent, ended - round(seconds * 1e9))
        _describe(span, failed, attributes)
        span.end(ended)


def is_on() -> bool:
    """Return True if spans go to a collector. It saves work that only spans need."""
    return _tracer is not None


@contextmanager
def exporting(service: str, url: str, environ: Mapping[str, str]) -> Iterator[None]:
    """Send spans while the context is open, if `url` or OpenTelemetry's variables name a collector.

    SettingsError if they do and opentelemetry is not installed.
    """
    global _tracer
    if not url and not any(environ.get(name) for name in ENDPOINTS):
        yield
        return
    try:
        provider = _provider(service, url)
    except ModuleNotFoundError:
        raise SettingsError([MISSING]) from None
    _tracer = provider.get_tracer("postkamer")
    try:
        yield
    finally:
        _tracer = None
        flush = threading.Thread(target=provider.shutdown, name="flush-traces", daemon=True)
        flush.start()
        flush.join(FLUSH_SECONDS)


def _provider(service: str, url: str) -> "TracerProvider":
    """Return a provider that sends in batches from a thread. It keeps at most 2,048 spans, and
    drops new ones when it is full. The sampler is that of OpenTelemetry's variables."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    resource = Resource.create(
        {
            "service.name": f"postkamer-{service}",
            "service.version": VERSION,
            "service.instance.id": instance_name(),
        }
    )
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=url or None)))
    return provider


def _start(step: Step, parent: "Context", started: int | None = None) -> "OpenSpan":
    from opentelemetry.trace import SpanKind

    assert _tracer
    at = _nanoseconds() if started is None else started
    return _tracer.start_span(step, parent, SpanKind[KINDS[step]], start_time=at)


def _caller_context(traceparent: str) -> "Context":
    """Read a header from outside, which may be of a newer version; nonsense counts as none."""
    from opentelemetry.context import Context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    if not traceparent:
        return Context()
    return TraceContextTextMapPropagator().extract({"traceparent": traceparent}, Context())


def _parent(traceparent: str) -> "Context | None":
    """Read a traceparent that the gateway wrote; None without traces, for a trace that is not
    sampled, and for one in a form that only a newer version knows."""
    if not _tracer or traceparent[-1:] not in SAMPLED:
        return None
    from opentelemetry import trace
    from opentelemetry.context import Context

    try:
        _, trace_id, span_id, flags = traceparent.split("-")
        named = trace.SpanContext(
            int(trace_id, 16), int(span_id, 16), True, trace.TraceFlags(int(flags, 16))
        )
    except ValueError:
        return None
    if not named.is_valid:
        return None
    return trace.set_span_in_context(trace.NonRecordingSpan(named), Context())


def _describe(span: "OpenSpan", failed: bool, attributes: Mapping[str, object]) -> None:
    if failed:
        from opentelemetry.trace import StatusCode

        span.set_status(StatusCode.ERROR)
    span.set_attributes(
        {
            f"postkamer.{name}": value if isinstance(value, int) else str(value)
            for name, value in attributes.items()
            if name in ALLOWED and value not in ("", None)
        }
    )


def _format_traceparent(context: "SpanContext") -> str:
    flags = int(context.trace_flags)
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{flags:02x}"


def _nanoseconds() -> int:
    return round(clock.now().timestamp() * 1e9)
