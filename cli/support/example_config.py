"""The configuration that commands go by: the one that is named, or the example that is shipped."""

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
    """Everything that a municipality decides, or every fault of it, and the end."""
    try:
        return validate(loader.load(path))
    except ConfigError as error:
        fail(str(error))


@contextmanager
def without_collection() -> Iterator[None]:
    """Collect no garbage: compiled rules are in use until the command ends, and to look through
    them again and again takes a tenth of its time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
