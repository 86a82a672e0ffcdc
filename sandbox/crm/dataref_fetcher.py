"""Fetch the content that confidential events leave out from the archive, as a CRM does, and send it
to the pages."""

import asyncio
from http import HTTPStatus

import msgspec
from aiohttp import web

from sandbox.crm.event_validation import Event
from sandbox.crm.postkamer_client import PostkamerClient
from sandbox.event_stream import EventStream

AT_ONCE = 8
"""Requests under way; the others wait, and a desk sees their content a moment later."""
MAX_WAITING = 1_000
"""Most waiting requests. Beyond that a page shows that a message came, without its content."""
ATTEMPTS = 20
RETRY_SECONDS = 0.5
"""Pause between two attempts: the archive is a moment behind the events of a CRM."""


class DatarefFetcher:
    def __init__(self, client: PostkamerClient, *, stream: EventStream) -> None:
        self._client, self._stream = client, stream
        self._paths: asyncio.Queue[str] = asyncio.Queue(MAX_WAITING)

    def enqueue(self, event: Event) -> None:
        """Queue the content that this event leaves out, if the event is about a message."""
        path = archive_path(event.dataref)
        if path and not self._paths.full():
            self._paths.put_nowait(path)

    async def run(self) -> None:
        """Fetch queued content until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(self._fetch())

    async def _fetch(self) -> None:
        while True:
            path = await self._paths.get()
            for _ in range(ATTEMPTS):
                response = await self._client.archiver(path)
                if has_content(response):
                    self._stream.publish("content", msgspec.Raw(response.body))  # type: ignore[arg-type]
                if response.status not in RETRY_STATUSES:
                    break
                await asyncio.sleep(RETRY_SECONDS)


RETRY_STATUSES = frozenset({HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.BAD_GATEWAY})
"""Statuses after which the content may be available in a moment."""


def has_content(response: web.Response) -> bool:
    return response.status == HTTPStatus.OK and isinstance(response.body, bytes)


def archive_path(dataref: str) -> str:
    """Return the archive's path of a message; '' for anything else. The host is ignored: only our
    own archive is asked. Pure."""
    prefix, messages, id = dataref.rpartition("/v1/messages/")
    return messages + id if prefix and id.replace("-", "").isalnum() else ""
