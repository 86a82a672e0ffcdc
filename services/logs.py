"""Logs as JSON lines, free of personal data.

A log line may only carry the keys of `ALLOWED`: a phone number, a name, a text or a wamid (which
holds the phone number) has no key to travel under. An exception's message may quote its input, so
only the type of an exception and the lines of code it passed are logged."""

import logging
import sys
import traceback
from collections.abc import MutableMapping
from typing import Any, BinaryIO

import msgspec
import structlog

ALLOWED = frozenset(
    [
        "event",
        "level",
        "at",
        "service",
        "partition",
        "epoch",
        "hold",
        "queue",
        "destination",
        "number",
        "tenant",
        "department",
        "rule",
        "receipt",
        "record",
        "message",
        "conversation",
        "internetaak",
        "klantcontact",
        "list",
        "count",
        "size",
        "seconds",
        "attempt",
        "status",
        "code",
        "reason",
        "kind",
        "field",
        "host",
        "port",
        "version",
        "path",
        "signal",
        "error",
        "where",
        "blocked",
        "consumers",
        "ready",
        "waiting",
        "what",
    ]
)
"""Keys that a log line may carry. `number` is our own id, `status` a word or an HTTP status, and
`reason` and `what` are sentences from our code."""


LONGEST_VALUE = 500
"""Characters of one value: a log line is no place for a body."""


def _only_allowed(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    dropped = [key for key in event if key not in ALLOWED]
    for key in dropped:
        del event[key]
    for key, value in event.items():
        event[key] = _to_json_value(value)
    return event


def _to_json_value(value: Any) -> int | float | str | None:
    """Convert a value to one that JSON can carry: no unpaired surrogates, no integer over 64 bits.
    A log line must never make the work fail."""
    if value is None or isinstance(value, float) or (isinstance(value, int) and abs(value) < 2**63):
        return value
    return str(value)[:LONGEST_VALUE].encode(errors="replace").decode()


def _exception(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    exc_info = event.pop("exc_info", None)
    error = sys.exc_info()[1] if exc_info is True else exc_info
    if isinstance(error, BaseException):
        event["error"] = type(error).__qualname__
        frames = traceback.extract_tb(error.__traceback__)[-4:]
        event["where"] = " < ".join(f"{f.name}:{f.lineno}" for f in reversed(frames))
    return event


def log_to_stdout(service: str, level: str) -> None:
    """Send the log of a service to standard output, one JSON object a line."""
    _configure(level, sys.stdout.buffer)
    structlog.contextvars.bind_contextvars(service=service)


def log_to_stderr() -> None:
    """Send the log of a command to standard error: its standard output is its result."""
    _configure("warning", sys.stderr.buffer)


def _configure(level: str, output: BinaryIO) -> None:
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
            _exception,
            _only_allowed,
            structlog.processors.JSONRenderer(serializer=_json),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.BytesLoggerFactory(output),
        cache_logger_on_first_use=True,
    )
    # Libraries log through the standard library and may quote their data: only the name of the
    # logger and the level are passed on.
    logging.basicConfig(handlers=[_Library()], level=logging.WARNING, force=True)


class _Library(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        # HTTP that cannot be parsed was answered 400; its sender must not be able to fill the log.
        if type(error).__module__ == "aiohttp.http_exceptions":
            return
        structlog.get_logger().warning(
            "library.spoke", what=record.name, kind=record.levelname, exc_info=error
        )


def _json(event: Any, **_: Any) -> bytes:
    return msgspec.json.encode(event)
