"""Watches if the services refused a change of the rules, and shows it on the page."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import aiohttp
import msgspec

from sandbox.event_stream import EventStream
from services.config.rules_status import RefusedChange
from services.http.service_status import STATUS_PATH, ServiceStatus, first_refusal

POLL_SECONDS = 2.0
"""Interval between polls; the services read changed files as often."""
ANSWER = aiohttp.ClientTimeout(total=2.0)
KIND = "rules"
"""Kind of the event that shows a refusal on the page, or its end."""


class RulesWatch:
    """`addresses` are those of the services' operations ports, `config` is their configuration."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        addresses: Sequence[str],
        config: Path | None,
        stream: EventStream,
    ) -> None:
        self._http, self._addresses = http, addresses
        self._folder = config.absolute().parent if config else None
        self._stream = stream
        self.shown: RefusedChange | None = None

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(POLL_SECONDS)

    async def look(self) -> None:
        """Ask the services, and publish if they refuse something else than before."""
        statuses = await asyncio.gather(*(self._ask(each) for each in self._addresses))
        refused = first_refusal(statuses)
        # A silent service may still refuse.
        if refused != self.shown and (refused or None not in statuses):
            self.shown = refused
            self._stream.publish(KIND, describe(refused, self._folder))

    async def _ask(self, address: str) -> ServiceStatus | None:
        """Return the status of a service, or None if it shows none."""
        try:
            async with self._http.get(address + STATUS_PATH, timeout=ANSWER) as answer:
                return msgspec.json.decode(await answer.read(), type=ServiceStatus)
        except (aiohttp.ClientError, TimeoutError, msgspec.DecodeError):
            return None


def describe(refused: RefusedChange | None, folder: Path | None) -> dict[str, object]:
    """Return what the page shows of a refusal: the file relative to the configuration. Pure."""
    if refused is None:
        return {"refused": None}
    path = Path(refused.file)
    is_near = folder is not None and path.is_relative_to(folder)
    file = str(path.relative_to(folder)) if is_near and folder else path.name
    where = f"{file}:{refused.line}" if refused.line else file
    return {"refused": {"where": where, "what": refused.what, "count": refused.count}}
