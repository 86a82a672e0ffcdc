"""Rules of one file for a service that decides nothing: checked whole, then shortened. Pure.

The words of a large town take 10 MB while they are checked. Where only references in the rules are
looked at further, one phrase of each list is enough.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from services.config.model import ENTRIES, Configuration

RULE_TABLES = ("rules", "care", "groups")
"""Tables by which only the router decides. No other table refers to them."""
PHRASE_LISTS = ("words", "without", "referral")
ANY_PATTERN = "."


def shorten_rules(tables: Mapping[str, Any]) -> dict[str, Any]:
    """Return the tables of a file with one phrase in each list of a rule. An entry that has a fault
    stays as it is, so that the fault is found and located as in any other service."""
    shortened = {
        name: [_shorten_valid(ENTRIES[name], entry) for entry in tables[name]]
        for name in RULE_TABLES
        if isinstance(tables.get(name), list)
    }
    return {**tables, **shortened}


def drop_rules(config: Configuration) -> Configuration:
    """Return a configuration as a service keeps it that decides nothing."""
    return config.model_copy(update=dict.fromkeys(RULE_TABLES, ()))


def _shorten_valid(adapter: TypeAdapter[Any], entry: Any) -> Any:
    try:
        adapter.validate_python(entry)
    except ValidationError:
        return entry
    return _shorten(entry)


def _shorten(part: Any) -> Any:
    """Shorten a valid rule and the conditions within it, at most `DEPTH` deep."""
    if isinstance(part, list):
        return [_shorten(each) for each in part]
    if not isinstance(part, dict):
        return part
    return {name: _shorten_setting(name, value) for name, value in part.items()}


def _shorten_setting(name: str, value: Any) -> Any:
    if name in PHRASE_LISTS:
        return value[:1]
    return ANY_PATTERN if name == "pattern" and value else _shorten(value)
