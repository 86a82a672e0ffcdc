"""By which numbers a record is found again: keyed hashes of the roots of its words. Pure.

The same when it is written and when it is asked for, on whatever server. The numbers tell nothing
without the municipality's key. Two words have one number by chance once in 10^19: of a million
different words two share theirs with a chance of one in 37 million.
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import msgspec

from archiver.index.record_fields import RecordFields
from services.contract import Record
from services.language.words import stem_root, tokens

CACHED_TOKENS = 16_384
"""Numbers of words in memory, some 200 bytes each: 3 MB. Most words of a text are among them."""
MAX_WORDS = 2000
"""Different words of one record: a text of WhatsApp's has 4,096 characters."""
MAX_VALUES = 4000
"""Values of a message of ours that are looked at: its body has 64 KiB."""
_READABLE_MEMBERS = """
body button caption description display_text filename formatted_name text title
"""
READABLE_MEMBERS = frozenset(_READABLE_MEMBERS.split())
"""Members of a message as Meta takes it in which there are words that somebody reads."""

_STOP_WORDS = """
aan al als bij dan dat de dit die door dus een en er gaat had heb hebben heeft het hier hoe hun ik
in is je kan kunt maar me met mij mijn naar niet nog nu of om ons ook op over te tot u uit uw van
voor wat we weten wel wij ze zich zijn zo
"""
STOP_WORDS = frozenset(_STOP_WORDS.split())
"""Words that are in every other message, and find nothing: a third of all that is written.
`gaat` and `weten` are among them since their roots are those of `gat` and `wet`."""


class IndexTokens(msgspec.Struct, frozen=True):
    """What a message or a note is found by."""

    type: str
    direction: str
    words: tuple[int, ...]


def index_tokens(record: Record, fields: RecordFields, key: bytes) -> IndexTokens | None:
    """None for what nobody looks for."""
    if record.kind not in ("message", "note"):
        return None
    texts = [fields.text or "", *_filenames(fields), *_readable_texts(fields.content)]
    words = searchable_words(" ".join(texts))[:MAX_WORDS]
    numbers = {word_token(key, word) for word in words} | {
        department_token(key, fields.department or "")
    }
    return IndexTokens(fields.type or record.kind, fields.direction or "", tuple(sorted(numbers)))


def searchable_words(text: str) -> list[str]:
    """Its words and emoji that find anything, each once, folded, in order."""
    return [word for word in dict.fromkeys(tokens(text)) if word not in STOP_WORDS]


@lru_cache(CACHED_TOKENS)
def word_token(key: bytes, word: str) -> int:
    """Of all forms of a word."""
    return _keyed_token(key, b"word", stem_root(word))


@lru_cache(CACHED_TOKENS)
def department_token(key: bytes, department: str) -> int:
    """Of what a department had, beside its words: what has a common word and is of one department
    is found without a look at all that has the word."""
    return _keyed_token(key, b"department", department)


def _keyed_token(key: bytes, what: bytes, text: str) -> int:
    """Within 64 bits with a sign, as PostgreSQL has them."""
    digest = blake2b(text.encode(), key=key, digest_size=8, person=what).digest()
    return int.from_bytes(digest, "big", signed=True)


def _filenames(fields: RecordFields) -> Iterator[str]:
    name = (fields.medium or {}).get("filename")
    if isinstance(name, str):
        yield name


def _readable_texts(content: Any) -> Iterable[str]:
    """What stands in a message of ours beside its text: buttons, options of a list."""
    texts, pending = [], [("", content)]
    for _ in range(MAX_VALUES):
        if not pending:
            break
        name, value = pending.pop()
        if isinstance(value, dict):
            pending.extend(value.items())
        elif isinstance(value, list):
            pending.extend((name, one) for one in value)
        elif isinstance(value, str) and name in READABLE_MEMBERS:
            texts.append(value)
    return texts
