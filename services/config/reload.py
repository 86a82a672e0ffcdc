"""Reloading the configuration while a service runs: after the files changed and are stable, or on
SIGHUP. A new version is activated whole, or refused whole with its faults in the log.
"""

import asyncio
import glob
import os
import signal
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import structlog

from services import clock, metrics
from services.config.loader import LoadedConfig, drop_files, read_text, version
from services.config.model import ConfigError, Configuration
from services.config.rules_status import (
    RefusedChange,
    RulesStatus,
    WaitingChange,
    refused_change,
)
from services.config.settings import SettingsError
from services.instance import give_back_free_memory
from services.toml.errors import ConfigFault, toml

POLL_SECONDS = 2.0
"""Interval of polling. The system's own notifications (inotify) miss folders that are mounted from
elsewhere; a poll costs one `stat` per file."""
LOGGED_FAULTS = 20
"""Number of faults that one reload logs; `postkamer check` prints all."""

UNREAD = ConfigFault("", 0, "files", "cannot be read: see rules.unread in the log")

Stamp = tuple[int, int, int]
"""Inode, size and change time (ns) of a file; the change time covers its contents and its rights.
"""
Snapshot = dict[str, Stamp]
Load = Callable[[Path], LoadedConfig]
"""Loads the files; raises ConfigError with all faults. It runs in a thread."""
Activate = Callable[[LoadedConfig], Awaitable[None]]
"""Activates a version whole; raises ConfigError if that is not possible, and SettingsError for the
secrets that are missing."""

Judge = Callable[[], Awaitable[Sequence[ConfigFault]]]
"""Returns the faults for which the version in force would be refused if it were a change."""
MayTake = Callable[[str], Awaitable[bool]]
"""Returns True if a version may be taken that names tables of messages."""

log = structlog.get_logger()


class Gate(Protocol):
    """Decides if a version counts instead of the `active` one (`services.second_person.gate`)."""

    active: "ActiveVersion"
    note: Callable[[LoadedConfig], Awaitable[None]]

    async def why_waiting(self, version: str) -> str: ...

    async def verify(self) -> None: ...


class ChangeDetector:
    """Remembers the snapshot of the files that was processed, and the one that was seen last."""

    def __init__(self) -> None:
        self.processed: Snapshot | None = None
        self._previous: Snapshot | None = None

    def is_new_and_stable(self, snapshot: Snapshot) -> bool:
        """Return True if a snapshot is new and equal to the one of the previous poll."""
        same, self._previous = snapshot == self._previous, snapshot
        return same and snapshot != self.processed


class WatchedFiles:
    """The file at `path` and the files that it names, as they are on disk."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._first_stamp: Stamp | None = None
        self._patterns: tuple[str, ...] = ()
        self._tables: tuple[str, ...] = ()

    def poll(self) -> Snapshot:
        """Return the stamp of each existing file, of tables of messages too: rules that fell below
        one are judged again when it changes. While the first file cannot be read, the files that it
        named before are used."""
        first = stamp(self._path)
        if first != self._first_stamp:
            self._first_stamp = first
            self._name_files()
        named = (*self._patterns, *self._tables)
        files = {self._path, *matching_files(self._path, named)}
        return {str(file): mark for file in files if (mark := stamp(file))}

    def _name_files(self) -> None:
        """Take over the files that the first file names, if it can be read."""
        with suppress(OSError, UnicodeDecodeError):
            tables = toml(read_text(self._path), str(self._path))
            if not isinstance(tables, ConfigFault):
                self._patterns = tuple(included_patterns(tables))
                self._tables = tuple(message_tables(tables))

    @property
    def has_tables(self) -> bool:
        """True if the first file names tables of messages."""
        return bool(self._tables)

    def read_version(self) -> str:
        """Return the version of the files as the last poll found them, by their texts alone; '' if
        one cannot be read. It has no tables of messages."""
        folder, files = self._path.parent, matching_files(self._path, self._patterns)
        try:
            texts = {
                file.relative_to(folder).as_posix(): read_text(file)
                for file in {self._path, *files}
            }
        except (OSError, ValueError):
            return ""
        return version(texts)


def stamp(file: Path) -> Stamp | None:
    """Return the stamp of a file as it is now; None if it cannot be reached."""
    try:
        status = os.stat(file)
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_ctime_ns


def included_patterns(tables: dict[str, Any]) -> Iterator[str]:
    """Yield the patterns of the other files that a first file names, if they are usable. Pure."""
    include, texts = tables.get("include"), tables.get("texts")
    paths = [*include] if isinstance(include, list) else []
    if isinstance(texts, str) and texts:
        paths.append(f"{glob.escape(texts)}/*.toml")
    yield from (p for p in paths if isinstance(p, str) and "\0" not in p)


def message_tables(tables: dict[str, Any]) -> Iterator[str]:
    """Yield a pattern for each table of messages that a first file names, if it is usable. Pure."""
    tests = tables.get("tests")
    for test in tests if isinstance(tests, list) else []:
        name = test.get("table") if isinstance(test, dict) else None
        if isinstance(name, str) and "\0" not in name:
            yield glob.escape(name.strip())


def matching_files(path: Path, patterns: tuple[str, ...]) -> set[Path]:
    """Return the files that match the patterns, relative to the folder of `path`."""
    return {
        path.parent / name
        for pattern in patterns
        for name in glob.glob(pattern, root_dir=path.parent)
    }


FIXED: dict[str, Callable[[Configuration], object]] = {
    "partitions": lambda config: config.partitions,
    "environment": lambda config: config.environment,
    "tenants": lambda config: {tenant.id for tenant in config.tenants},
}
"""Table -> its part that services read only at their start, to make queues and keys, and to know
what may be shown and done."""
GROWING: dict[str, Callable[[Configuration], dict[str, object]]] = {
    "numbers": lambda config: {
        number.id: number.model_copy(update={"fallback": ""}) for number in config.numbers
    },
    "destinations": lambda config: {each.id: each for each in config.destinations},
}
"""Table -> its entries, to which running services take more. One that is there has connections,
accounts and work in hand that belong to it, so it neither changes nor goes while they run. The
`fallback` of a number is left out: it works as a rule."""


def non_reloadable_changes(active: Configuration, new: Configuration) -> list[str]:
    """Return the tables with a change that needs a restart. Pure."""
    fixed = [table for table, part in FIXED.items() if part(active) != part(new)]
    return fixed + [
        table
        for table, entries in GROWING.items()
        if any(entries(new).get(id) != entry for id, entry in entries(active).items())
    ]


class ActiveVersion:
    """The version in force and the change that was refused, for metrics and operations port."""

    def __init__(self, loaded: LoadedConfig) -> None:
        self.loaded = loaded
        self._refused: RefusedChange | None = None
        self.waiting: WaitingChange | None = None

    @property
    def status(self) -> RulesStatus:
        is_production = self.loaded.config.environment == "production"
        return RulesStatus(self.loaded.version, self._refused, is_production, self.waiting)

    def activate(self, loaded: LoadedConfig) -> None:
        """Show the version that is in force from now on, and keep no files of it."""
        self.loaded = drop_files(loaded)
        metrics.rules_version.clear()
        metrics.rules_version.labels(version=loaded.version).set(1)
        metrics.rules_loaded.set(clock.now().timestamp())

    def show_refusal(self, refused: RefusedChange | None) -> None:
        """Show the refusal of the files as they are now, or None if they are in force."""
        self._refused, self.waiting = refused, None
        metrics.rules_refused.set(refused is not None)
        metrics.rules_waiting.set(0)

    def show_waiting(self, version: str, why: str) -> None:
        """Show that the files as they are now hold a version that does not count yet."""
        is_same = self.waiting is not None and self.waiting.version == version
        since = self.waiting.since if is_same and self.waiting else clock.now()
        self.show_refusal(None)
        self.waiting = WaitingChange(version, why, since)
        metrics.rules_waiting.set(1)


async def _find_no_fault() -> Sequence[ConfigFault]:
    return ()


async def _take_any(_: str) -> bool:
    return True


async def watch_config(
    path: Path,
    load: Load,
    activate: Activate,
    gate: Gate,
    *,
    judge: Judge = _find_no_fault,
    may_take: MayTake = _take_any,
) -> None:
    """Watch the files until cancelled, and `activate` each new version that counts.

    A version that names tables of messages waits until it `may_take` it. `judge` is asked at the
    start, and when a table changes. Memory goes back to the system when a version is in force and
    the former one is freed.
    """
    reload_requested, active = asyncio.Event(), gate.active
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reload_requested.set)
    active.activate(active.loaded)
    give_back_free_memory()
    files, detector = WatchedFiles(path), ChangeDetector()
    while True:
        is_requested = await _wait_for(reload_requested, POLL_SECONDS)
        await gate.verify()
        snapshot = await asyncio.to_thread(files.poll)
        is_new = detector.is_new_and_stable(snapshot)
        if not (is_new or is_requested or await _has_come(gate)):
            continue
        version = await asyncio.to_thread(files.read_version)
        if version == active.loaded.version:
            detector.processed = snapshot
            await _judge_in_force(active, judge)
            give_back_free_memory()
            continue
        if files.has_tables and not await may_take(version):
            continue
        result = await _load(path, load)
        if await asyncio.to_thread(files.poll) == snapshot:  # else: read during a write
            detector.processed = snapshot
            await _activate(path, result, activate, gate)
        del result  # else it would stay while this waits
        give_back_free_memory()


async def _judge_in_force(active: ActiveVersion, judge: Judge) -> None:
    """Show if the version in force would be refused as a change. It stays: what is in the files is
    what is decided by, and a start in the night needs rules."""
    faults: Sequence[ConfigFault] = [UNREAD]
    try:
        if faults := await judge():
            log.error("rules.below", version=active.loaded.version, count=len(faults))
            _log_faults(faults)
    except Exception as error:  # which must not end the watch
        _log_refusal(error, active.loaded)
    active.show_refusal(refused_change(faults, in_force=True) if faults else None)


async def _has_come(gate: Gate) -> bool:
    """Return True if the version that waits counts now."""
    if (waiting := gate.active.waiting) is None:
        return False
    if why := await gate.why_waiting(waiting.version):
        gate.active.show_waiting(waiting.version, why)
    return not why


async def _wait_for(event: asyncio.Event, seconds: float) -> bool:
    """Wait for `event` and clear it; return False if it was not set within `seconds`."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    event.clear()
    return True


async def _load(path: Path, load: Load) -> LoadedConfig | Exception:
    """Load the files; return the reason if they cannot be loaded."""
    try:
        return await asyncio.to_thread(load, path)
    except Exception as error:  # ConfigError, or a file that has just disappeared
        return error


def _refuse_fixed_changes(path: Path, active: Configuration, new: Configuration) -> None:
    """Raise ConfigError for the tables with a change that needs a restart."""
    what = "cannot change while services run: restart all of them"
    tables = non_reloadable_changes(active, new)
    if tables:
        raise ConfigError([ConfigFault(str(path), 0, table, what) for table in tables])


async def _activate(
    path: Path, result: LoadedConfig | Exception, activate: Activate, gate: Gate
) -> None:
    """Activate the loaded version, or log and show why not."""
    active = gate.active
    try:
        if isinstance(result, Exception):
            raise result
        if result.version != active.loaded.version:
            if why := await gate.why_waiting(result.version):
                await gate.note(result)
                active.show_waiting(result.version, why)
                log.info("rules.waiting", version=result.version, reason=why)
                return
            _refuse_fixed_changes(path, active.loaded.config, result.config)
            await activate(result)
            active.activate(result)
            metrics.rules_reads.labels(outcome="taken").inc()
            log.info("rules.taken", version=result.version, count=len(result.files))
    except Exception as reason:
        error = _as_config_error(reason, path)
        _log_refusal(error, active.loaded)
        faults = error.faults if isinstance(error, ConfigError) else [UNREAD]
        active.show_refusal(refused_change(faults))
    else:
        active.show_refusal(None)


def _as_config_error(error: Exception, path: Path) -> Exception:
    """Return secrets that a version names and this process has not as faults of its files. Pure."""
    if not isinstance(error, SettingsError):
        return error
    return ConfigError([ConfigFault(str(path), 0, "secrets", what) for what in error.faults])


def _log_refusal(error: Exception, active: LoadedConfig) -> None:
    metrics.rules_reads.labels(outcome="refused").inc()
    if not isinstance(error, ConfigError):
        log.error("rules.unread", version=active.version, exc_info=error)
        return
    log.error("rules.refused", version=active.version, count=len(error.faults))
    _log_faults(error.faults)


def _log_faults(faults: Sequence[ConfigFault]) -> None:
    for fault in faults[:LOGGED_FAULTS]:
        where = f"{fault.path}:{fault.line}"
        log.error("rules.fault", path=where, field=fault.where, what=fault.what)
