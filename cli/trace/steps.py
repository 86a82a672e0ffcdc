"""From rows to the steps of a trace: what happened, and when. Pure.

A step has names, numbers and codes, and no words of people: neither texts nor names, telephone
numbers or ids of Meta's messages. Reasons are shown only where Postkamer wrote them itself.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from itertools import pairwise
from typing import Any

import msgspec

from cli.trace.evidence import Entry, Evidence, Row
from deliverer.meta.guest_list import TEST_WAMID
from services.whatsapp.delivery_status import STATUS_RANK

Detail = dict[str, str | int]


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened; `seconds` have passed since the step before."""

    at: datetime
    seconds: float = 0.0
    step: str
    detail: Detail = {}


def make_steps(evidence: Evidence) -> list[Step]:
    """Return all steps, the oldest first, each once."""
    steps = [*_archived(evidence), *_stored(evidence)]
    unique = list({(s.step, s.at, tuple(s.detail.items())): s for s in steps}.values())
    ordered = sorted(unique, key=lambda step: (step.at, not step.step.startswith(RECEIVED)))
    return ordered[:1] + [
        msgspec.structs.replace(step, seconds=(step.at - before.at).total_seconds())
        for before, step in pairwise(ordered)
    ]


def _archived(evidence: Evidence) -> Iterator[Step]:
    """Yield the steps that the archive knows of, and the decisions between them."""
    decided = {row["record"]: row for row in evidence.decided}
    events = _event_details(evidence)
    for entry in evidence.entries:
        if entry.fields is None:
            yield _step(entry.at, f"{entry.kind} (its contents were destroyed)")
        elif entry.kind in ("message", "note"):
            yield from _message_steps(entry, entry.fields, decided.get(entry.id))
        elif entry.kind == "delivery":
            yield _delivery_step(entry.at, entry.fields, events)
        elif read := READERS.get(entry.kind):
            yield read(entry, entry.fields)
        else:
            yield _step(entry.at, OTHERS.get(entry.kind, entry.kind))


def _event_details(evidence: Evidence) -> dict[str, Detail]:
    """Return what each event tells its destination, by the record of its decision; and what became
    of it in Open Klant, with the numbers that employees see."""
    names = {"message": "direction", "status": "status", "send": "state", "media": "state"}
    subjects = {}
    for entry in evidence.entries:
        word = (entry.fields or {}).get(names.get(entry.kind, "event"), "")
        subjects[entry.id] = f"{entry.kind} {word}".strip()
    details: dict[str, Detail] = {
        str(event): {"about": subjects.get(row["record"], "")}
        for row in evidence.decided
        for event in row["events"]
    }
    for row in evidence.contacts:
        contact = {"klantcontact": row["klantcontact"] and row["number"]}
        contact |= {"internetaak": row["internetaak"] and row["task_number"]}
        details.setdefault(str(row["event"]), {}).update(contact)
    return details


def _message_steps(entry: Entry, fields: Mapping[str, Any], row: Row | None) -> Iterator[Step]:
    """Yield receipt, decision and record of a message: of a citizen, a CRM or Postkamer itself."""
    received = _time(fields.get("receivedAt")) or entry.at
    kind = {"type": fields.get("type", entry.kind)}
    if fields.get("name"):
        yield _step(received, "answered automatically", kind | {"text": fields["name"]})
    else:
        origin = {name: fields.get(name) for name in ("door", "proof", "token")}
        sender = SENDERS[fields.get("direction", "out")]
        yield _step(received, f"{RECEIVED} {sender}", kind | origin)
    decision = fields.get("decision") or {}
    yield _step(
        row["decided_at"] if row else entry.at,
        "refused" if fields.get("status") == "failed" else "decided",
        {
            "department": entry.department,
            "rule": decision.get("rule"),
            "version": decision.get("version"),
            "withheld": "yes" if fields.get("held") else "",
            "reason": _refusal(fields),
        },
    )
    yield _step(entry.written_at, "in the record")


def _refusal(fields: Mapping[str, Any]) -> str:
    """Return the sentence by which Postkamer refused a command, if it did."""
    is_refused = fields.get("status") == "failed"
    return str((fields.get("decision") or {}).get("reason", "")) if is_refused else ""


RECEIVED = "received from"
SENDERS = {"in": "the citizen", "out": "a CRM", "echo": "the Business app"}
"""Direction of a message -> its sender."""


def _status(entry: Entry, fields: Mapping[str, Any]) -> Step:
    """Return a status of Meta's, with its price. Meta's sentence may quote anything, and so may a
    word that is none of its statuses."""
    pricing = fields.get("pricing") or {}
    detail = {"code": fields.get("code"), "category": pricing.get("category")}
    if "billable" in pricing:
        detail["billable"] = "yes" if pricing["billable"] else "no"
    word = fields["status"]
    return _step(entry.at, f"Meta: {word if word in STATUS_RANK else 'another status'}", detail)


def _send(entry: Entry, fields: Mapping[str, Any]) -> Step:
    """Return an outcome. The reason of a person who settled it is in their own words."""
    state, reason = fields["state"], "" if fields.get("by") else fields.get("reason")
    at = _time(fields.get("at")) or entry.at
    if status := fields.get("reported"):
        return _step(at, f"test token: {status}")
    is_test = fields.get("wamid", "").startswith(TEST_WAMID)
    step = "test token: not sent" if is_test else SENDS.get(state, state)
    return _step(at, step, {"code": fields.get("code"), "reason": reason})


def _attempt(entry: Entry, fields: Mapping[str, Any]) -> Step:
    names = ("destination", "number", "attempt", "code", "outcome", "reason", "whose")
    detail = {"http": fields.get("status")} | {name: fields.get(name) for name in names}
    return _step(entry.at, "attempt failed", detail)


def _delivery_step(at: datetime, fields: Mapping[str, Any], events: Mapping[str, Detail]) -> Step:
    event, names = str(fields["event"]), ("destination", "attempts", "reason")
    detail = {"http": fields.get("status")} | {name: fields.get(name) for name in names}
    detail = events.get(event, {}) | detail | {"event": event}
    return _step(at, DELIVERIES.get(fields["state"], fields["state"]), detail)


def _media(entry: Entry, fields: Mapping[str, Any]) -> Step:
    return _step(entry.at, f"file {fields['state']}", {"reason": fields.get("reason")})


def _conversation(entry: Entry, fields: Mapping[str, Any]) -> Step:
    """Return a change by a rule, a timer or a command. The reason of its author stays out."""
    detail = {"department": entry.department, "from": fields.get("from")}
    if "order" in fields:
        token = (fields.get("by") or {}).get("token")
        detail |= {"command": fields["order"], "token": token, "reason": _refusal(fields)}
    else:
        detail |= {"rule": (fields.get("decision") or {}).get("rule")}
    return _step(entry.at, f"conversation {fields['event']}", detail)


def _quarantine(entry: Entry, fields: Mapping[str, Any]) -> Step:
    return _step(entry.at, "quarantined", {"reason": fields.get("reason")})


def _receipt(entry: Entry, fields: Mapping[str, Any]) -> Step:
    return _step(entry.at, f"{RECEIVED} Meta", {"door": fields["door"], "proof": fields["proof"]})


def _destruction(entry: Entry, fields: Mapping[str, Any]) -> Step:
    """Return a destruction, with the official who approved it. One that is carried out again after
    a restore has the time of the first."""
    first = _time(fields.get("first_at"))
    detail = {"ground": fields.get("ground"), "list": fields.get("list")}
    detail |= {"approved by": fields.get("by"), "again": f"{entry.at:%Y-%m-%d}" if first else ""}
    return _step(first or entry.at, "destroyed", detail)


def _segment(entry: Entry, fields: Mapping[str, Any]) -> Step:
    return _step(entry.at, "came again, and was not decided again")


Read = Callable[[Entry, Mapping[str, Any]], Step]
READERS: dict[str, Read] = {
    "status": _status,
    "send": _send,
    "attempt": _attempt,
    "media": _media,
    "conversation": _conversation,
    "quarantine": _quarantine,
    "receipt": _receipt,
    "segment": _segment,
    "destruction": _destruction,
}
"""Kind of an entry -> its step."""
OTHERS = {
    "view": "looked at in the record",
    "identity": "identity of the citizen changed",
    "annotation": "record corrected",
    "request": "request about personal data",
    "consent": "consent given or ended",
}
"""Kind of an entry of which nothing more is shown -> its step."""
SENDS = {
    "sent": "taken by Meta",
    "failed": "not sent",
    "unknown": "perhaps sent: Meta gave no answer",
    "held": "on hold until the citizen writes",
    "settled": "settled by a person",
}
DELIVERIES = {
    "settled": "delivered",
    "parked": "parked: the destination refused it",
    "dropped": "given up by a person",
    "aside": "sidelined: it fails while others pass",
    "replay": "to be tried again",
}


def _stored(evidence: Evidence) -> Iterator[Step]:
    """Yield the steps that only the tables of the services know of, because the archive is behind
    or is not told."""
    if not evidence.entries:
        for row in evidence.commands:
            yield _step(row["accepted_at"], f"{RECEIVED} a CRM")
    archived = {entry.id for entry in evidence.entries}
    for row in evidence.decided:
        if row["record"] not in archived:
            step = "quarantined" if row["is_quarantined"] else "decided"
            yield _step(row["decided_at"], step, {"partition": row["partition"]})
    for row in evidence.sends:
        if row["claimed_at"]:
            step = "kept from Meta" if row["is_kept_from_meta"] else "offered to Meta"
            yield _step(row["claimed_at"], step, {"attempt": row["attempt"]})
    yield from _delivery_steps(evidence)
    yield from _quarantine_steps(evidence)
    yield from _register_steps(evidence)


def _delivery_steps(evidence: Evidence) -> Iterator[Step]:
    known = {
        (entry.fields["destination"], entry.fields["event"], entry.fields["state"])
        for entry in evidence.entries
        if entry.kind == "delivery" and entry.fields
    }
    events = _event_details(evidence)
    for row in evidence.deliveries:
        if (row["destination"], str(row["event"]), row["state"]) not in known:
            yield _delivery_step(row["at"], row, events)
    for row in evidence.waiting:
        detail = {"destination": row["destination"], "event": str(row["event"])}
        yield _step(row["at"], "waits: the queue of the destination is full or gone", detail)


def _quarantine_steps(evidence: Evidence) -> Iterator[Step]:
    for row in evidence.quarantined:
        names = (
            ("again_at", "to be decided again, by a person"),
            ("published_at", "published again"),
            ("dropped_at", "given up by a person"),
        )
        for name, step in names:
            if row[name]:
                yield _step(row[name], step)


def _register_steps(evidence: Evidence) -> Iterator[Step]:
    for row in evidence.contacts:
        if row["ended_at"]:
            detail = {"destination": row["destination"], "internetaak": row["task_number"]}
            yield _step(row["ended_at"], "task in Open Klant ended", detail)


def _step(at: datetime, step: str, detail: Mapping[str, Any] | None = None) -> Step:
    """Return a step without the details that are empty."""
    shown = {name: value for name, value in (detail or {}).items() if value not in (None, "", 0)}
    return Step(at=at, step=step, detail=shown)


def _time(value: Any) -> datetime | None:
    return datetime.fromisoformat(value) if isinstance(value, str) and value else None
