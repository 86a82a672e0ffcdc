"""Derive a person's consents, and their ends, from the archive's entries. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec

from archiver.subject_access.report import Consent

KINDS = ("consent", "message", "conversation", "notice")
REFUSED_STATUSES = ("refused", "failed")
UNNAMED_PURPOSE = "alles wat u niet vroeg"
"""Purpose shown for an entry that names none, such as a stop to everything not asked for."""


class ConsentEvent(msgspec.Struct, frozen=True):
    purpose: str
    at: datetime
    is_given: bool
    source: str = ""


class ConsentEvidence(msgspec.Struct, frozen=True, rename="camel"):
    purpose: str = ""
    given_at: datetime | None = None
    source: str | None = ""


class ConsentFields(ConsentEvidence, frozen=True, rename="camel"):
    event: str = ""
    status: str = ""
    consent: ConsentEvidence | None = None
    consent_ended: tuple[str, ...] = ()
    test: bool = False


_decode = msgspec.json.Decoder(ConsentFields).decode


def list_consents(rows: Iterable[Mapping[str, Any]]) -> tuple[Consent, ...]:
    """Return the consents by purpose, each with when it was given and when it ended."""
    events = sorted((each for row in rows for each in read_events(row)), key=lambda each: each.at)
    by_purpose: dict[str, list[Consent]] = {}
    for event in events:
        history = by_purpose.setdefault(event.purpose, [])
        is_active = bool(history) and history[-1].ended_at is None
        if event.is_given and not is_active:
            history.append(Consent(purpose=event.purpose, given_at=event.at, source=event.source))
        elif not event.is_given and is_active:
            history[-1] = msgspec.structs.replace(history[-1], ended_at=event.at)
        elif not event.is_given:
            history.append(Consent(purpose=event.purpose, ended_at=event.at, source=event.source))
    return tuple(consent for purpose in sorted(by_purpose) for consent in by_purpose[purpose])


def read_events(row: Mapping[str, Any]) -> Iterator[ConsentEvent]:
    if row["kind"] not in KINDS:
        return
    try:
        fields = _decode(row["data"])
    except msgspec.DecodeError:
        return
    if fields.test:  # consent that a test token brings has no effect
        return
    if row["kind"] == "consent" and fields.status not in REFUSED_STATUSES:
        is_given = fields.event == "given"
        at = (fields.given_at if is_given else None) or row["at"]
        yield ConsentEvent(fields.purpose or UNNAMED_PURPOSE, at, is_given, fields.source or "")
    evidence = fields.consent
    if evidence and evidence.given_at and fields.status not in REFUSED_STATUSES:
        yield ConsentEvent(evidence.purpose, evidence.given_at, True, evidence.source or "")
    for purpose in fields.consent_ended:
        yield ConsentEvent(purpose or UNNAMED_PURPOSE, row["at"], False)
