"""A dossier: what counts for the term of a conversation, from the records of its changes. Pure.

Records may come in another order than things happened in: `sequence` orders closing and opening
within a conversation, and `position` in the log tells what was read already.
"""

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any, Literal

import msgspec

from archiver.retention.selection import TenantTerms
from archiver.retention.valuation import ZAAK, Facts, Source, Valuation, longer_of, value
from services.calendar.opening_hours import AMSTERDAM
from services.contract import Identified
from services.ids import CONVERSATION

KIND = "valuation"
"""Kind of a record by which a person, or the zaak, gives a conversation its result."""
CHANGE_KINDS = ("conversation", KIND)
Place = tuple[str, str]
"""Municipality and conversation."""


class ValuationRecord(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Data of a record of the kind `valuation`."""

    department: str
    code: str
    source: Literal["person", "zaak"]
    starts_on: date | None = None
    reason: str
    """Words of the person."""
    by: str
    identified: Identified


class _Data(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """Fields of either kind that count."""

    event: str = KIND
    department: str | None = None
    zaak: str = ""
    retention_code: str | None = None
    """Result that was given at the closing."""
    other: str = ""
    other_sequence: int | None = None
    """Conversation that was merged into this one, and the sequence of its closing."""
    code: str = ""
    source: Source = ""
    starts_on: date | None = None


_read = msgspec.json.Decoder(_Data).decode


class Change(msgspec.Struct, frozen=True, gc=False):
    """Record of a change of a conversation."""

    place: Place
    position: int
    at: datetime
    sequence: int
    data: _Data


class Dossier(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `archiver.dossier`."""

    tenant: str
    conversation: str
    departments: tuple[str, ...] = ()
    """All that had it, each once, the last one last."""
    number: str = ""
    opened_at: datetime
    closed_at: datetime | None = None
    has_zaak: bool = False
    code: str = ""
    source: Source = ""
    starts_on: date | None = None
    sequence: int = 0
    """Sequence, in the conversation, of the last closing or opening."""
    position: int = -1
    """Position in the log of the last record that was read; they begin at 0."""
    valuation: Valuation = Valuation("open")
    terms: bytes = b""
    """Hash of the terms by which it was worked out."""


def read_changes(row: Mapping[str, Any]) -> Iterator[Change]:
    """Yield what a decrypted entry changes: nothing for a command that was refused, and two
    conversations for a merge. Raises msgspec.DecodeError."""
    data = _read(row["data"])
    if data.event == "refused" or not row["conversation"]:
        return
    rest = row["position"], row["at"]
    yield Change((row["tenant"], row["conversation"]), *rest, row["sequence"], data)
    if data.event == "merged" and data.other:
        closing = _Data(event="closed")
        sequence = data.other_sequence or 0
        yield Change((row["tenant"], data.other), *rest, sequence, closing)


def begin_dossier(change: Change) -> Dossier:
    """Return the dossier of a conversation of which nothing was read yet."""
    tenant, conversation = change.place
    form = CONVERSATION.fullmatch(conversation)
    return Dossier(
        tenant=tenant,
        conversation=conversation,
        number=form[1] if form else "",
        opened_at=change.at,
    )


def apply_change(dossier: Dossier, change: Change) -> Dossier:
    """Return the dossier after a change, not valued yet. What was read already changes nothing."""
    if change.position <= dossier.position:
        return dossier
    data = change.data
    fields: dict[str, Any] = {"position": change.position}
    fields["opened_at"] = min(dossier.opened_at, change.at)
    if data.department:
        former = (each for each in dossier.departments if each != data.department)
        fields["departments"] = (*former, data.department)
    if data.zaak:
        fields["has_zaak"] = True
    if step := _STEPS.get(data.event):
        fields |= step(dossier, change)
    return msgspec.structs.replace(dossier, **fields)


def _close(dossier: Dossier, change: Change) -> dict[str, Any]:
    """A conversation that is closed once more was closed before. Of two subjects, each with a
    result, the one that keeps it longer counts."""
    fields: dict[str, Any] = {}
    code = change.data.retention_code
    if code and dossier.source != ZAAK:
        fields = {"code": longer_of(dossier.code, code), "source": "person"}
    is_newer = not change.sequence or change.sequence > dossier.sequence
    if is_newer and dossier.closed_at is None:
        fields["closed_at"] = change.at
    return fields | {"sequence": max(change.sequence, dossier.sequence)}


def _open(dossier: Dossier, change: Change) -> dict[str, Any]:
    """An opening that is read after the closing that followed it shows that the term did not begin
    before it."""
    if change.sequence > dossier.sequence:
        return {"closed_at": None, "sequence": change.sequence}
    if dossier.closed_at and change.at > dossier.closed_at:
        return {"closed_at": change.at}
    return {}


def _link(dossier: Dossier, change: Change) -> dict[str, Any]:
    """The result of a zaak is not that of another zaak."""
    if dossier.source != ZAAK:
        return {}
    return {"code": "", "source": "", "starts_on": None}


def _value(dossier: Dossier, change: Change) -> dict[str, Any]:
    data = change.data
    return {"code": data.code, "source": data.source, "starts_on": data.starts_on}


_STEPS = {"closed": _close, "reopened": _open, "linked": _link, KIND: _value}
"""Event -> what it changes beside the department."""


def value_dossier(dossier: Dossier, terms: TenantTerms) -> Dossier:
    """Return the dossier with its valuation by these terms."""
    closed_at = dossier.closed_at
    facts = Facts(
        departments=dossier.departments,
        closed_on=closed_at.astimezone(AMSTERDAM).date() if closed_at else None,
        has_zaak=dossier.has_zaak,
        code=dossier.code,
        source=dossier.source,
        starts_on=dossier.starts_on,
    )
    return msgspec.structs.replace(dossier, valuation=value(facts, terms), terms=terms.digest)
