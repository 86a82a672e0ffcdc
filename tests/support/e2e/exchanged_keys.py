"""The exchange of the keys that services read at their start: every process is replaced, one
gateway after the other, in the order of docs/operators/secrets.md."""

import asyncio
import base64
from collections.abc import Mapping, Sequence

import aiohttp
import msgspec

from deploy.local.plan import REAL
from services import clock
from services.postgres.database import connection_pool
from tests.support.decrypted_record import KEY, rows_of
from tests.support.e2e.exchanged_secrets import CITIZENS, TownOfFiles
from tests.support.integration.bucket import settings_of
from tests.support.observer import until
from tests.support.tokens import bearer

ARCHIVE, WORKING = "POSTKAMER_ARCHIVE_KEY", "POSTKAMER_WORKING_KEY"
NEW_ARCHIVE, NEW_WORKING = (base64.b64encode(byte * 32).decode() for byte in (b"a", b"w"))
KEYS_BEFORE = {ARCHIVE: KEY, WORKING: KEY}
PNG = b"\x89PNG\r\n\x1a\n"
FILES = 4
"""Files that a CRM uploads between two steps, over connections of their own: to both gateways."""


def variables(port: int) -> dict[str, str]:
    """Return the variables of a town whose object store is a bucket at this port, but for the key
    of the bucket."""
    store = {f"AWS_{name}": value for name, value in settings_of(port).items() if "KEY" not in name}
    return store | {"POSTKAMER_OBJECT_STORE": "s3://files/postkamer"}


class KeyExchange:
    """The exchange of the archive's key and the working key."""

    def __init__(self, town: TownOfFiles, session: aiohttp.ClientSession) -> None:
        self._town, self._session = town, session
        self._gateways = ["gateway", town.add_second("gateway")]
        self.uploads: list[int] = []
        """Statuses of the files of a CRM."""

    async def run(self, token: str) -> None:
        """Exchange all, with two gateways; `token` is of a CRM."""
        await self._restart(self._gateways[1])
        await self._upload(token)
        await self._give({WORKING: f"{KEY},{NEW_WORKING}", ARCHIVE: f"{NEW_ARCHIVE},{KEY}"})
        said = await asyncio.to_thread(self._town.says, "archive", "rotate", "--master")
        assert "encrypted with a new one" in said, said
        await self._give({WORKING: f"{NEW_WORKING},{KEY}"}, "archiver")
        await until(self._log_of_archiver, lambda log: '"keys.rewrapped"' in log, 30)
        await self._give({WORKING: NEW_WORKING})
        await self._upload(token)
        self._town.put(ARCHIVE, NEW_ARCHIVE)
        for name in ("router", "archiver"):
            await self._refuses(name)

    async def until_archived(self, sent: Sequence[str]) -> None:
        """Wait until each of these texts is in the archive, opened with the new key alone. Citizens
        are recognised by what the former key made of their numbers."""

        async def look() -> list[tuple[str, str]]:
            return [found for found in await self._archived() if found[0] in sent]

        seen = await until(look, lambda seen: len(seen) >= len(sent), 30)
        assert sorted(text for text, _ in seen) == sorted(sent), "each once"
        assert len({conversation for _, conversation in seen}) == CITIZENS

    async def _archived(self) -> list[tuple[str, str]]:
        """Return text and conversation of each message in the archive."""
        async with connection_pool(self._town.database.url, "test", 1) as pool:
            rows = await rows_of(pool, base64.b64decode(NEW_ARCHIVE))
        return [
            (msgspec.json.decode(row["data"])["text"], row["conversation"])
            for row in rows
            if row["kind"] == "message"
        ]

    async def _give(self, keys: Mapping[str, str], *last: str) -> None:
        """Give all processes these keys, by replacing them: those that read queues beside the
        gateways, but for the `last`."""
        for name, value in keys.items():
            self._town.put(name, value)
        readers = [each for each in REAL if each not in ("gateway", *last)]
        beside = asyncio.gather(*(self._restart(each) for each in readers))
        for gateway in self._gateways:
            await self._restart(gateway)
        await beside
        for each in last:
            await self._restart(each)

    async def _restart(self, name: str) -> None:
        await asyncio.to_thread(self._replace, name)

    def _replace(self, name: str) -> None:
        process = self._town.services[name]
        process.stop()
        process.start()
        self._town.wait_until_ready(name)

    async def _refuses(self, name: str) -> None:
        """Another process of a service does not start with the new key alone, and says why."""
        process = self._town.services[self._town.add_second(name)]
        process.start()

        async def exit_code() -> int | None:
            return process.exit_code

        assert await until(exit_code, lambda code: code is not None, 30) == 1
        assert (
            "its last key is not the oldest one of this installation"
            in process.program.log.read_text()
        )

    async def _upload(self, token: str) -> None:
        for _ in range(FILES):
            headers = {"Idempotency-Key": str(clock.new_id()), "Content-Type": "image/png"}
            url = f"{self._town.gateway}/v1/media"
            headers |= bearer(token) | {"Connection": "close"}
            async with self._session.post(url, data=PNG, headers=headers) as answer:
                self.uploads.append(answer.status)

    async def _log_of_archiver(self) -> str:
        return (self._town.folder / "archiver.log").read_text()
