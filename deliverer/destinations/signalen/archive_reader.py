"""Reading our own archive as any CRM does: by its API, with a token, and on the record."""

from collections.abc import Callable

import msgspec

from deliverer.destinations.signalen.client import ARCHIVE, RequestRefused, Sender
from deliverer.destinations.signalen.messages import Message, parse_archive
from deliverer.transport.response import Response

MESSAGES = 100
"""Messages of a conversation that are read, the newest: more than a citizen writes in a day."""
GONE = frozenset({404, 410, 451})
"""Statuses of what nobody gets, or nobody any more."""


class ArchiveReader:
    """Makes the requests of one delivery, and counts them. `token` returns the token of now."""

    def __init__(self, sender: Sender, url: str, token: Callable[[], str]) -> None:
        self._sender, self._url, self._token = sender, url, token
        self.count = 0

    async def messages(self, conversation: str) -> list[Message]:
        """Return what the citizen wrote, the oldest first; nothing while the archive knows no such
        conversation, or when it was destroyed."""
        path = f"/v1/conversations/{conversation}/messages?order=newest&limit={MESSAGES}"
        answer = await self._get(path)
        if answer.status in GONE:
            return []
        _require_success(answer)
        try:
            return parse_archive(answer.body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise RequestRefused(Response(status=502, code=ARCHIVE)) from None

    async def file(self, link: str) -> bytes | None:
        """Return the bytes of a file; None if nobody gets it any more."""
        answer = await self._get(link)
        if answer.status in GONE:
            return None
        _require_success(answer)
        return answer.body

    async def _get(self, path: str) -> Response:
        self.count += 1
        headers = {"Authorization": f"Bearer {self._token()}"}
        answer = await self._sender.request("GET", self._url + path, b"", headers)
        return msgspec.structs.replace(answer, code=ARCHIVE)


def _require_success(answer: Response) -> None:
    """Raise RequestRefused unless this is all that was asked for. A file that is on its way is
    answered 202."""
    if answer.status == 202:
        raise RequestRefused(msgspec.structs.replace(answer, status=503))
    if answer.status != 200:
        raise RequestRefused(answer)
