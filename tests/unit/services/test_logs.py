"""Log lines: allowed fields, no secrets. Logging is set up for a whole process: hence others."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from textwrap import dedent
from typing import Any

import pytest

from services.logs import ALLOWED, LONGEST_VALUE
from services.metrics import REGISTRY
from tests.support.installation import ROOT

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


@pytest.fixture(scope="module")
def lines() -> list[dict[str, Any]]:
    """Everything that the tests below look at, written by one process."""
    return logged(
        """
        log.info("plain", phone=secret, text=secret, wamid=secret, name=secret, body=b"x", count=3)
        log.info("long", reason="x" * 10_000)
        log.info("types", count=1, seconds=0.5, ready=True, code=None, kind=["a"], field={"b": 1})
        log.info("unwritable", reason="half \\ud800", count=2**70, seconds=float("nan"))

        def inner():
            raise ValueError(secret)

        class Odd(Exception):
            def __str__(self):
                raise RuntimeError(secret)

        try:
            inner()
        except ValueError as error:
            log.error("given", exc_info=error)
            log.error("current", exc_info=True)
            log.exception("as exception")
        log.error("none", exc_info=True)
        log.error("text", exc_info=secret, stack_info=True)
        log.error("odd", exc_info=Odd(secret))

        logging.getLogger("aio_pika.channel").error("cannot send %s", secret)
        logging.getLogger("asyncio").warning(secret, exc_info=ValueError(secret))
        logging.getLogger("aiohttp").info(secret)
        asyncio.run(asyncio.sleep(0))

        from aiohttp.http_exceptions import BadStatusLine, LineTooLong
        server = logging.getLogger("aiohttp.server")
        for error in (BadStatusLine(secret), LineTooLong(b"GET", 8190), KeyError(secret)):
            server.error("Error handling request from %s", secret, exc_info=error)
        server.error(secret)
        """
    )


def test_log_lines_hold_only_allowed_fields_and_no_secret(lines: list[dict[str, Any]]) -> None:
    assert SECRET not in json.dumps(lines) and "Sanne" not in json.dumps(lines)
    assert all(line.keys() <= ALLOWED for line in lines)
    assert all(line["service"] == "gateway" and line["at"].endswith("Z") for line in lines)
    plain, long, types, unwritable = lines[:4]
    assert (plain["event"], plain["count"], plain["level"]) == ("plain", 3, "info")
    assert len(long["reason"]) == LONGEST_VALUE
    assert (types["seconds"], types["ready"], types["code"]) == (0.5, True, None)
    assert types["kind"] == "['a']"
    assert unwritable["event"] == "unwritable"


def test_log_line_of_an_exception_tells_its_type_and_place_only(
    lines: list[dict[str, Any]],
) -> None:
    by_event = {line["event"]: line for line in lines}
    for event in ("given", "current", "as exception"):
        assert by_event[event]["error"] == "ValueError"
        assert "inner:" in by_event[event]["where"]
    assert "error" not in by_event["none"] and "error" not in by_event["text"]
    assert by_event["odd"]["error"] == "Odd"


def test_log_line_of_a_library_tells_its_logger_and_level_only(lines: list[dict[str, Any]]) -> None:
    """HTTP that cannot be parsed writes none; an error in a handler does."""
    spoke = [line for line in lines if line["event"] == "library.spoke"]
    assert [(line["what"], line["kind"], line.get("error")) for line in spoke] == [
        ("aio_pika.channel", "ERROR", None),
        ("asyncio", "WARNING", "ValueError"),
        ("aiohttp.server", "ERROR", "KeyError"),
        ("aiohttp.server", "ERROR", None),
    ]


@pytest.mark.parametrize(
    ("level", "events"), [("info", ["a", "b", "c"]), ("warning", ["b", "c"]), ("error", ["c"])]
)
def test_log_level_leaves_out_lower_levels(level: str, events: list[str]) -> None:
    lines = logged('log.info("a"); log.warning("b"); log.error("c")', level)
    assert [line["event"] for line in lines] == events


NO_LABELS = {"phone", "name", "text", "wamid", "conversation", "message", "receipt", "person"}


def test_metrics_follow_the_conventions_and_have_bounded_labels() -> None:
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


PRODUCT = (
    "services",
    "gateway",
    "router",
    "deliverer",
    "archiver",
    "sandbox",
    "witness",
    "cli",
    "deploy",
)
LEVELS = {"debug", "info", "warning", "error", "exception"}


def logged_fields(source: str) -> Iterator[str]:
    """Yield the fields that a module gives to `log`."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="log"), attr=level)):
                if level in LEVELS:
                    yield from (each.arg for each in node.keywords if each.arg)


def test_every_field_that_is_logged_is_one_that_a_line_may_carry() -> None:
    modules = [path for folder in PRODUCT for path in (ROOT / folder).rglob("*.py")]
    fields = {field for path in modules for field in logged_fields(path.read_text())}
    assert len(fields) > 20
    assert fields - ALLOWED <= {"exc_info"}


def test_command_logs_beside_its_result() -> None:
    code = f"""
    import structlog
    from cli.main import OWN_PROCESS, main
    main(["route", "explain", "kliko", "--json"], obj=OWN_PROCESS, standalone_mode=False)
    structlog.get_logger().info("silent")
    structlog.get_logger().warning("spoken", text={SECRET!r}, count=1)
    """
    command = [sys.executable, "-c", dedent(code)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    assert json.loads(done.stdout)["department"]
    line = json.loads(done.stderr)
    assert line.pop("at") and line == {"event": "spoken", "level": "warning", "count": 1}
