"""Polls an Open Klant for what employees did on our tasks, one request at a time."""

import asyncio
import random
from collections.abc import Callable, Mapping

from deliverer.destinations.openklant.client import OpenKlantClient, Sender
from deliverer.destinations.openklant.desk.poll_round import Desk, PollRound
from deliverer.destinations.openklant.desk.registrations import AnswerChannel
from deliverer.destinations.openklant.desk.task_status import wait_before_round
from deliverer.transport.response import Body, Response
from services import metrics

PAUSE_SECONDS = 1.0
"""Time between the starts of two requests. A page of 100 tasks takes an Open Klant 0.6 s."""


class PacedSender:
    """Sender that starts one request in `pause` seconds."""

    def __init__(self, sender: Sender, pause: float = PAUSE_SECONDS) -> None:
        self._sender, self._pause, self._next = sender, pause, 0.0

    async def request(
        self, method: str, url: str, body: Body, headers: Mapping[str, str]
    ) -> Response:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(self._next - loop.time())
        self._next = loop.time() + self._pause
        return await self._sender.request(method, url, body, headers)


class TaskPoller:
    """Poller of one destination. `channel` is that of answers, '' for none."""

    def __init__(
        self, desk: Desk, channel: str, new_client: Callable[[], OpenKlantClient], every: float
    ) -> None:
        self._desk, self._channel = desk, channel
        self._new_client, self._every = new_client, every

    async def run(self) -> None:
        failures, loop = 0, asyncio.get_running_loop()
        while True:
            started = loop.time()
            failures = 0 if await self.poll_once() else failures + 1
            wait = wait_before_round(self._every, failures, random.random())
            await asyncio.sleep(wait - (loop.time() - started))

    async def poll_once(self) -> bool:
        """Run one round. False if Open Klant did not answer; tasks not polled keep their turn."""
        store, id, answered = self._desk.store, self._desk.destination, True
        if started := await store.claim_round(self._every):
            since = await store.answers_since(self._channel) if self._channel else started
            channel = AnswerChannel(self._channel, since)
            answered = await PollRound(self._desk, self._new_client(), started, channel).run()
            await store.finish_round()
            outcome = "looked" if answered else "away"
            metrics.openklant_rounds.labels(destination=id, outcome=outcome).inc()
        seconds = await store.unpolled_seconds()
        metrics.openklant_unseen_seconds.labels(destination=id).set(seconds)
        return answered
