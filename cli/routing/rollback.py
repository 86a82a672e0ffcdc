"""Back to an earlier version of rules and texts: its files over those that are there.

Tried first in a folder of its own. Services that run take it by themselves, as any change.
"""

import os
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath

import msgspec

from cli.support.database import Refused
from router.ruleset.validation import validate
from services.config import loader
from services.config.loader import LoadedConfig
from services.config.model import ConfigError
from services.config.reload import included_patterns, matching_files, non_reloadable_changes
from services.toml.errors import ConfigFault, toml

KEPT = ".before-rollback"
"""Ends the name under which what was there is kept."""
READABLE = 0o644
"""Of a file where there was none, and no other to be like."""


class Plan(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a rollback does, by names beside the first file."""

    version: str
    written: list[str]
    aside: list[str]
    """Files that would be read, and are no part of that version."""
    same: list[str]
    restart: list[str]
    """Tables that differ and that services read at their start alone."""

    @property
    def replaced(self) -> list[str]:
        return [*self.written, *self.aside]


def planned(version: str, files: Mapping[str, str], path: Path) -> Plan:
    """What bringing `files` back to where `path` is takes; Refused when it cannot be."""
    _stay_beside(path, files)
    if loader.version(dict(files)) != version:
        raise Refused(f"what is kept of {version} is not what it was: its hash is another")
    if path.name not in files:
        raise Refused(f"{version} has no {path.name}: what POSTKAMER_CONFIG names had another name")
    aside = sorted(_others(path, files))
    _stay_beside(path, aside)
    same = [name for name, text in files.items() if _text(path.parent / name) == text]
    written = sorted(name for name in files if name not in same)
    then = _tried(version, files, path, [*written, *aside])
    return Plan(
        version=version, written=written, aside=aside, same=same, restart=_restart(path, then)
    )


def _stay_beside(path: Path, names: Mapping[str, str] | list[str]) -> None:
    """Refused for a name that leads out of the folder, also by a link, or to no file."""
    folder = path.parent.resolve()
    for name in names:
        target = path.parent / name
        pure = PurePosixPath(name)
        leaves = pure.is_absolute() or ".." in pure.parts or "\0" in name
        if leaves or not target.parent.resolve().is_relative_to(folder):
            raise Refused(f"{name!r} is not in the folder of {path.name}")
        if target.is_dir():
            raise Refused(f"{name!r} is a folder here")


def _others(path: Path, files: Mapping[str, str]) -> Iterator[str]:
    """What is there, would be read with these files, and is none of them."""
    given = toml(files[path.name], path.name)
    if isinstance(given, ConfigFault):
        raise Refused(str(given))
    for file in matching_files(path, tuple(included_patterns(given))):
        name = os.path.relpath(file, path.parent)
        if name not in files:
            yield name


def _text(file: Path) -> str | None:
    with suppress(OSError, UnicodeDecodeError):
        return file.read_text(encoding="utf-8-sig")
    return None


def _tried(version: str, files: Mapping[str, str], path: Path, replaced: list[str]) -> LoadedConfig:
    """These files as a service would read them, with what is kept beside them."""
    kept = {name + KEPT: _text(path.parent / name) or "" for name in replaced}
    found = load_version(version, {**kept, **files}, path.name)
    if found.version != version:
        raise Refused(f"with what is kept as *{KEPT} it would be another version: {found.version}")
    return found


def load_version(version: str, files: Mapping[str, str], first: str) -> LoadedConfig:
    """Read the files of a version as a service would; `first` is the name of the one that includes
    the others. Refused where that cannot be done."""
    with tempfile.TemporaryDirectory(prefix="postkamer-") as folder:
        for name, text in files.items():
            file = Path(folder, name)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8", newline="")
        try:
            return validate(loader.load(Path(folder, first)))
        except ConfigError as error:
            raise Refused(str(error).replace(folder + os.sep, "")) from None
        except (OSError, ValueError):
            raise Refused(f"{version} names files by a path that is not beside it") from None


def _restart(path: Path, then: LoadedConfig) -> list[str]:
    try:
        return non_reloadable_changes(loader.load(path).config, then.config)
    except (OSError, ValueError):  # what is there is wrong: it says nothing of what runs
        return []


def carried_out(plan: Plan, files: Mapping[str, str], path: Path) -> None:
    """Do it: everything is written beside its place first, then each file is renamed, `path` last.
    OSError leaves what was not renamed as it was."""
    staged: list[tuple[Path, Path]] = []
    try:
        for name in sorted(plan.replaced, key=lambda name: name == path.name):
            for each in _staged(path, name, files.get(name)):  # of the last one, half may be there
                staged.append(each)
        for written, place in staged:
            os.replace(written, place)
        for name in plan.aside:
            (path.parent / name).unlink()
    finally:
        for written, _ in staged:
            written.unlink(missing_ok=True)


def _staged(path: Path, name: str, text: str | None) -> Iterator[tuple[Path, Path]]:
    """What is there, and what comes in its place; each with where it goes."""
    place = path.parent / name
    like = place if place.exists() else path
    if place.exists():
        yield _written(place.read_bytes(), place, like), place.with_name(place.name + KEPT)
    if text is not None:
        yield _written(text.encode(), place, like), place


def _written(content: bytes, place: Path, like: Path) -> Path:
    """On disk beside its place, to be read by whoever may read `like`."""
    place.parent.mkdir(parents=True, exist_ok=True)
    file, name = tempfile.mkstemp(prefix=".rollback-", dir=place.parent)
    try:
        with os.fdopen(file, "wb") as writing:
            writing.write(content)
            writing.flush()
            os.fsync(file)
        _look_like(name, like)
    except OSError:
        os.unlink(name)
        raise
    return Path(name)


def _look_like(name: str, like: Path) -> None:
    if not like.exists():
        os.chmod(name, READABLE)
        return
    found = like.stat()
    with suppress(PermissionError):
        os.chown(name, found.st_uid, found.st_gid)
    os.chmod(name, stat.S_IMODE(found.st_mode))
