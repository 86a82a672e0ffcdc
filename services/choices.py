"""Everything that a municipality decides, read from its files: all of it, or nothing and why.

Its version is a hash of what the files hold: the same choices have the same one everywhere.
"""

import glob
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from services import texts, wording
from services.config import Config, ConfigError, Source, located, merged
from services.faults import Fault, toml
from services.text_checks import faults_of, warnings_of

BYTES = 8 * 1024 * 1024
"""Of all files together: 2,000 rules with 10,000 words are 0.5 MB."""


class Choices(msgspec.Struct, frozen=True):
    """`files`: name beside `postkamer.toml` -> what stands in it."""

    config: Config
    texts: texts.Texts
    files: dict[str, str]
    version: str
    warnings: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()
    """To say where something stands; see `services.config.located`."""


def load(path: Path) -> Choices:
    """What `path`, the files that it includes and its texts hold; ConfigError with all faults."""
    sources = _sources(path)
    config, faults = _merged(sources)
    read = texts.load(path.parent / config.texts) if config.texts else texts.Texts({}, {})
    faults += [located(sources, *found) for found in wording.faults(config, read)]
    if config.texts:
        faults += faults_of(read, {tenant.id: wording.values(tenant) for tenant in config.tenants})
    if faults:
        raise ConfigError(faults, config.destinations, config, sources)
    files = {_beside(path, source.path): source.text for source in sources}
    files |= {_beside(path, p): Path(p).read_text("utf-8-sig") for p in read.paths.values()}
    warnings = tuple(map(str, warnings_of(read))) if config.texts else ()
    return Choices(config, read, files, version(files), warnings, tuple(sources))


def _merged(sources: Sequence[Source]) -> tuple[Config, list[Fault]]:
    """What they hold, and its contradictions: these keep nobody from looking at the texts too."""
    try:
        return merged(sources), []
    except ConfigError as error:
        if error.config is None:
            raise
        return error.config, error.faults


def version(files: dict[str, str]) -> str:
    """Twelve hexadecimal digits: enough to tell all versions of one town apart. Pure."""
    digest = hashlib.sha256(msgspec.json.encode(files, order="deterministic"))
    return digest.hexdigest()[:12]


def _sources(path: Path) -> list[Source]:
    first = _read(path)
    patterns = first.given.get("include", [])
    patterns = [p for p in patterns if isinstance(p, str)] if isinstance(patterns, list) else []
    faults: list[Fault] = []
    sources = [first]
    for included in _included(path, patterns, faults):
        try:
            sources.append(_read(included))
        except ConfigError as error:
            faults += error.faults
    if sum(len(source.text) for source in sources) > BYTES:
        faults.append(Fault(str(path), 0, "file", f"is over {BYTES} bytes with what it includes"))
    if faults:
        raise ConfigError(faults)
    return sources


def _included(path: Path, patterns: list[str], faults: list[Fault]) -> Iterator[Path]:
    """In the order in which they are named; where a name stands for several, by name. Each once."""
    seen = {path.resolve()}
    for pattern in patterns:
        found = sorted(glob.glob(pattern, root_dir=path.parent))
        if not found:
            faults.append(Fault(str(path), 0, "include", f"there is no file {pattern!r}"))
        for name in found:
            file = path.parent / name
            if file.resolve() not in seen:
                seen.add(file.resolve())
                yield file


def _read(path: Path) -> Source:
    try:
        text = path.read_text(encoding="utf-8-sig")  # Windows puts a mark before it
    except (OSError, UnicodeDecodeError) as error:
        what = f"cannot be read: {error}"
        raise ConfigError([Fault(str(path), 0, "file", what)]) from error
    given = toml(text, str(path))
    if isinstance(given, Fault):
        raise ConfigError([given])
    return Source(str(path), text, given)


def _beside(path: Path, file: str) -> str:
    return Path(file).relative_to(path.parent).as_posix()
