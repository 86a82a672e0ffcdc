"""What a log line may say. Logging is set up for a whole process, so each of these has its own."""

import json
import subprocess
import sys
from textwrap import dedent
from typing import Any

import pytest

from services.logs import ALLOWED, LONGEST_VALUE
from services.metrics import REGISTRY

pytestmark = pytest.mark.slow  # a process for each

SECRET = "31611111111 Sanne wamid.HBgLMzE2"


def logged(code: str, level: str = "info") -> list[dict[str, Any]]:
    """The lines that a process writes that sets up its log and then runs `code`."""
    start = f"""
    import asyncio, logging, structlog
    from services.logs import log_to_stdout
    secret = {SECRET!r}
    log_to_stdout("gateway", {level!r})
    log = structlog.get_logger()
    """
    done = subprocess.run(
        [sys.executable, "-c", dedent(start) + dedent(code)],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert done.stderr == ""
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_line_says_only_what_is_allowed_and_nothing_of_an_exception_but_its_type() -> None:
    lines = logged(
        """
        log.info("plain", phone=secret, text=secret, wamid=secret, name=secret, body=b"x", count=3)
        log.info("long", reason="x" * 10_000)
        log.info("types", count=1, seconds=0.5, ready=True, code=None, kind=["a"], field={"b": 1})

        def inner():
            raise ValueError(secret)

        try:
            inner()
        except ValueError as error:
            log.error("given", exc_info=error)
            log.error("current", exc_info=True)
            log.exception("as exception")
        log.error("none", exc_info=True)
        log.error("text", exc_info=secret, stack_info=True)

        class Odd(Exception):
            def __str__(self):
                raise RuntimeError(secret)
        log.error("odd", exc_info=Odd(secret))
        """
    )
    said = {line["event"]: line for line in lines}
    assert SECRET not in json.dumps(lines) and "Sanne" not in json.dumps(lines)
    assert all(line.keys() <= ALLOWED for line in lines)
    assert all(line["service"] == "gateway" and line["at"].endswith("Z") for line in lines)
    assert said["plain"]["count"] == 3 and said["plain"]["level"] == "info"
    assert len(said["long"]["reason"]) == LONGEST_VALUE
    assert (said["types"]["seconds"], said["types"]["ready"]) == (0.5, True)
    assert (said["types"]["code"], said["types"]["kind"]) == (None, "['a']")
    for event in ("given", "current", "as exception"):
        assert said[event]["error"] == "ValueError"
        assert "inner:" in said[event]["where"]
    assert "error" not in said["none"] and "error" not in said["text"]
    assert said["odd"]["error"] == "Odd"


def test_of_what_a_library_says_only_who_said_it_is_passed_on() -> None:
    lines = logged(
        """
        logging.getLogger("aio_pika.channel").error("cannot send %s", secret)
        logging.getLogger("asyncio").warning(secret, exc_info=ValueError(secret))
        logging.getLogger("aiohttp").info(secret)
        asyncio.run(asyncio.sleep(0))
        """
    )
    assert [(line["event"], line["what"], line["kind"]) for line in lines] == [
        ("library.spoke", "aio_pika.channel", "ERROR"),
        ("library.spoke", "asyncio", "WARNING"),
    ]
    assert "Sanne" not in json.dumps(lines)


def test_http_that_cannot_be_parsed_writes_no_line_and_a_fault_of_ours_does() -> None:
    lines = logged(
        """
        from aiohttp.http_exceptions import BadStatusLine, LineTooLong
        server = logging.getLogger("aiohttp.server")
        for error in (BadStatusLine(secret), LineTooLong(b"GET", 8190), KeyError(secret)):
            server.error("Error handling request from %s", secret, exc_info=error)
        server.error(secret)
        """
    )
    assert [(line["event"], line.get("error")) for line in lines] == [
        ("library.spoke", "KeyError"),
        ("library.spoke", None),
    ]


@pytest.mark.parametrize(
    ("level", "events"), [("info", ["a", "b", "c"]), ("warning", ["b", "c"]), ("error", ["c"])]
)
def test_a_level_leaves_out_what_is_below_it(level: str, events: list[str]) -> None:
    lines = logged('log.info("a"); log.warning("b"); log.error("c")', level)
    assert [line["event"] for line in lines] == events


def test_what_cannot_be_written_ends_no_work() -> None:
    lines = logged('log.info("odd", reason="half \\ud800", count=2**70, seconds=float("nan"))')
    assert [line["event"] for line in lines] == ["odd"]


NO_LABELS = {"phone", "name", "text", "wamid", "conversation", "message", "receipt", "person"}


def test_metrics_follow_the_conventions_and_have_labels_that_are_bounded() -> None:
    metrics = list(REGISTRY.collect())
    assert len(metrics) > 10
    for metric in metrics:
        assert metric.name.startswith("postkamer_")
        assert metric.documentation
        assert metric.type in ("counter", "gauge", "histogram")
        if metric.type == "histogram":
            assert metric.name.endswith(("_seconds", "_size"))
        labels = {label for sample in metric.samples for label in sample.labels}
        assert not labels & NO_LABELS
