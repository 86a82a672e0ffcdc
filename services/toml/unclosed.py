"""A list of a TOML file that is never closed: the line where it opens. Pure.

A parser reads on into the next setting, so that the line of its error is far from the cause.
"""

import re

import msgspec

TOKEN = re.compile(
    r'"""(?:\\(?:.|\Z)|[^\\])*?(?:"""|\Z)'
    r"|'''.*?(?:'''|\Z)"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|#[^\n]*"
    r"|[\[\]\n]",
    re.DOTALL,
)
"""Texts and comments, whose brackets do not count; then brackets and line ends."""
STATEMENT = re.compile(
    r"[ \t]*(?:[\w.-]+[ \t]*=|\[{1,2}[ \t]*[A-Za-z][\w.-]*[ \t]*\]{1,2}[ \t\r]*(?:#|$))",
    re.MULTILINE,
)
"""Line that begins a setting or a table: no entry of a list looks like it."""
OPENING = re.compile(r"\s*([\w.-]+)\s*=")


class UnclosedList(msgspec.Struct, frozen=True):
    """A list without its closing bracket."""

    setting: str
    opens: int
    """Line on which it opens."""
    before: int | None
    """Line of the next setting or table, which comes before the bracket; None at the end of the
    file."""

    def __str__(self) -> str:
        where = "the end of the file" if self.before is None else f"line {self.before}"
        return f"the list that opens here is not closed: a ] is missing before {where}"


def find_unclosed_list(text: str) -> UnclosedList | None:
    """Return the first list that is still open where the next setting or table begins."""
    opened: list[int] = []
    number = 1
    for token in TOKEN.finditer(text):
        if token[0] == "[":
            opened.append(number)
        elif token[0] == "]" and opened:
            opened.pop()
        number += token[0].count("\n")
        if token[0] == "\n" and opened and STATEMENT.match(text, token.end()):
            return _unclosed(text, opened[0], number)
    return _unclosed(text, opened[0], None) if opened else None


def _unclosed(text: str, opens: int, before: int | None) -> UnclosedList | None:
    """Return the list that opens on a line; None if that is the bracket of a table."""
    key = OPENING.match(text.split("\n")[opens - 1])
    return UnclosedList(key[1], opens, before) if key else None
