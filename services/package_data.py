"""Files in our packages that are constants of the product, read once: tables in TOML, and data."""

from importlib.resources import files
from typing import TypeVar

import msgspec

Table = TypeVar("Table")


def load_table(package: str, name: str, type: type[Table]) -> Table:
    """Return the table in a file of a package, as a value of this type."""
    return msgspec.toml.decode(read_data(package, name), type=type)


def read_data(package: str, name: str) -> bytes:
    """Return the content of a file of a package."""
    return (files(package) / name).read_bytes()
