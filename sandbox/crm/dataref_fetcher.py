"""What events leave out, asked of the archive as a CRM would, and told to the pages."""

import asyncio
from http import HTTPStatus

import msgspec
from aiohttp import web

from sandbox.crm.event_validation import Event
from sandbox.crm.postkamer_client import Asking
from sandbox.event_stream import Stream

AT_ONCE = 8
"""Questions under way; the rest waits, and a desk is told a moment later."""
WAITING_MOST = 1_000
"""Then the page shows that something came, and not what."""
TRIES = 20
WAIT_SECONDS = 0.5
"""Between two of them: the record is a moment behind what a CRM is told."""


class Contents:
    def __init__(self, asking: Asking, *, stream: Stream) -> None:
        self._asking, self._stream = asking, stream
        self._wanted: asyncio.Queue[str] = asyncio.Queue(WAITING_MOST)

    def want(self, event: Event) -> None:
        """What this event leaves out, if it is of a message."""
        path = path_of(event.dataref)
        if path and not self._wanted.full():
            self._wanted.put_nowait(path)

    async def fetch(self) -> None:
        """What is wanted, for ever."""
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(self._fetch())

    async def _fetch(self) -> None:
        while True:
            path = await self._wanted.get()
            for _ in range(TRIES):
                answer = await self._asking.archiver(path)
                if found(answer):
                    self._stream.publish("content", msgspec.Raw(answer.body))  # type: ignore[arg-type]
                if answer.status not in AGAIN:
                    break
                await asyncio.sleep(WAIT_SECONDS)


AGAIN = frozenset({HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.BAD_GATEWAY})
"""It may be there in a moment."""


def found(answer: web.Response) -> bool:
    return answer.status == HTTPStatus.OK and isinstance(answer.body, bytes)


def path_of(dataref: str) -> str:
    """Where a message is at the archive; '' for anything else. Whatever host it names, ours is
    asked. Pure."""
    before, messages, id = dataref.rpartition("/v1/messages/")
    return messages + id if before and id.replace("-", "").isalnum() else ""
