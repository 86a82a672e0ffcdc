"""Sentences about a value that does not have the form of its setting. Pure."""

import re
from collections.abc import Mapping
from typing import Any

from pydantic_core import ErrorDetails

from services.toml.suggestions import did_you_mean

WHOLE, NUMBER = "expected a whole number, without quotes", "expected a number, such as 0.05"
LOGICAL, DATE = "expected true or false, without quotes", "expected a date, such as 2026-12-24"
TABLE = "expected a table of settings"
SENTENCES = {
    "missing": "is missing",
    "string_type": "expected a text in quotes",
    "string_too_short": "expected at least {min_length} characters",
    "string_too_long": "expected at most {max_length} characters",
    "too_short": "expected at least {min_length} entries",
    "too_long": "expected at most {max_length} entries",
    "greater_than": "expected more than {gt}", "greater_than_equal": "expected {ge} or more",
    "less_than": "expected less than {lt}", "less_than_equal": "expected {le} or less",
    "int_type": WHOLE, "int_parsing": WHOLE, "int_from_float": WHOLE, "int_parsing_size": WHOLE,
    "float_type": NUMBER, "float_parsing": NUMBER, "finite_number": NUMBER,
    "decimal_type": NUMBER, "decimal_parsing": NUMBER,
    "bool_type": LOGICAL, "bool_parsing": LOGICAL,
    "date_type": DATE, "date_parsing": DATE, "date_from_datetime_parsing": DATE,
    "date_from_datetime_inexact": DATE,
    "dict_type": TABLE, "model_type": TABLE, "model_attributes_type": TABLE,
}  # fmt: skip
"""Kind of an error of pydantic -> sentence."""
HTTP = "expected an address that begins with https:// or http://"
META_ID = "expected an id of Meta, which has only digits"
TEXT_ID = "expected the id of a text: small letters, digits and underscores"
FORMS = {
    r"^[a-z0-9][a-z0-9-]{0,62}$": "expected small letters, digits and hyphens, as in grof-vuil",
    r"^[a-z][a-z0-9-]{0,30}$": "expected small letters, digits and hyphens, at most 31",
    r"^[a-z][a-z0-9_]{0,62}$": TEXT_ID,
    r"^([a-z][a-z0-9_]{0,62})?$": TEXT_ID,
    r"^[a-z]{2,3}$": "expected a language of two or three small letters, such as nl",
    r"^[0-9]{5,32}$": META_ID,
    r"^([0-9]{5,32})?$": META_ID,
    r"^https?://[^\s]+$": HTTP,
    r"^(https?://[^\s]+)?$": HTTP,
    r"^smtps?://[^\s]+$": "expected an address that begins with smtp:// or smtps://",
    r"^env:[A-Za-z_][A-Za-z0-9_]*$": "expected the name of a variable, as in env:NAME",
    r"^(env:[A-Za-z_][A-Za-z0-9_]*)?$": "expected the name of a variable, as in env:NAME",
    r"^([0-9]{9})?$": "expected the nine digits of an RSIN",
    r"^(file:///[^?#\s]+|s3://[a-z0-9.-]+(/[^?#\s]*)?)?$": "expected file:///folder or s3://bucket/prefix",
    r"^[A-Z]{3}$": "expected a currency, such as EUR",
    r"^\+[1-9][0-9]{6,14}$": "expected a + and the country code, then digits alone",
}
"""Pattern of a text -> sentence."""
QUOTED, LONGEST = ("rules", "care", "groups", "menus"), 60
"""Tables whose values may be shown, since they have no secrets; and most characters to show."""


def describe_value(error: ErrorDetails) -> str:
    """Return a sentence about an error of a model, with what was expected."""
    kind, context = error["type"], error.get("ctx", {})
    if kind == "string_pattern_mismatch":
        pattern = context["pattern"]
        return FORMS.get(pattern, f"does not have the form {pattern}")
    if kind == "literal_error":
        return _expect_one_of(str(context["expected"]), error["input"])
    if kind in ("tuple_type", "list_type"):
        return _expect_list(error)
    if context.get("min_length") == 1:
        return "is empty"
    return _expect(kind, context) or _without_jargon(error["msg"])


def _expect(kind: str, context: Mapping[str, Any]) -> str:
    return SENTENCES.get(kind, "").format_map(context)


def _expect_one_of(expected: str, value: object) -> str:
    meant = (
        did_you_mean(value, re.findall(r"'([\w-]+)'", expected)) if isinstance(value, str) else ""
    )
    return f"expected {expected}{meant}"


def _expect_list(error: ErrorDetails) -> str:
    where, value = error["loc"], error["input"]
    if len(where) == 1 and isinstance(value, dict):
        return f"write [[{where[0]}]], with two brackets"
    if where[0] in QUOTED and isinstance(value, str) and len(value) <= LONGEST:
        return f'expected a list: ["{value}"]'
    return "expected a list in square brackets"


def _without_jargon(message: str) -> str:
    words = {"Value error, ": "", "Input should be": "expected", "String should": "it should"}
    for old, new in words.items():
        message = message.replace(old, new)
    return message
