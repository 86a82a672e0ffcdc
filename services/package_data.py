"""Tables that are TOML files in our packages: constants of the product, read once at the start."""

from importlib.resources import files
from typing import TypeVar

import msgspec

Table = TypeVar("Table")


def load_table(package: str, name: str, type: type[Table]) -> Table:
    """Return the table in a file of a package, as a value of this type."""
    return msgspec.toml.decode((files(package) / name).read_bytes(), type=type)
