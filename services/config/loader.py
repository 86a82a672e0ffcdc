"""The configuration of a municipality, loaded from its files: either whole, or every fault in it.

The version is a hash of the contents of the files: equal configurations have equal versions.
"""

import glob
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from services.config import text_references
from services.config.model import (
    ConfigError,
    ConfigFile,
    Configuration,
    PartialConfig,
    as_partial,
    locate_error,
    merge_files,
)
from services.config.shortened_rules import drop_rules, shorten_rules
from services.texts.catalogue import Texts
from services.texts.checks import text_errors, text_warnings
from services.texts.folder import load_texts
from services.toml.errors import ConfigFault, toml

BYTES = 8 * 1024 * 1024
"""Largest size of all files together: 2,000 rules with 10,000 words are 0.5 MB."""
Prepare = Callable[[Mapping[str, Any]], dict[str, Any]]
"""Prepares the tables of one file, before the next file is read."""
BESIDE = "{!r} is no place beside this file: it is named from here"


class LoadedConfig(msgspec.Struct, frozen=True):
    """A configuration with its texts. `files` maps a path, relative to the folder of
    `postkamer.toml`, to the contents of the file."""

    config: Configuration
    texts: Texts
    files: dict[str, str]
    version: str
    warnings: tuple[str, ...] = ()
    sources: tuple[ConfigFile, ...] = ()
    """Files with their tables; `services.config.model.locate_error` finds an entry in them."""


def load(path: Path, *, patterns: bool = True) -> LoadedConfig:
    """Load `path`, the files that it includes and its texts.

    Raises ConfigError with all faults, also if some of the files cannot be read. Without `patterns`
    those are not compiled, which is a third of the work.
    """
    return _load(path, *_read_all(path), patterns=patterns)


def load_without_rules(path: Path) -> LoadedConfig:
    """Load for a service that decides nothing: raise ConfigError with the same faults, and keep
    neither rules nor texts nor files.

    The words of the rules are in memory for one file at a time: what is freed beside something that
    stays does not go back to the system.
    """
    loaded = drop_files(_load(path, *_read_all(path, shorten_rules), patterns=True))
    return msgspec.structs.replace(
        loaded, config=drop_rules(loaded.config), texts=Texts({}, {}), warnings=()
    )


def drop_files(loaded: LoadedConfig) -> LoadedConfig:
    """Return a configuration without the files that it was read from, once these are on record."""
    return msgspec.structs.replace(loaded, files={}, sources=())


def _load(
    path: Path, sources: list[ConfigFile], faults: list[ConfigFault], *, patterns: bool
) -> LoadedConfig:
    partial, merge_faults = _merge(sources, is_whole=not faults, patterns=patterns)
    texts, text_faults = _load_texts(path, partial, sources)
    faults += [*merge_faults, *text_faults, *_table_faults(path, partial, sources)]
    if texts:
        unknown = text_references.text_reference_errors(partial.config, texts, partial.lost)
        faults += [
            locate_error(sources, partial.location_in_files(where), what) for where, what in unknown
        ]
    if texts and partial.config.texts:
        faults += text_errors(
            texts,
            _placeholder_values(partial.config),
            text_references.first_texts(partial.config),
        )
    if faults or texts is None:
        raise ConfigError(faults, partial, sources)
    files = {_relative(path, source.path): source.text for source in sources}
    files |= {_relative(path, p): read_text(Path(p)) for p in texts.paths.values()}
    warnings = tuple(map(str, _find_text_warnings(partial.config, texts)))
    return LoadedConfig(partial.config, texts, files, version(files), warnings, tuple(sources))


def _find_text_warnings(config: Configuration, texts: Texts) -> Iterator[ConfigFault]:
    if config.texts:
        drafts, firsts = config.environment != "production", text_references.first_texts(config)
        yield from text_warnings(texts, _placeholder_values(config), firsts, drafts=drafts)


def _placeholder_values(config: Configuration) -> dict[str, dict[str, str]]:
    """Return the values of the placeholders at each municipality."""
    return {tenant.id: text_references.placeholder_values(tenant) for tenant in config.tenants}


def _merge(
    sources: Sequence[ConfigFile], *, is_whole: bool, patterns: bool
) -> tuple[PartialConfig, list[ConfigFault]]:
    """Merge the files; return the readable part and the faults, which do not stop the check of the
    texts."""
    try:
        return as_partial(merge_files(sources, is_whole=is_whole, patterns=patterns)), []
    except ConfigError as error:
        assert error.read is not None
        return error.read, error.faults


def _load_texts(
    path: Path, partial: PartialConfig, sources: Sequence[ConfigFile]
) -> tuple[Texts | None, list[ConfigFault]]:
    """Load the texts from their folder; None if the name of the folder is lost or not allowed."""
    name = partial.config.texts
    if "texts" in partial.lost:
        return None, []
    if not name:
        return Texts({}, {}), []
    if "\0" in name or not _is_beside(path, path.parent / name):
        return None, [locate_error(sources, ("texts",), BESIDE.format(name))]
    return load_texts(path.parent / name), []


def _table_faults(
    path: Path, partial: PartialConfig, sources: Sequence[ConfigFile]
) -> Iterator[ConfigFault]:
    """Yield the tables of messages that are named elsewhere. They are read by who judges rules: no
    version has them in its files, and a former version is loaded without them."""
    for place, test in enumerate(partial.config.tests):
        if "\0" in test.table or not _is_beside(path, path.parent / test.table):
            where = partial.location_in_files(("tests", place, "table"))
            yield locate_error(sources, where, BESIDE.format(test.table))


def _is_beside(path: Path, file: Path) -> bool:
    """Return whether a file is in the folder of `path`, by its name and after its links: else
    whoever may write the configuration could have any file of this machine read."""
    folder = path.parent
    return (
        file.is_relative_to(folder)
        and ".." not in file.relative_to(folder).parts
        and file.resolve().is_relative_to(folder.resolve())
    )


def read_text(path: Path) -> str:
    """Read a file that a person wrote: Windows adds a byte order mark."""
    return path.read_text(encoding="utf-8-sig")


def version(files: dict[str, str]) -> str:
    """Return the version, 12 hexadecimal digits: enough for all versions of one town. Pure."""
    digest = hashlib.sha256(msgspec.json.encode(files, order="deterministic"))
    return digest.hexdigest()[:12]


def _read_all(path: Path, prepare: Prepare = dict) -> tuple[list[ConfigFile], list[ConfigFault]]:
    """Read the first file and those that it includes, with the faults of the unreadable ones.

    Raises ConfigError if the first cannot be read or if all together are too large.
    """
    first, faults = _read(path, prepare)
    if not first.tables and faults:
        raise ConfigError(faults)
    patterns = first.tables.get("include", [])
    patterns = [p for p in patterns if isinstance(p, str)] if isinstance(patterns, list) else []
    sources = [first]
    for included in _included(path, patterns, sources, faults):
        source, read_faults = _read(included, prepare)
        sources.append(source)
        faults += read_faults
    if sum(len(source.text) for source in sources) > BYTES:
        faults.append(
            ConfigFault(str(path), 0, "file", f"is over {BYTES} bytes with what it includes")
        )
        raise ConfigError(faults)
    return sources, faults


def _included(
    path: Path, patterns: list[str], sources: Sequence[ConfigFile], faults: list[ConfigFault]
) -> Iterator[Path]:
    """Yield the included files once each, in the order of the patterns, and by name within one."""
    seen = {path.resolve()}
    for pattern in patterns:
        names = [] if "\0" in pattern else sorted(glob.glob(pattern, root_dir=path.parent))
        if not names:
            faults.append(locate_error(sources, ("include",), f"there is no file {pattern!r}"))
        for file in (path.parent / name for name in names):
            if not _is_beside(path, file):
                faults.append(locate_error(sources, ("include",), BESIDE.format(pattern)))
                break
            if file.resolve() not in seen:
                seen.add(file.resolve())
                yield file


def _read(path: Path, prepare: Prepare) -> tuple[ConfigFile, list[ConfigFault]]:
    """Read one file; if it cannot be read, return an empty one and the reason."""
    try:
        text = read_text(path)
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        fault = ConfigFault(str(path), 0, "file", f"cannot be read: {why}")
        return ConfigFile(str(path), "", {}), [fault]
    tables = toml(text, str(path))
    if isinstance(tables, ConfigFault):
        return ConfigFile(str(path), "", {}), [tables]
    return ConfigFile(str(path), text, prepare(tables)), []


def _relative(path: Path, file: str) -> str:
    return Path(file).relative_to(path.parent).as_posix()
