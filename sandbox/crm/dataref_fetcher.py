"""Fetch the content that confidential events leave out from the archive, as a CRM does, and send it
to the pages."""

import asyncio
from http import HTTPStatus

import msgspec
from aiohttp import web

from sandbox.crm.event_validation import Event
from sandbox.crm.postkamer_client import Asking
from sandbox.event_stream import Stream

AT_ONCE = 8
"""Requests under way; the others wait, and a desk sees their content a moment later."""
WAITING_MOST = 1_000
"""Most waiting requests. Beyond that a page shows that a message came, without its content."""
TRIES = 20
WAIT_SECONDS = 0.5
"""Pause between two attempts: the archive is a moment behind the events of a CRM."""


class Contents:
    def __init__(self, asking: Asking, *, stream: Stream) -> None:
        self._asking, self._stream = asking, stream
        self._wanted: asyncio.Queue[str] = asyncio.Queue(WAITING_MOST)

    def want(self, event: Event) -> None:
        """Queue the content that this event leaves out, if the event is about a message."""
        path = path_of(event.dataref)
        if path and not self._wanted.full():
            self._wanted.put_nowait(path)

    async def fetch(self) -> None:
        """Fetch queued content until cancelled."""
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
"""Statuses after which the content may be available in a moment."""


def found(answer: web.Response) -> bool:
    return answer.status == HTTPStatus.OK and isinstance(answer.body, bytes)


def path_of(dataref: str) -> str:
    """Return the archive's path of a message; '' for anything else. The host is ignored: only our
    own archive is asked. Pure."""
    before, messages, id = dataref.rpartition("/v1/messages/")
    return messages + id if before and id.replace("-", "").isalnum() else ""
