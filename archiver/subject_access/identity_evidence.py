"""Read the identifiers of a person from a decrypted entry. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from archiver.index.record_fields import PHONE, Identity, Person, normalise
from archiver.subject_access.identity_linking import IdentitySighting, Names

KINDS = ("message", "identity", "consent", "conversation")
MERGE, SYSTEM = "merge", "system"


class Change(msgspec.Struct, frozen=True):
    event: str
    kind: str
    value: str


class IdentityFields(msgspec.Struct, frozen=True):
    """Fields read from an entry of any of these kinds. In a transfer, `sender` is a department."""

    sender: Person | str | None = msgspec.field(name="from", default=None)
    to: str | None = None
    type: str | None = None
    changes: tuple[Change, ...] = ()
    cause: str = ""
    event: str = ""
    other: str = ""


_decode = msgspec.json.Decoder(IdentityFields).decode


def identity_evidence(row: Mapping[str, Any]) -> Iterator[IdentitySighting]:
    """Yield the sightings in an entry; none if it has no identifiers or cannot be parsed."""
    try:
        fields = _decode(row["data"])
    except msgspec.DecodeError:
        return
    place, at = row["conversation"] or str(row["id"]), row["at"]
    merged = fields.other if fields.event == "merged" else ""
    changed = {
        event: frozenset(
            _identity(each.kind, each.value) for each in fields.changes if each.event == event
        )
        for event in ("gained", "moved", "ended")
    }
    names = _names(row["kind"], fields)
    if fields.cause == MERGE:  # the former holder is the same person
        names, changed["moved"] = names | changed["moved"], frozenset()
    if names or merged or changed["gained"] or changed["moved"]:
        gained, moved = changed["gained"], changed["moved"]
        is_indirect = row["kind"] == "message" and fields.type == SYSTEM
        yield IdentitySighting(
            place=place,
            at=at,
            names=names,
            gained=gained,
            moved=moved,
            merged=merged,
            is_indirect=is_indirect,
        )
    if changed["ended"]:
        yield IdentitySighting(place=place, at=at, ended=changed["ended"])


def _names(kind: str, fields: IdentityFields) -> Names:
    identities = fields.sender.identities if isinstance(fields.sender, Person) else ()
    names = {_identity(each.kind, each.value) for each in identities}
    if fields.to and kind != "conversation":  # in a transfer it is a department
        names.add(_identity(PHONE, fields.to))
    return frozenset(names)


def _identity(kind: str, value: str) -> Identity:
    return Identity(kind, normalise(Identity(kind, value)))
