"""A collector of traces: a real HTTP server that reads OTLP as OpenTelemetry sends it."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import msgspec
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

PATH = "/v1/traces"
ERROR = 2
"""OTLP's code of a span that failed."""


class SeenSpan(msgspec.Struct, frozen=True):
    service: str
    instance: str
    name: str
    trace: str
    id: str
    parent: str
    started: int
    ended: int
    failed: bool
    attributes: dict[str, Any]

    def is_named_by(self, traceparent: str) -> bool:
        """True if this sampled span is the one that a traceparent names."""
        version, trace, id, flags = traceparent.split("-")
        is_sampled = bool(int(flags, 16) & 1)
        return (version, trace, id, is_sampled) == ("00", self.trace, self.id, True)


class Collector:
    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}{PATH}"
        self.bodies: list[bytes] = []
        """Everything that was sent, as it was sent."""
        self.spans: list[SeenSpan] = []

    def receive(self, body: bytes) -> None:
        request = ExportTraceServiceRequest.FromString(body)
        self.bodies.append(body)
        for group in request.resource_spans:
            resource = _attributes(group.resource.attributes)
            for scope in group.scope_spans:
                self.spans += [_seen(span, resource) for span in scope.spans]

    def trace(self, id: str) -> list[SeenSpan]:
        """Spans of one trace, in the order in which they began."""
        spans = [span for span in self.spans if span.trace == id]
        return sorted(spans, key=lambda span: (span.started, span.ended))

    def named(self, name: str) -> list[SeenSpan]:
        return [span for span in self.spans if span.name == name]


def _seen(span: Any, resource: dict[str, Any]) -> SeenSpan:
    return SeenSpan(
        service=resource["service.name"],
        instance=resource["service.instance.id"],
        name=span.name,
        trace=span.trace_id.hex(),
        id=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        started=span.start_time_unix_nano,
        ended=span.end_time_unix_nano,
        failed=span.status.code == ERROR,
        attributes=_attributes(span.attributes),
    )


def _attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}


@contextmanager
def collecting() -> Iterator[Collector]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    collector = Collector(server.server_port)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            is_traces = self.path == PATH
            if is_traces:
                collector.receive(body)
            self.send_response(200 if is_traces else 404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server.RequestHandlerClass = Handler
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
