"""Marks that identify a run's citizens, and a search for their traces, however they are written.

Words of a run are chance, so that none stands anywhere by itself; telephone numbers are of a range
that nothing else of a test has. What is found is shown without the find.
"""

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterator
from random import Random
from typing import NamedTuple
from urllib.parse import unquote

KINDS = (
    "name", "username", "user id", "text", "caption", "button", "card", "place", "filename",
    "group", "error", "note", "answer", "path",
)  # fmt: skip
"""Kinds of words from or about a citizen; each has a word of its own in a run."""
LETTERS = "ghjklmnopqrstvwxyz"
"""Those that no hexadecimal number has."""
WORD_LETTERS = 9
START = 4
"""Letters with which each spelling of a word begins, before the one that ASCII has not."""
CITIZENS = 1000
DEPTH = 3
"""Codings in each other that are undone: JSON in base64 in an address."""
LONGEST_SHOWN = 300
"""Characters of a line that is shown."""

_GAP = r"[\s().\-\u2013/]*"
_DIGITS = _GAP.join("686424")
PHONE = re.compile(
    rf"(?<!\d)(?:00)?31{_GAP}(?:\(0\){_GAP})?{_DIGITS}(?:{_GAP}\d){{3}}"
    rf"|(?<![.\da-f])0{_DIGITS.replace('.', '')}(?:[\s-]?\d){{3}}",
    re.IGNORECASE,
)
"""Telephone number of a citizen, written in any of the usual ways."""
WAMID = re.compile(r"wamid\.[A-Za-z0-9+/=_-]{6,}")


RAW_PHONE = re.compile(rb"31686424\d{3}")
RAW_WAMID = re.compile(rb"wamid\.[A-Za-z0-9+/=_-]{6,}")


class Trace(NamedTuple):
    """Something of a citizen where it may not stand."""

    kind: str
    source: str
    line: int
    shown: str
    """The line without it."""


def phone(n: int) -> str:
    """The telephone of citizen number n, as Meta writes it."""
    return f"31686424{n % CITIZENS:03}"


class Marks:
    """Those of one run."""

    def __init__(self, chance: Random) -> None:
        self.words = {kind: _word(kind, chance) for kind in KINDS}
        self._patterns = {"phone": PHONE, "wamid": WAMID} | {
            kind: re.compile(re.escape(word), re.IGNORECASE) for kind, word in self.words.items()
        }
        self._raw = {"phone": RAW_PHONE, "wamid": RAW_WAMID} | {
            kind: re.compile(b"|".join(re.escape(each) for each in _spellings(word)))
            for kind, word in self.words.items()
        }
        self._starts = {
            kind: {each[:START] for each in _spellings(word)} for kind, word in self.words.items()
        }
        either = "|".join(f"(?:{pattern.pattern})" for pattern in self._patterns.values())
        self._any = re.compile(either, re.IGNORECASE)

    def __getitem__(self, kind: str) -> str:
        return self.words[kind]

    def traces(self, source: str, text: str) -> Iterator[Trace]:
        """All that stands in a text, line by line."""
        for n, line in enumerate(text.splitlines(), 1):
            for kind in self.kinds(line):
                yield Trace(kind, source, n, self.redacted(line))

    def kinds(self, line: str) -> list[str]:
        """Kinds that a line has something of."""
        found = {
            kind
            for view in views(line)
            if self._any.search(view)
            for kind, pattern in self._patterns.items()
            if pattern.search(view)
        }
        return sorted(found)

    def kinds_in(self, content: bytes) -> list[str]:
        """Kinds that stand in a file as `strings` would show them: plain, or as JSON escapes."""
        return [
            kind
            for kind, pattern in self._raw.items()
            # To look for bytes takes a sixth of the time that a pattern of spellings takes.
            if any(start in content for start in self._starts.get(kind, (b"",)))
            and pattern.search(content)
        ]

    def redacted(self, line: str) -> str:
        """A line without what is of citizens; without anything where that cannot be told apart."""
        shown = line
        for kind, pattern in self._patterns.items():
            shown = pattern.sub(f"<{kind}>", shown)
        shown = re.sub(r"[^\s\"',;:=()\[\]{}]+", self._coded, shown)
        if self.kinds(shown):
            return f"<a line of {len(line)} characters>"
        return shown[:LONGEST_SHOWN]

    def _coded(self, found: re.Match[str]) -> str:
        kinds = self.kinds(found[0])
        return f"<{', '.join(kinds)}, coded>" if kinds else found[0]


def _word(kind: str, chance: Random) -> str:
    """Most have a letter that ASCII has not: it is what codings are for."""
    letters = "".join(chance.choices(LETTERS, k=WORD_LETTERS))
    return letters if kind == "user id" else f"{letters[:4]}ë{letters[4:]}".capitalize()


def _spellings(word: str) -> list[bytes]:
    """A word as files may have it: UTF-8, Latin-1, JSON escapes, in capitals or without."""
    texts = {word, word.lower(), word.upper(), json.dumps(word)[1:-1]}
    return sorted({text.encode(coding) for text in texts for coding in ("utf-8", "latin-1")})


def views(text: str, depth: int = DEPTH) -> Iterator[str]:
    """A text as it stands, and as it reads when what may be a coding in it is undone."""
    yield text
    if depth:
        for undo in _UNDOING:
            if (other := undo(text)) and other != text:
                yield from views(other, depth - 1)


def _percent(text: str) -> str:
    return unquote(text) if "%" in text else ""


def _escaped(text: str) -> str:
    r"""JSON's `\u00eb`; also where the backslash is itself escaped."""

    def letters(found: re.Match[str]) -> str:
        escapes = re.sub(r"\\+u", r"\\u", found[0])
        return str(json.loads(f'"{escapes}"')).encode(errors="replace").decode()

    if "\\u" not in text:
        return ""
    return re.sub(r"(?:\\+u[0-9a-fA-F]{4})+", letters, text)


def _bytes_shown(text: str) -> str:
    r"""Python's `b'\xc3\xab'`."""

    def letters(found: re.Match[str]) -> str:
        return bytes.fromhex(re.sub(r"\\+x", "", found[0])).decode(errors="replace")

    return re.sub(r"(?:\\+x[0-9a-fA-F]{2})+", letters, text) if "\\x" in text else ""


def _hex(text: str) -> str:
    """Runs of hexadecimal digits as the bytes that they are, from either digit on."""
    runs = re.findall(r"[0-9a-fA-F]{10,}", text)
    parts = (run[at:][: (len(run) - at) // 2 * 2] for run in runs for at in (0, 1))
    return " ".join(bytes.fromhex(part).decode(errors="replace") for part in parts)


def _base64(text: str) -> str:
    """Runs of base64, of both alphabets, from any letter on: nobody knows where one begins."""
    found: list[str] = []
    for run in re.findall(r"[A-Za-z0-9+/_-]{10,}", text):
        plain = run.replace("-", "+").replace("_", "/")
        for at in range(4):
            part = plain[at:]
            part = part[:-1] if len(part) % 4 == 1 else part
            with_end = part + "=" * (-len(part) % 4)
            try:
                found.append(base64.b64decode(with_end).decode(errors="replace"))
            except binascii.Error:
                continue
    return " ".join(found)


_UNDOING: tuple[Callable[[str], str], ...] = (_percent, _escaped, _bytes_shown, _hex, _base64)
