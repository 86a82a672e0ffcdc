"""The logs that a witness knows, from a TOML file.

[[logs]]
key = "example.org/postkamer+8f3a1c5e+AQ..."    # postkamer archive key prints it
"""

import tomllib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from services.transparency.signed_note import ED25519, Key, read_key

Logs = Mapping[str, Sequence[Key]]
"""Keys by origin. A log has several while its key is being replaced."""


class LogsUnusable(Exception):
    """The file cannot be read; the message is a sentence."""


class _Log(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    key: str


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    logs: tuple[_Log, ...]


def load_logs(path: Path) -> Logs:
    """Load the logs. Raises LogsUnusable."""
    try:
        file = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), _File)
    except OSError as error:
        raise LogsUnusable(f"{path}: {error.strerror}") from None
    except ValueError as error:  # of TOML, UTF-8 and msgspec; no secret is in this file
        raise LogsUnusable(f"{path}: {error}") from None
    logs = defaultdict[str, list[Key]](list)
    for number, log in enumerate(file.logs, 1):
        if (key := read_key(log.key, ED25519)) is None:
            raise LogsUnusable(
                f"{path}: log {number}: expected a key as postkamer archive key prints it"
            )
        logs[key.name].append(key)
    if not logs:
        raise LogsUnusable(f"{path}: it names no log")
    return dict(logs)
