"""Tamperings with what messages and people are found by."""

from tests.support.tamperings.tampering import INDEX, Tampering

WORDS = "what this entry is found by is not what is in it"
PERSON = "whom this entry is about is not found"
NOBODY = "something is found by its words that nobody can read"
SEARCHABLE = "archiver.searchable"
ONE = "where position = :place"


def _of(id: str, what: str, act: str, says: str) -> Tampering:
    return Tampering(id=f"index-{id}", what=what, act=act, says=says, found_by=INDEX)


OF_INDEX = [
    _of("word-removed", "A message is no longer found.", f"delete from {SEARCHABLE} {ONE}", WORDS),
    _of("all-removed", "Nothing is found any more.", f"delete from {SEARCHABLE}", WORDS),
    _of("words-changed", "A message is no longer found by one of its words.",
        f"update {SEARCHABLE} set words = words[2:] {ONE}", WORDS),
    _of("words-added", "A message is found by a word that it does not have.",
        f"update {SEARCHABLE} set words = words || 7::bigint {ONE}", WORDS),
    *(
        _of(f"{name}-changed", f"Its {text} is changed in the index.",
            f"update {SEARCHABLE} set {name} = {value} {ONE}", WORDS)
        for name, text, value in (
            ("department", "department", "'afval'"),
            ("tenant", "municipality", "'hengelo'"),
            ("position", "place", "position + 1000"),
            ("at", "time", "at - interval '1 day'"),
        )
    ),
    _of("row-added", "An entry that does not exist is found.",
        f"insert into {SEARCHABLE} select archiver.first_id(now()), 900, at, tenant, department,"
        f" conversation, kind, type, direction, words from {SEARCHABLE} limit 1", NOBODY),
    _of("people-removed", "A citizen is no longer found.",
        "delete from archiver.subject where conversation = ':conversation'", PERSON),
    _of("person-moved", "A citizen is found with the conversation of another.",
        "update archiver.subject set hash = sha256(hash) where conversation = ':conversation'",
        PERSON),
    _of("person-added", "A citizen is found with a conversation that they did not have.",
        "insert into archiver.subject select tenant, hash, ':conversation', entry"
        " from archiver.subject where conversation <> ':conversation' and tenant = 'almelo'"
        " limit 1", "somebody is found by an entry that is not about them"),
]  # fmt: skip
