"""Sentences about the extent of a check: files, entries, and what was left out."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from cli.support.language import LANGUAGE
from cli.support.output import count
from services.config import settings
from services.config.loader import LoadedConfig

COUNTED = {
    "tenants": "municipality|municipalities",
    "numbers": "number|numbers",
    "departments": "department|departments",
    "destinations": "destination|destinations",
    "rules": "rule|rules",
    "care": "safety rule|safety rules",
    "groups": "group of words|groups of words",
    "menus": "menu|menus",
}
"""Table -> noun for one entry and for several."""


def has_environment(environ: Mapping[str, str]) -> bool:
    """Return True if the environment has any setting of Postkamer besides the language."""
    return any(name.startswith(settings.PREFIX) and name != LANGUAGE for name in environ)


def describe_coverage(
    path: Path, loaded: LoadedConfig, environ: Mapping[str, str], *, settings_too: bool
) -> Iterator[str]:
    """Yield a sentence about the configuration, and one about the environment."""
    others = len(loaded.files) - 1
    and_others = f" and {count(others, 'other file|other files')}" if others else ""
    entries = ((len(getattr(loaded.config, table)), nouns) for table, nouns in COUNTED.items())
    texts = sum(map(len, loaded.texts.languages.values()))
    counts = [count(number, nouns) for number, nouns in (*entries, (texts, "text|texts")) if number]
    yield f"checked: {path}{and_others}: {', '.join(counts)}"
    secrets = "the addresses, secrets and certificates of the environment"
    if settings_too:
        yield f"checked: {secrets}"
    else:
        why = "" if has_environment(environ) else f", which has no {settings.PREFIX} variable"
        yield f"not checked: {secrets}{why}"
