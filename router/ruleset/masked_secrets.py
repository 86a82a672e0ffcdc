"""Secrets that stand in the files of a configuration, masked before people read these. Pure.

Most files name a variable (`env:CRM_SECRET`). A destination may have its secret itself, which signs
events, or opens an Open Klant.
"""

import re
from collections.abc import Iterator
from typing import Any

from services.toml.errors import ConfigFault, toml

MASK = "***"
NAMES = ("secret", "secret_next")
"""Settings that may hold a secret itself."""
SPELLINGS = ("secret", "\\u", "\\U")
"""One of these stands in each file that has such a setting."""
WRITTEN = re.compile(
    r"""(?P<name>secret(?:_next)?["']?[ \t]*=[ \t]*)(?P<value>"(?:[^"\\\n]|\\.)*"|'[^'\n]*')"""
)
"""Setting as it is mostly written, in a comment too."""


def mask_secrets(text: str, name: str) -> str | None:
    """Return the text of a file with its secrets masked; None if one is written in another way."""
    if not any(each in text for each in SPELLINGS):
        return text
    masked = WRITTEN.sub(_mask, text)
    tables = toml(masked, name)
    if isinstance(tables, ConfigFault) or any(map(_is_secret, _values(tables))):
        return None
    return masked


def _mask(found: re.Match[str]) -> str:
    value = found["value"]
    return found["name"] + (f'"{MASK}"' if _is_secret(value[1:-1]) else value)


def _is_secret(value: str) -> bool:
    return value not in ("", MASK) and not value.startswith("env:")


def _values(tables: Any) -> Iterator[str]:
    """Yield the value of each setting that may hold a secret."""
    if isinstance(tables, list):
        for each in tables:
            yield from _values(each)
    elif isinstance(tables, dict):
        for name, value in tables.items():
            if name in NAMES and isinstance(value, str):
                yield value
            else:
                yield from _values(value)
