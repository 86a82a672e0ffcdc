"""What is decided by now: one version of rules and texts, replaced as a whole by the next.

A version is on record before anything is decided by it.
"""

import asyncio
from pathlib import Path

from router.model.decision import Hash, RoutingContext
from router.ruleset.context import build_context, build_version_record, create_version
from router.ruleset.validation import validate
from router.store.store import Store
from services import clock
from services.amqp import topology
from services.amqp.publisher import Publisher, publish_until_confirmed
from services.config.loader import LoadedConfig, load
from services.config.model import ConfigError
from services.config.reload import watch_config
from services.contract import ArchiveBatch
from services.postgres.database import retry_while_unavailable
from services.toml.errors import ConfigFault

LARGEST = 12 * 1024 * 1024
"""Bytes of a version's record: the broker takes 16 MiB in one message."""
UNRECORDED = "the rules are not on record yet"


class ActiveRules:
    def __init__(self, store: Store, archive: Publisher, hash: Hash) -> None:
        self._store, self._archive, self._hash = store, archive, hash
        self._ground: RoutingContext | None = None
        self._first = asyncio.Event()

    async def context(self) -> RoutingContext:
        """What a batch that begins now is decided by, from its beginning to its end."""
        await self._first.wait()
        assert self._ground is not None
        return self._ground

    def problems(self) -> list[str]:
        return [] if self._ground else [UNRECORDED]

    async def run(self, path: Path, choices: LoadedConfig) -> None:
        """Bring into force what was read at the start, then what the files hold later."""
        await self.activate(choices)
        await watch_config(path, choices, _load, self.activate)

    async def activate(self, choices: LoadedConfig) -> None:
        """Bring a version into force, once it is on record; ConfigError when it is too large."""
        ground = await asyncio.to_thread(build_context, choices, self._hash)
        await self._record(choices)
        self._ground = ground
        self._first.set()

    async def _record(self, choices: LoadedConfig) -> None:
        """Said again at each start: that it was confirmed before is not known, and not needed."""
        new = create_version(choices, clock.now(), self._hash)
        if len(build_version_record(new, choices).raw) > LARGEST:
            raise ConfigError(
                [ConfigFault("", 0, "file", f"all files are over {LARGEST} bytes as JSON")]
            )
        kept = await retry_while_unavailable(lambda: self._store.keep_version(new), "version")
        batch = ArchiveBatch(records=[build_version_record(kept, choices)])
        await publish_until_confirmed(
            self._archive, topology.ARCHIVE_QUEUE, batch, may_stop=lambda: False
        )


def _load(path: Path) -> LoadedConfig:
    return validate(load(path))
