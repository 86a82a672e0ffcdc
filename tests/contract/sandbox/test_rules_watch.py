"""A refused change of the rules is shown on the page once, until it is mended."""

from pathlib import Path
from typing import Any

import aiohttp
import pytest

from sandbox import rules_watch
from sandbox.event_stream import EventStream
from sandbox.rules_watch import RulesWatch, describe
from services.config.rules_status import RefusedChange, RulesStatus
from services.http.application import operations_app
from services.http.server import serve
from services.tasks import background_task
from tests.support.observer import until_true

FAULT = RefusedChange("/town/rules/afval.toml", 3, "rule afval: words: is missing", 2)


@pytest.mark.parametrize(
    ("file", "line", "folder", "where"),
    [
        ("/town/rules/afval.toml", 3, Path("/town"), "rules/afval.toml:3"),
        ("/town/postkamer.toml", 0, Path("/town"), "postkamer.toml"),
        ("/elsewhere/rules/afval.toml", 3, Path("/town"), "afval.toml:3"),
        ("/town/rules/afval.toml", 3, None, "afval.toml:3"),
    ],
)
def test_file_is_named_from_the_folder_of_the_configuration(
    file: str, line: int, folder: Path | None, where: str
) -> None:
    shown: Any = describe(RefusedChange(file, line, "is wrong", 2), folder)["refused"]
    assert shown == {"where": where, "what": "is wrong", "count": 2}


async def test_refusal_and_its_end_are_published_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules_watch, "POLL_SECONDS", 0.001)
    rules, polls = RulesStatus("a1", FAULT), 0

    async def ready() -> list[str]:
        nonlocal polls
        polls += 1
        return []

    stream, app = EventStream("run"), operations_app(ready, lambda: rules)
    async with aiohttp.ClientSession() as http:
        async with serve(app, "127.0.0.1", 0) as port:
            address = f"http://127.0.0.1:{port}"
            watch = RulesWatch(http, [address, address], Path("/town/postkamer.toml"), stream)
            async with background_task(watch.run()):
                await until_true(lambda: polls > 10)
                assert [event.data for event in stream.since(0)] == [describe(FAULT, Path("/town"))]
                rules = RulesStatus("b2")
                await until_true(lambda: len(stream.since(0)) == 2)
        assert stream.since(1)[0].data == {"refused": None}


async def test_silence_of_a_service_is_no_end_of_its_refusal() -> None:
    stream = EventStream("run")
    async with aiohttp.ClientSession() as http:
        watch = RulesWatch(http, ["http://127.0.0.1:1"], None, stream)
        watch.shown = FAULT
        await watch.look()
    assert stream.since(0) == []
