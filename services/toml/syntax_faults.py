"""Sentences about a line of a TOML file that cannot be parsed. Pure."""

import re

from services.toml.unclosed import OPENING

PLACE = re.compile(r" \(at line (\d+), column (\d+)\)$")
CURLY = re.compile("[“”„‟‘’‚‛«»]([^“”„‟‘’‚‛«»\n]*)")
"""A text in quotes of a word processor."""
MISWRITTEN = re.compile(r"\s*([\w-]+)\s*[:\[]")
"""Beginning of a setting without its `=`."""
BARE = re.compile(r"""[^\s"',=\[\]{}#][^"',=\[\]{}#]*""")
"""A text without quotes, up to the end of the entry."""
ENTRY = re.compile(r"""["'][^"']*["']|[^\s"',\]#]+""")
LOGICAL = {"ja": "true", "nee": "false", "yes": "true", "no": "false"}
PRIVATE = re.compile("^$|secret|token|password|key|phone", re.IGNORECASE)
"""Setting whose value may be a secret or a citizen's number: it is not shown."""
AT_END = "(at end of document)"
OPEN_TEXTS = {"Unterminated string": '"""', 'Expected "\'"': "'", "Expected \"'''\"": "'''"}
"""Beginning of a message at the end of the file -> quote of the text that is open."""
OPEN_TEXT = "the quote at the end of this text is missing"
STATEMENT = "expected a setting, as in name = value, or a table, as in [[rules]]"
BRACKET = "a ] is missing after the name of the table"
SENTENCES = {
    "Illegal character '\\n'": "a quote is missing on this line: its text does not end",
    "Illegal character '\\r'": "a quote is missing on this line: its text does not end",
    "Illegal character": "there is an invisible character on this line: type the line anew",
    "Expected newline": "there is more after the value: a quote, a comma or a # may be missing",
    "Expected ']": BRACKET,
    "Unescaped '\\' in a string": "put the text in single quotes, since it has a \\",
    "Unterminated string": "the quotes at the end of the text are missing",
    "Unclosed inline table": "a comma, a quote or a } may be missing here",
    "Invalid statement": STATEMENT,
    "Invalid initial character for a key part": STATEMENT,
}
"""Beginning of a message of the parser -> sentence."""


def find_open_text(text: str, error: str) -> int:
    """Return the line of the text that is open at the end of the file, which is the last with its
    quote; 0 if there is none."""
    quote = next((OPEN_TEXTS[start] for start in OPEN_TEXTS if error.startswith(start)), "")
    at = text.rfind(quote) if quote else -1
    return text.count("\n", 0, at) + 1 if at >= 0 else 0


def find_setting(lines: list[str], number: int) -> str:
    """Return the setting that line `number` belongs to, counted from 1; '' if it has none."""
    if number and (miswritten := MISWRITTEN.match(lines[number - 1])):
        return miswritten[1]
    for line in reversed(lines[:number]):
        if opening := OPENING.match(line):
            return opening[1]
        if line.lstrip().startswith("["):
            break
    return ""


def describe_syntax(text: str, error: str) -> str:
    """Return a sentence about the error of the parser, with what is probably missing."""
    place = PLACE.search(error)
    if not place:
        is_end = error.endswith(AT_END)
        return (
            f"is not valid TOML: {'it ends too early' if is_end else 'it is too long or too deep'}"
        )
    message, number, column = error[: place.start()], int(place[1]), int(place[2])
    lines = text.split("\n")
    line = lines[number - 1].rstrip("\r")
    rest = line[column - 1 :]
    may_quote = not PRIVATE.search(find_setting(lines, number))
    if curly := CURLY.match(rest):
        return _need_quotes(curly[1], may_quote=may_quote)
    if message == "Invalid value":
        return _describe_value(rest, may_quote=may_quote)
    if message == "Unclosed array":
        entry = ENTRY.match(rest)
        before = f"before {entry[0]}" if entry and may_quote else "here"
        return f"a comma or a quote may be missing {before}"
    return _describe_statement(message, line) or f"is not valid TOML: {message}"


def _need_quotes(text: str, *, may_quote: bool) -> str:
    return (
        f'put straight quotes around it: "{text}"' if may_quote else "put straight quotes around it"
    )


def _describe_value(rest: str, *, may_quote: bool) -> str:
    """Return a sentence about what stands in the place of a value."""
    bare = BARE.match(rest)
    if not bare:
        return "a value is missing here, or it has a sign too many"
    text = bare[0].strip()
    if text.startswith("("):
        return "write a list in square brackets: [ ]"
    if rest[bare.end() : bare.end() + 1] in ('"', "'"):
        return f"a quote is missing before {text}" if may_quote else "a quote is missing here"
    logical = LOGICAL.get(text.casefold(), text.casefold())
    if logical in LOGICAL.values():
        return f"write {logical}, without quotes"
    return _need_quotes(text, may_quote=may_quote)


def _describe_statement(message: str, line: str) -> str:
    """Return a sentence about a setting or the name of a table; '' if the message is unknown."""
    if message.startswith("Cannot "):
        name = line.strip() if line.lstrip().startswith("[") else "it"
        return f"{name} stands here for the second time"
    if message.startswith("Expected '='"):
        miswritten = MISWRITTEN.match(line)
        is_colon = miswritten and miswritten[0].endswith(":")
        return "write = instead of :" if is_colon else "a = is missing after the name"
    return next((SENTENCES[start] for start in SENTENCES if message.startswith(start)), "")
