"""What is decided by now: one version of rules and texts, replaced as a whole by the next.

A version is on record before anything is decided by it.
"""

import asyncio
from pathlib import Path

from router.model.decision import Ground, Hash
from router.ruleset.context import grounded, version_of, version_record
from router.ruleset.validation import sound
from router.store.store import Store
from services import clock
from services.amqp import topology
from services.amqp.publisher import Publisher, publish_until_confirmed
from services.config.loader import Choices, load
from services.config.model import ConfigError
from services.config.reload import follow
from services.contract import ArchiveBatch
from services.postgres.database import until_it_answers
from services.toml.errors import Fault

LARGEST = 12 * 1024 * 1024
"""Bytes of a version's record: the broker takes 16 MiB in one message."""
UNRECORDED = "the rules are not on record yet"


class Rulebook:
    def __init__(self, store: Store, archive: Publisher, hash: Hash) -> None:
        self._store, self._archive, self._hash = store, archive, hash
        self._ground: Ground | None = None
        self._first = asyncio.Event()

    async def ground(self) -> Ground:
        """What a batch that begins now is decided by, from its beginning to its end."""
        await self._first.wait()
        assert self._ground is not None
        return self._ground

    def obstacles(self) -> list[str]:
        return [] if self._ground else [UNRECORDED]

    async def run(self, path: Path, choices: Choices) -> None:
        """Bring into force what was read at the start, then what the files hold later."""
        await self.take(choices)
        await follow(path, choices, _load, self.take)

    async def take(self, choices: Choices) -> None:
        """Bring a version into force, once it is on record; ConfigError when it is too large."""
        ground = await asyncio.to_thread(grounded, choices, self._hash)
        await self._record(choices)
        self._ground = ground
        self._first.set()

    async def _record(self, choices: Choices) -> None:
        """Said again at each start: that it was confirmed before is not known, and not needed."""
        new = version_of(choices, clock.now(), self._hash)
        if len(version_record(new, choices).raw) > LARGEST:
            raise ConfigError([Fault("", 0, "file", f"all files are over {LARGEST} bytes as JSON")])
        kept = await until_it_answers(lambda: self._store.keep_version(new), "version")
        batch = ArchiveBatch(records=[version_record(kept, choices)])
        await publish_until_confirmed(
            self._archive, topology.ARCHIVE_QUEUE, batch, may_stop=lambda: False
        )


def _load(path: Path) -> Choices:
    return sound(load(path))
