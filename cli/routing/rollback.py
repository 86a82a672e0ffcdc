"""Restore an earlier version of rules and texts: write its files over the present ones.

The version is loaded in a temporary folder first. Running services reload it, as any change. Tables
that give rights are no rules: those of the present first file stay. A version that protects less
than the present one is put back by hand.
"""

import os
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath

import msgspec

from cli.routing.identity_tables import CannotKeep, keep_identity_tables, kept_tables
from cli.routing.protections import LIFTED, lifted_protections
from cli.support.configuration import path_in_environment
from cli.support.output import CommandRefused
from router.ruleset.validation import validate
from router.table_gate import validate_by_tables
from services.config import loader
from services.config.loader import LoadedConfig
from services.config.model import ConfigError, Configuration
from services.config.reload import included_patterns, matching_files, non_reloadable_changes
from services.second_person.stored_files import files_in_folder
from services.toml.errors import ConfigFault, toml

BACKUP_SUFFIX = ".before-rollback"
"""Suffix of the name under which a replaced file is kept."""
DEFAULT_MODE = 0o644
"""Mode of a new file, if there is no file to copy the mode from."""


class Plan(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The changes of a rollback, as names relative to the folder of the first file."""

    version: str
    written: list[str]
    aside: list[str]
    """Files that would be read and are not part of the version."""
    same: list[str]
    restart: list[str]
    """Tables that differ and that services read only when they start."""
    kept: list[str] = []
    """Tables of rights and tests that differ, and stay as they are now."""
    waits_for: int = 0
    """Persons who must still stand for the restored files before they count."""

    def list_replaced(self) -> list[str]:
        """List the files of which a backup is kept."""
        return [*self.written, *self.aside]


def plan_rollback(
    version: str, files: Mapping[str, str], path: Path, present: Configuration | None
) -> Plan:
    """Return the changes that restore `files` in the folder of `path`. `present` is the
    configuration of now, if any is known.

    CommandRefused if that is not possible, or takes protection away.
    """
    _require_inside(path, files)
    if loader.version(dict(files)) != version:
        raise CommandRefused(f"what is kept of {version} is not what it was: its hash is another")
    if path.name not in files:
        raise CommandRefused(
            f"{version} has no {path.name}: what POSTKAMER_CONFIG names had another name"
        )
    restored, files = files, with_present_rights(files, path)
    aside = sorted(_other_files(path, files))
    _require_inside(path, aside)
    same = [name for name, text in files.items() if _read_text(path.parent / name) == text]
    written = sorted(name for name in files if name not in same)
    loaded = _load_with_backups(loader.version(dict(files)), files, path, [*written, *aside])
    if present and (lifted := [*lifted_protections(present, loaded.config)]):
        raise CommandRefused(LIFTED.format(version, ", ".join(lifted)))
    return Plan(
        version=version,
        written=written,
        aside=aside,
        same=same,
        restart=_restart_tables(path, loaded),
        kept=kept_tables(restored[path.name], files[path.name]),
    )


def with_present_rights(files: Mapping[str, str], path: Path) -> dict[str, str]:
    """Return the files of a version with the identity tables of the present first file. A role that
    may restore rules must not bring back rights that were taken away."""
    try:
        first = keep_identity_tables(files[path.name], _read_text(path), path.name)
    except CannotKeep as error:
        raise CommandRefused(str(error)) from None
    return {**files, path.name: first}


def _require_inside(path: Path, names: Mapping[str, str] | list[str]) -> None:
    """Raise CommandRefused for a name outside the folder, also through a link, or of a folder."""
    folder = path.parent.resolve()
    for name in names:
        target = path.parent / name
        pure = PurePosixPath(name)
        leaves = pure.is_absolute() or ".." in pure.parts or "\0" in name
        if leaves or not target.parent.resolve().is_relative_to(folder):
            raise CommandRefused(f"{name!r} is not in the folder of {path.name}")
        if target.is_dir():
            raise CommandRefused(f"{name!r} is a folder here")


def _other_files(path: Path, files: Mapping[str, str]) -> Iterator[str]:
    """Yield the existing files that would be read with these files and are not among them."""
    content = toml(files[path.name], path.name)
    if isinstance(content, ConfigFault):
        raise CommandRefused(str(content))
    for file in matching_files(path, tuple(included_patterns(content))):
        name = os.path.relpath(file, path.parent)
        if name not in files:
            yield name


def _read_text(file: Path) -> str | None:
    with suppress(OSError, UnicodeDecodeError):
        return file.read_text(encoding="utf-8-sig")
    return None


def _load_with_backups(
    version: str, files: Mapping[str, str], path: Path, replaced: list[str]
) -> LoadedConfig:
    """Load these files as a router would, with the backups beside them, and judge them by the
    tables of messages that are there now."""
    backups = {name + BACKUP_SUFFIX: _read_text(path.parent / name) or "" for name in replaced}
    loaded = load_version(version, {**backups, **files}, path.name)
    if loaded.version != version:
        raise CommandRefused(
            f"with what is kept as *{BACKUP_SUFFIX} it would be another version: {loaded.version}"
        )
    try:
        return validate_by_tables(loaded, path.parent)
    except ConfigError as error:
        folder = Path(loaded.sources[0].path).parent
        raise CommandRefused(str(error).replace(f"{folder}{os.sep}", "")) from None


def load_version(version: str, files: Mapping[str, str], first: str) -> LoadedConfig:
    """Load the files of a version as a service would; `first` is the name of the one that includes
    the others. CommandRefused if that fails."""
    folder = ""
    try:
        with files_in_folder(files) as written:
            folder = f"{written}{os.sep}"
            return validate(loader.load(written / first))
    except ConfigError as error:
        raise CommandRefused(str(error).replace(folder, "")) from None
    except (OSError, ValueError):
        raise CommandRefused(f"{version} names files by a path that is not beside it") from None


def find_first_file(version: str, files: Mapping[str, str], path: Path) -> str:
    """Return the name of the file that includes the others: of `path` or POSTKAMER_CONFIG."""
    for file in (path, path_in_environment()):
        if file and file.name in files:
            return file.name
    raise CommandRefused(f"{version} has no {path.name}: --config names it otherwise")


def _restart_tables(path: Path, loaded: LoadedConfig) -> list[str]:
    try:
        return non_reloadable_changes(loader.load(path).config, loaded.config)
    except (OSError, ValueError):  # invalid files say nothing about what runs
        return []


def apply_plan(plan: Plan, files: Mapping[str, str], path: Path) -> None:
    """Carry out a plan: write every file beside its target, then rename each, `path` last.

    After an OSError the files that were not renamed are unchanged.
    """
    files = with_present_rights(files, path)
    staged: list[tuple[Path, Path]] = []
    try:
        for name in sorted(plan.list_replaced(), key=lambda name: name == path.name):
            for each in _stage(path, name, files.get(name)):
                staged.append(each)  # one by one: after an error `finally` removes half a pair too
        for temporary, target in staged:
            os.replace(temporary, target)
        for name in plan.aside:
            (path.parent / name).unlink()
    finally:
        for temporary, _ in staged:
            temporary.unlink(missing_ok=True)


def _stage(path: Path, name: str, text: str | None) -> Iterator[tuple[Path, Path]]:
    """Write the backup and the new content of a file; yield (temporary file, target) for each."""
    target = path.parent / name
    model = target if target.exists() else path
    if target.exists():
        backup = target.with_name(target.name + BACKUP_SUFFIX)
        yield _write_temporary(target.read_bytes(), target, model), backup
    if text is not None:
        yield _write_temporary(text.encode(), target, model), target


def _write_temporary(content: bytes, target: Path, model: Path) -> Path:
    """Write a temporary file beside its target, with the owner and mode of `model`."""
    target.parent.mkdir(parents=True, exist_ok=True)
    file, name = tempfile.mkstemp(prefix=".rollback-", dir=target.parent)
    try:
        with os.fdopen(file, "wb") as writer:
            writer.write(content)
            writer.flush()
            os.fsync(file)
        _copy_permissions(name, model)
    except OSError:
        os.unlink(name)
        raise
    return Path(name)


def _copy_permissions(name: str, model: Path) -> None:
    if not model.exists():
        os.chmod(name, DEFAULT_MODE)
        return
    status = model.stat()
    with suppress(PermissionError):
        os.chown(name, status.st_uid, status.st_gid)
    os.chmod(name, stat.S_IMODE(status.st_mode))
