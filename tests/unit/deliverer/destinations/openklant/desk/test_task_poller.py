"""Pace of the requests of the poller of tasks."""

import asyncio
import itertools
from collections.abc import Mapping

from deliverer.destinations.openklant.desk.task_poller import PacedSender
from deliverer.transport.response import Body, Response

PAUSE = 0.02


class Recorder:
    """A sender that notes when its requests begin, and takes a while for the first."""

    def __init__(self) -> None:
        self.started: list[float] = []

    async def request(
        self, method: str, url: str, body: Body, headers: Mapping[str, str]
    ) -> Response:
        self.started.append(asyncio.get_running_loop().time())
        if len(self.started) == 1:
            await asyncio.sleep(2.5 * PAUSE)
        return Response(status=200)


async def test_requests_start_a_pause_apart_and_a_slow_one_lets_no_others_catch_up() -> None:
    recorder = Recorder()
    paced = PacedSender(recorder, PAUSE)
    for _ in range(5):
        assert (await paced.request("GET", "", b"", {})).status == 200
    gaps = [after - before for before, after in itertools.pairwise(recorder.started)]
    assert min(gaps) >= PAUSE * 0.99
