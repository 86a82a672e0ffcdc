"""Quotations of a reason, held against the message that it is about."""

import re

from services.language.words import tokens

OF_THE_RULE = re.compile(
    r'\((?:vorm van|samenstelling met|verkeerd gespeld:) "[^"]*"\)|er staat iets als "[^"]*" in'
)
"""Words that the reason says are not the message's."""


def untrue_quotes(text: str, reason: str) -> list[str]:
    """Return the quotations that do not stand in the message, in this order and next to each other.
    An emoji may stand between two words."""
    written = _words(text)
    quoted = re.findall(r'"([^"]*)"', OF_THE_RULE.sub("", reason))
    return [each for each in quoted if not _stands_in(each, text, written)]


def _stands_in(quoted: str, text: str, written: str) -> bool:
    return _words(quoted) in written if _words(quoted) else quoted in text


def _words(text: str) -> str:
    return "".join(f" {each} " for each in tokens(text) if each[0].isalnum())
