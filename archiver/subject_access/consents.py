"""Derive a person's consents, and their ends, from the archive's entries. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec

from archiver.subject_access.report import Consent

KINDS = ("consent", "message", "conversation", "notice")
REFUSED = ("refused", "failed")
ALL = "alles wat u niet vroeg"
"""Purpose shown for an entry that names none, such as a stop to everything not asked for."""


class Event(msgspec.Struct, frozen=True):
    purpose: str
    at: datetime
    given: bool
    source: str = ""


class Proof(msgspec.Struct, frozen=True, rename="camel"):
    purpose: str = ""
    given_at: datetime | None = None
    source: str | None = ""


class Said(Proof, frozen=True, rename="camel"):
    event: str = ""
    status: str = ""
    consent: Proof | None = None
    consent_ended: tuple[str, ...] = ()


_read = msgspec.json.Decoder(Said).decode


def consents(rows: Iterable[Mapping[str, Any]]) -> tuple[Consent, ...]:
    """Return the consents by purpose, each with when it was given and when it ended."""
    events = sorted((each for row in rows for each in _events(row)), key=lambda each: each.at)
    found: dict[str, list[Consent]] = {}
    for event in events:
        theirs = found.setdefault(event.purpose, [])
        lasts = bool(theirs) and theirs[-1].ended_at is None
        if event.given and not lasts:
            theirs.append(Consent(purpose=event.purpose, given_at=event.at, source=event.source))
        elif not event.given and lasts:
            theirs[-1] = msgspec.structs.replace(theirs[-1], ended_at=event.at)
        elif not event.given:
            theirs.append(Consent(purpose=event.purpose, ended_at=event.at, source=event.source))
    return tuple(consent for purpose in sorted(found) for consent in found[purpose])


def _events(row: Mapping[str, Any]) -> Iterator[Event]:
    if row["kind"] not in KINDS:
        return
    try:
        said = _read(row["data"])
    except msgspec.DecodeError:
        return
    if row["kind"] == "consent" and said.status not in REFUSED:
        given = said.event == "given"
        at = (said.given_at if given else None) or row["at"]
        yield Event(said.purpose or ALL, at, given, said.source or "")
    brought = said.consent
    if brought and brought.given_at and said.status not in REFUSED:
        yield Event(brought.purpose, brought.given_at, True, brought.source or "")
    for purpose in said.consent_ended:
        yield Event(purpose or ALL, row["at"], False)
