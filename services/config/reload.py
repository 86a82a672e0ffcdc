"""A municipality's files are read again while a service runs: when they have changed and lie still,
or when SIGHUP asks. All that stands in them is taken, or nothing, and it is said why.
"""

import asyncio
import glob
import os
import signal
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import structlog

from services import clock, metrics
from services.config.loader import LoadedConfig
from services.config.model import ConfigError, Configuration
from services.toml.errors import ConfigFault, toml

LOOK_SECONDS = 2.0
"""Between two looks. What the system tells of changes (inotify) misses folders that are mounted
from elsewhere; a look costs a `stat` for each file."""
LOGGED = 20
"""Faults of one reading that are logged; `postkamer check` tells all."""

Mark = tuple[int, int, int]
"""What changes with a file: its inode, its size, and when it or who may read it changed, in ns."""
Picture = dict[str, Mark]
Load = Callable[[Path], LoadedConfig]
"""What the files hold; ConfigError with all that is wrong. It runs in a thread."""
Take = Callable[[LoadedConfig], Awaitable[None]]
"""Brings a version into force; ConfigError where that cannot be."""

log = structlog.get_logger()


class ChangeDetector:
    """Which picture of the files was taken, and which was seen last."""

    def __init__(self) -> None:
        self.taken: Picture | None = None
        self._seen: Picture | None = None

    def still(self, picture: Picture) -> bool:
        """Whether this one is to be taken: it is not, and is what it was at the last look."""
        same, self._seen = picture == self._seen, picture
        return same and picture != self.taken


class WatchedFiles:
    """The file at `path` and all that it names, as they are on disk."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._first: Mark | None = None
        self._patterns: tuple[str, ...] = ()

    def look(self) -> Picture:
        """Files that are there, and their marks. While the first cannot be read, it is taken to
        name what it named before."""
        first = _mark(self._path)
        if first != self._first:
            self._first = first
            self._patterns = _patterns_in(self._path, self._patterns)
        files = {self._path, *named(self._path, self._patterns)}
        return {str(file): mark for file in files if (mark := _mark(file))}


def _mark(file: Path) -> Mark | None:
    try:
        found = os.stat(file)
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_ctime_ns


def _patterns_in(path: Path, before: tuple[str, ...]) -> tuple[str, ...]:
    try:
        given = toml(path.read_text(encoding="utf-8-sig"), str(path))
    except (OSError, UnicodeDecodeError):
        return before
    return before if isinstance(given, ConfigFault) else tuple(patterns(given))


def patterns(given: dict[str, Any]) -> Iterator[str]:
    """What a first file says of where the others are, as far as it can be followed. Pure."""
    include, texts = given.get("include"), given.get("texts")
    said = [*include] if isinstance(include, list) else []
    if isinstance(texts, str) and texts:
        said.append(f"{glob.escape(texts)}/*.toml")
    yield from (p for p in said if isinstance(p, str) and "\0" not in p)


def named(path: Path, patterns: tuple[str, ...]) -> set[Path]:
    """The files beside `path` that the patterns stand for."""
    return {
        path.parent / name
        for pattern in patterns
        for name in glob.glob(pattern, root_dir=path.parent)
    }


FIXED: dict[str, Callable[[Configuration], object]] = {
    "partitions": lambda config: config.partitions,
    "tenants": lambda config: {tenant.id for tenant in config.tenants},
    "numbers": lambda config: {
        number.id: number.model_copy(update={"fallback": ""}) for number in config.numbers
    },
    "destinations": lambda config: {each.id: each for each in config.destinations},
}
"""Table -> what of it services read at their start alone: queues, doors, keys and accounts are made
of it. Where a number's messages go when no rule decides, is a rule."""


def non_reloadable_changes(held: Configuration, new: Configuration) -> list[str]:
    """Tables that cannot change so while services run. Pure."""
    return [table for table, of in FIXED.items() if of(held) != of(new)]


async def watch_config(path: Path, held: LoadedConfig, load: Load, take: Take) -> None:
    """For ever: have `take` bring into force what the files hold. `held` is in force now."""
    asked = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, asked.set)
    publish_active_version(held)
    files, watched = WatchedFiles(path), ChangeDetector()
    while True:
        pressed = await _within(asked, LOOK_SECONDS)
        picture = await asyncio.to_thread(files.look)
        if not (watched.still(picture) or pressed):
            continue
        found = await _found(path, held, load)
        if await asyncio.to_thread(files.look) == picture:  # else: read while they were written
            watched.taken = picture
            held = await _taken(found, held, take)


async def _within(asked: asyncio.Event, seconds: float) -> bool:
    """Whether it was asked for before so much time had passed."""
    try:
        async with asyncio.timeout(seconds):
            await asked.wait()
    except TimeoutError:
        return False
    asked.clear()
    return True


async def _found(path: Path, held: LoadedConfig, load: Load) -> LoadedConfig | Exception:
    """What the files hold, or why nothing of it can be taken."""
    try:
        new = await asyncio.to_thread(load, path)
    except Exception as error:  # ConfigError; or a file that was there a moment ago
        return error
    what = "cannot change while services run: restart all of them"
    faults = [
        ConfigFault(str(path), 0, table, what)
        for table in non_reloadable_changes(held.config, new.config)
    ]
    return ConfigError(faults) if faults else new


async def _taken(found: LoadedConfig | Exception, held: LoadedConfig, take: Take) -> LoadedConfig:
    """What is in force now."""
    try:
        if isinstance(found, Exception):
            raise found
        if found.version != held.version:
            await take(found)
            publish_active_version(found)
            metrics.rules_reads.labels(outcome="taken").inc()
            log.info("rules.taken", version=found.version, count=len(found.files))
    except Exception as error:
        _refused(error, held)
        return held
    metrics.rules_refused.set(0)
    return found


def publish_active_version(held: LoadedConfig) -> None:
    """Show which version is."""
    metrics.rules_version.clear()
    metrics.rules_version.labels(version=held.version).set(1)
    metrics.rules_loaded.set(clock.now().timestamp())


def _refused(error: Exception, held: LoadedConfig) -> None:
    metrics.rules_refused.set(1)
    metrics.rules_reads.labels(outcome="refused").inc()
    if not isinstance(error, ConfigError):
        log.error("rules.unread", version=held.version, exc_info=error)
        return
    log.error("rules.refused", version=held.version, count=len(error.faults))
    for fault in error.faults[:LOGGED]:
        where = f"{fault.path}:{fault.line}"
        log.error("rules.fault", path=where, field=fault.where, what=fault.what)
