"""The configuration that a command uses, and the example that is shipped."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cli.support.database import fail
from router.ruleset.validation import validate
from services.config import loader
from services.config.model import ConfigError

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "deploy" / "examples" / "voorbeeldstad" / "postkamer.toml"


def load_config(path: Path) -> loader.LoadedConfig:
    """Load and validate a configuration; print all faults and exit if it has any."""
    try:
        return validate(loader.load(path))
    except ConfigError as error:
        fail(str(error))


@contextmanager
def without_collection() -> Iterator[None]:
    """Disable garbage collection. Compiled rules stay in use until the command ends, and scanning
    them again and again takes a tenth of its time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
