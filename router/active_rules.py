"""The ruleset version in force, replaced as a whole by the next.

A version is put on record before anything is decided by it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

from router.model.hashes import Hashes
from router.model.work import RoutingContext
from router.ruleset.context import build_context, build_version_record, create_version
from router.ruleset.validation import validate
from router.store.store import Store
from router.table_gate import find_table_faults
from services import clock
from services.amqp import topology
from services.amqp.publisher import Publisher, publish_until_confirmed
from services.config.loader import LoadedConfig, load
from services.config.model import ConfigError, Configuration
from services.config.reload import ActiveVersion, watch_config
from services.contract import ArchiveBatch
from services.postgres.database import Pool, retry_while_unavailable
from services.second_person.gate import WAITS, VersionGate
from services.toml.errors import ConfigFault

LARGEST = 12 * 1024 * 1024
"""Maximum bytes of a version's record: the broker accepts 16 MiB in one message."""
T = TypeVar("T")
UNRECORDED = "the rules are not on record yet"


class ActiveRules:
    def __init__(self, store: Store, archive: Publisher, hashes: Hashes) -> None:
        self._store, self._archive, self._hashes = store, archive, hashes
        self._context: RoutingContext | None = None
        self._is_active = asyncio.Event()
        self._followers: list[Callable[[Configuration], None]] = []

    def follow(self, apply: Callable[[Configuration], None]) -> None:
        """Call `apply` with the configuration of each version that is in force from now on."""
        self._followers.append(apply)
        if self._context:
            apply(self._context.config)

    async def context(self) -> RoutingContext:
        """Wait for a version in force, and return its context for one whole batch."""
        await self._is_active.wait()
        assert self._context is not None
        return self._context

    def problems(self) -> list[str]:
        return [] if self._context else [UNRECORDED]

    async def run(self, path: Path, version: ActiveVersion, pool: Pool) -> None:
        """Activate the configuration that was read at the start, then each later change."""
        await self.activate(version.loaded)
        gate = VersionGate(pool, version, self.propose)
        activate = partial(self.activate_change, path.parent)
        await watch_config(path, _load, activate, gate, judge=partial(self.judge, path.parent))

    async def judge(self, folder: Path) -> list[ConfigFault]:
        """Return the tables of messages in this folder that the rules in force fall below."""
        context = await self.context()
        return await asyncio.to_thread(find_table_faults, context, folder)

    async def activate_change(self, folder: Path, config: LoadedConfig) -> None:
        """Activate a version unless its rules fall below a table, which raises ConfigError. All
        that takes seconds is in a thread: batches go on."""
        context = await asyncio.to_thread(build_context, config, self._hashes)
        if faults := await asyncio.to_thread(find_table_faults, context, folder):
            raise ConfigError(faults)
        await self._put_in_force(config, context)

    async def activate(self, config: LoadedConfig) -> None:
        """Put a version on record, then in force; ConfigError when it is too large, or waits for a
        second person."""
        context = await asyncio.to_thread(build_context, config, self._hashes)
        await self._put_in_force(config, context)

    async def _put_in_force(self, config: LoadedConfig, context: RoutingContext) -> None:
        versions, version = self._store.versions, config.version
        _require_persons(await _patiently(lambda: versions.count_missing_persons(version)))
        await self._record(config)
        now, asks = clock.now(), config.config.second_person
        put = partial(versions.put_in_force, version, now, asks=asks)
        _require_persons(await _patiently(put))
        self._context = context
        self._is_active.set()
        for apply in self._followers:
            apply(context.config)

    async def propose(self, config: LoadedConfig) -> None:
        """Store a version that waits for a second person."""
        new = create_version(config, clock.now(), self._hashes.own)
        await _patiently(lambda: self._store.versions.propose(new))

    async def _record(self, config: LoadedConfig) -> None:
        """Store a version and publish its record.

        The record is published at each start: whether an earlier start did so is not known, and
        the archive drops duplicates.
        """
        new = create_version(config, clock.now(), self._hashes.own)
        if len(build_version_record(new, config).raw) > LARGEST:
            raise ConfigError(
                [ConfigFault("", 0, "file", f"all files are over {LARGEST} bytes as JSON")]
            )
        stored = await _patiently(lambda: self._store.versions.store(new))
        batch = ArchiveBatch(records=[build_version_record(stored, config)])
        await publish_until_confirmed(
            self._archive, topology.ARCHIVE_QUEUE, batch, may_stop=lambda: False
        )


async def _patiently(work: Callable[[], Awaitable[T]]) -> T:
    return await retry_while_unavailable(work, "version")


def _require_persons(missing: int) -> None:
    if missing:
        raise ConfigError([ConfigFault("", 0, "second_person", WAITS[missing])])


def _load(path: Path) -> LoadedConfig:
    return validate(load(path))
