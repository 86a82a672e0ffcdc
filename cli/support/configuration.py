"""The configuration that a command uses, and the example that is shipped."""

import atexit
import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cli.support.output import fail
from services.config import loader
from services.config.model import ConfigError, Configuration
from services.toml.errors import toml

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "deploy" / "examples" / "voorbeeldstad" / "postkamer.toml"


def configured_path(path: Path | None) -> Path:
    """Return the path of --config or POSTKAMER_CONFIG; exit without either."""
    return path or path_in_environment() or fail("POSTKAMER_CONFIG: is missing", 2)


def path_in_environment() -> Path | None:
    name = os.environ.get("POSTKAMER_CONFIG")
    return Path(name) if name else None


def is_production(path: Path | None) -> bool:
    """Return True if this file says so. One that cannot be read says nothing; the archiver says in
    the database what it goes by itself."""
    try:
        tables = toml(path.read_text("utf-8-sig"), path.name) if path else {}
    except (OSError, ValueError):
        return False
    return isinstance(tables, dict) and tables.get("environment") == "production"


def load_config(path: Path | None) -> Configuration:
    """Load the configuration of --config or POSTKAMER_CONFIG; print all faults and exit if it has
    any."""
    try:
        return loader.load(configured_path(path)).config
    except ConfigError as error:
        fail(str(error))


def require_known(**ids: str | None) -> None:
    """Refuse an id that the configuration does not have, given by its noun; name the others.

    Call it when nothing was found, since an id of before may still have rows. Without a
    configuration that can be read, no id is refused.
    """
    file = path_in_environment()
    try:
        config = loader.load(file).config if file else None
    except ConfigError:
        config = None
    for noun, id in ids.items() if config else ():
        known = [entry.id for entry in getattr(config, f"{noun}s")]
        if id and id not in known:
            fail(f"--{noun}: there is no {id!r}; there is {', '.join(known)}", 2)


def load_own_config(path: Path) -> loader.LoadedConfig:
    """Load a configuration as a service does that decides nothing; print all faults and exit."""
    try:
        return loader.load_without_rules(path)
    except ConfigError as error:
        fail(str(error))


def load_valid_config(path: Path) -> loader.LoadedConfig:
    """Load a configuration as the router does, with compiled rules; print all faults and exit."""
    # Not above: what compiles rules takes 5 MB of each process that imports it.
    from router.ruleset.validation import validate

    try:
        return validate(loader.load(path))
    except ConfigError as error:
        fail(str(error))


def load_judged_config(path: Path) -> loader.LoadedConfig:
    """Load a configuration as a router does at a change: print and exit too if its rules fall below
    a table of messages that it names."""
    from router.table_gate import validate_by_tables

    loaded = load_valid_config(path)
    try:
        return validate_by_tables(loaded, path.parent)
    except ConfigError as error:
        fail(str(error))


@contextmanager
def without_collection() -> Iterator[None]:
    """Disable garbage collection. Compiled rules stay in use until the command ends, and scanning
    them again and again takes a tenth of its time; so does the scan when the interpreter ends."""
    gc.disable()
    atexit.register(gc.freeze)
    try:
        yield
    finally:
        gc.enable()
