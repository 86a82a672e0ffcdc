"""Blind index: keyed hashes of the word roots of a record, called tokens, and of persons. Pure.

A word has the same token when a record is written and when it is searched, on any server. Without
the municipality's key tokens reveal nothing. Two words share a token by chance once in 10^19; among
a million different words the chance of any collision is one in 37 million.
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from hashlib import blake2b
from typing import Any, get_args

import msgspec

from archiver.index.record_fields import RecordFields
from services.contract import MessageType, Record
from services.language.words import stem_root, tokens
from services.whatsapp.content import CONTENTS

CACHED_TOKENS = 16_384
"""Tokens in memory, some 200 bytes each: 3 MB. Most words of a text are among them."""
MAX_WORDS = 2000
"""Different words of one record; a text message of WhatsApp has at most 4,096 characters."""
MAX_VALUES = 4000
"""Values of an outgoing message that are inspected; its body has at most 64 KiB."""
HASH_BYTES = 16
"""Length of the hash of a person: that of a UUID, which rules out collisions."""
_READABLE_MEMBERS = """
body button caption description display_text filename formatted_name text title
"""
READABLE_MEMBERS = frozenset(_READABLE_MEMBERS.split())
"""Members of a message, in Meta's format, that contain text for the reader."""

_STOP_WORDS = """
aan al als bij dan dat de dit die door dus een en er gaat had heb hebben heeft het hier hoe hun ik
in is je kan kunt maar me met mij mijn naar niet nog nu of om ons ook op over te tot u uit uw van
voor wat we weten wel wij ze zich zijn zo
"""
STOP_WORDS = frozenset(_STOP_WORDS.split())
"""Words that are in every other message and find nothing: a third of all text. `gaat` and `weten`
are among them because their roots are those of `gat` and `wet`."""


TYPES = frozenset([*CONTENTS, *get_args(MessageType), "note", "unknown"])
OTHER = "other"
"""Type of a message whose own is none of Meta's that we know: it may be any text."""


class IndexTokens(msgspec.Struct, frozen=True, gc=False):
    """Index columns of a message or a note."""

    type: str
    direction: str
    words: tuple[int, ...]


def index_tokens(record: Record, fields: RecordFields, key: bytes) -> IndexTokens | None:
    """Return the tokens of a message or a note; None for other kinds."""
    if record.kind not in ("message", "note"):
        return None
    texts = [fields.text or "", *_filenames(fields), *_readable_texts(fields.content)]
    # The text of an answer is also the body of its content.
    words = searchable_words(" ".join(dict.fromkeys(texts)))[:MAX_WORDS]
    numbers = {word_token(key, word) for word in words} | {
        department_token(key, fields.department or "")
    }
    type = fields.type or record.kind
    shown = type if type in TYPES else OTHER
    return IndexTokens(shown, fields.direction or "", tuple(sorted(numbers)))


def searchable_words(text: str) -> list[str]:
    """Return the distinct words and emoji of a text, folded, in order, without stop words."""
    return [word for word in dict.fromkeys(tokens(text)) if word not in STOP_WORDS]


@lru_cache(CACHED_TOKENS)
def word_token(key: bytes, word: str) -> int:
    """Return the token that all forms of a word share."""
    return _keyed_token(key, b"word", stem_root(word))


@lru_cache(CACHED_TOKENS)
def department_token(key: bytes, department: str) -> int:
    """Return the token of a department, indexed beside the words. A search for a common word within
    one department then does not read all messages with that word."""
    return _keyed_token(key, b"department", department)


def person_hash(key: bytes, kind: str, value: str) -> bytes:
    """Return the hash under which a person is indexed. Without the key it reveals nothing."""
    return blake2b(f"{kind}\0{value}".encode(), key=key, digest_size=HASH_BYTES).digest()


def _keyed_token(key: bytes, purpose: bytes, text: str) -> int:
    """Return a signed 64-bit number, PostgreSQL's bigint."""
    digest = blake2b(text.encode(), key=key, digest_size=8, person=purpose).digest()
    return int.from_bytes(digest, "big", signed=True)


def _filenames(fields: RecordFields) -> Iterator[str]:
    name = (fields.medium or {}).get("filename")
    if isinstance(name, str):
        yield name


def _readable_texts(content: Any) -> Iterable[str]:
    """Return the texts of an outgoing message beside its body: buttons and options of a list."""
    texts, pending = [], [("", content)]
    for _ in range(MAX_VALUES):
        if not pending:
            break
        name, value = pending.pop()
        if isinstance(value, dict):
            pending.extend(value.items())
        elif isinstance(value, list):
            pending.extend((name, item) for item in value)
        elif isinstance(value, str) and name in READABLE_MEMBERS:
            texts.append(value)
    return texts
