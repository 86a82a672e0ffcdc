"""Everything that a municipality decides, read from its files: all of it, or nothing and why.

Its version is a hash of what the files hold: the same choices have the same one everywhere.
"""

import glob
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from services.config import text_references
from services.config.model import (
    ConfigError,
    ConfigFile,
    Configuration,
    PartialConfig,
    complete,
    locate_error,
    merge_files,
)
from services.texts import catalogue
from services.texts.checks import text_errors, text_warnings
from services.toml.errors import ConfigFault, toml

BYTES = 8 * 1024 * 1024
"""Of all files together: 2,000 rules with 10,000 words are 0.5 MB."""
BESIDE = "{!r} is no place beside this file: it is named from here"


class LoadedConfig(msgspec.Struct, frozen=True):
    """`files`: name beside `postkamer.toml` -> what stands in it."""

    config: Configuration
    texts: catalogue.Texts
    files: dict[str, str]
    version: str
    warnings: tuple[str, ...] = ()
    sources: tuple[ConfigFile, ...] = ()
    """To say where something stands; see `services.config.located`."""


def load(path: Path) -> LoadedConfig:
    """What `path`, the files that it includes and its texts hold; ConfigError with all faults, also
    where some of the files cannot be read."""
    sources, faults = _sources(path)
    read, found = _merged(sources, whole=not faults)
    told, wrong = _texts(path, read, sources)
    faults += [*found, *wrong]
    if told:
        wordless = text_references.text_reference_errors(read.config, told, read.lost)
        faults += [locate_error(sources, read.placed(where), what) for where, what in wordless]
    if told and read.config.texts:
        values = {tenant.id: text_references.values(tenant) for tenant in read.config.tenants}
        faults += text_errors(told, values)
    if faults or told is None:
        raise ConfigError(faults, read, sources)
    files = {_beside(path, source.path): source.text for source in sources}
    files |= {_beside(path, p): Path(p).read_text("utf-8-sig") for p in told.paths.values()}
    warnings = tuple(map(str, text_warnings(told))) if read.config.texts else ()
    return LoadedConfig(read.config, told, files, version(files), warnings, tuple(sources))


def _merged(
    sources: Sequence[ConfigFile], *, whole: bool
) -> tuple[PartialConfig, list[ConfigFault]]:
    """What can be read of them, and their faults: these keep nobody from looking at the texts."""
    try:
        return complete(merge_files(sources, whole=whole)), []
    except ConfigError as error:
        assert error.read is not None
        return error.read, error.faults


def _texts(
    path: Path, read: PartialConfig, sources: Sequence[ConfigFile]
) -> tuple[catalogue.Texts | None, list[ConfigFault]]:
    """What stands in their folder; None where nothing can be said of it."""
    folder = read.config.texts
    if "texts" in read.lost:
        return None, []
    if not folder:
        return catalogue.Texts({}, {}), []
    if "\0" in folder or not (path.parent / folder).is_relative_to(path.parent):
        return None, [locate_error(sources, ("texts",), BESIDE.format(folder))]
    return catalogue.load(path.parent / folder), []


def version(files: dict[str, str]) -> str:
    """Twelve hexadecimal digits: enough to tell all versions of one town apart. Pure."""
    digest = hashlib.sha256(msgspec.json.encode(files, order="deterministic"))
    return digest.hexdigest()[:12]


def _sources(path: Path) -> tuple[list[ConfigFile], list[ConfigFault]]:
    """What can be read of all files, of the first at least, and why the rest cannot be."""
    first, faults = _read(path)
    if not first.given and faults:
        raise ConfigError(faults)
    patterns = first.given.get("include", [])
    patterns = [p for p in patterns if isinstance(p, str)] if isinstance(patterns, list) else []
    sources = [first]
    for included in _included(path, patterns, sources, faults):
        source, wrong = _read(included)
        sources.append(source)
        faults += wrong
    if sum(len(source.text) for source in sources) > BYTES:
        faults.append(
            ConfigFault(str(path), 0, "file", f"is over {BYTES} bytes with what it includes")
        )
        raise ConfigError(faults)
    return sources, faults


def _included(
    path: Path, patterns: list[str], sources: Sequence[ConfigFile], faults: list[ConfigFault]
) -> Iterator[Path]:
    """In the order in which they are named; where a name stands for several, by name. Each once."""
    seen = {path.resolve()}
    for pattern in patterns:
        found = [] if "\0" in pattern else sorted(glob.glob(pattern, root_dir=path.parent))
        if not found:
            faults.append(locate_error(sources, ("include",), f"there is no file {pattern!r}"))
        for file in (path.parent / name for name in found):
            if not file.is_relative_to(path.parent):
                faults.append(locate_error(sources, ("include",), BESIDE.format(pattern)))
                break
            if file.resolve() not in seen:
                seen.add(file.resolve())
                yield file


def _read(path: Path) -> tuple[ConfigFile, list[ConfigFault]]:
    """What stands in one file, or nothing and why it cannot be read."""
    try:
        text = path.read_text(encoding="utf-8-sig")  # Windows puts a mark before it
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        fault = ConfigFault(str(path), 0, "file", f"cannot be read: {why}")
        return ConfigFile(str(path), "", {}), [fault]
    given = toml(text, str(path))
    if isinstance(given, ConfigFault):
        return ConfigFile(str(path), "", {}), [given]
    return ConfigFile(str(path), text, given), []


def _beside(path: Path, file: str) -> str:
    return Path(file).relative_to(path.parent).as_posix()
