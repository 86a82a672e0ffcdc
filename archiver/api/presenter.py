"""JSON of the archiver's API: a message with its decision, its outcomes and its original. Pure."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from services.files.filenames import sanitise_filename
from services.whatsapp.delivery_status import STATUS_RANK

Row = Mapping[str, Any]
ANNOTATION, LINKED = "annotation", "linked"
REACTION, REFUSED = "reaction", "failed"
POSTKAMER = ("automated", "postkamer")
"""Kind and id of the author of automatic texts, which answer nobody."""
CITIZEN: dict[str, Any] = {"kind": "citizen", "id": "", "identified": None}


def messages_json(rows: Sequence[Row], outcome_rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return messages in the given order, each with its outcomes."""
    outcomes: dict[Any, list[Row]] = {}
    for row in outcome_rows:
        outcomes.setdefault(row["message"], []).append(row)
    return [_message_json(row, outcomes.get(row["message"], [])) for row in rows]


def _message_json(row: Row, outcome_rows: Sequence[Row]) -> dict[str, Any]:
    data = msgspec.json.decode(row["data"])
    outcomes = [(entry, msgspec.json.decode(entry["data"])) for entry in outcome_rows]
    statuses = _statuses_json(outcomes)
    wamids = [outcome["wamid"] for _, outcome in outcomes if outcome.get("wamid")]
    first = "received" if data["direction"] == "in" else data.get("status", "accepted")
    return {
        "id": row["message"] or row["id"],
        "wamid": data.get("wamid") or next(iter(wamids), None),
        "conversationId": row["conversation"],
        "direction": data["direction"],
        "type": data["type"],
        "text": data["text"],
        "from": data.get("from"),
        "department": data["department"],
        "decision": _decision_json(data["decision"]),
        **{name: data.get(name) or nothing for name, nothing in DECISION_DEFAULTS.items()},
        "author": _message_author(data),
        "status": _furthest_status([first, *(s["status"] for s in statuses)], outcomes),
        "statuses": statuses,
        "media": _media_json(row, data, outcomes),
        "annotations": [
            _annotation_json(entry, outcome)
            for entry, outcome in outcomes
            if entry["kind"] == ANNOTATION
        ],
        "deliveries": [
            _delivery_json(entry, outcome)
            for entry, outcome in outcomes
            if entry["kind"] == "delivery"
        ],
        "sequence": row["sequence"],
        "receivedAt": data["receivedAt"],
        # An incoming message quotes by the wamid, which its original has.
        "replyTo": data.get("quoted") if data["direction"] == "out" else None,
        "sentAt": data.get("sentAt"),
        "raw": _raw_json(row["raw"]),
    }


def content_rows(outcome_rows: Sequence[Row]) -> list[Row]:
    """Return the outcomes that hold words of a person: an annotation, and what somebody saw of a
    doubtful send. The others tell how far a message has come."""
    return [row for row in outcome_rows if row["kind"] == ANNOTATION or _is_settled(row)]


def _is_settled(row: Row) -> bool:
    if row["kind"] != "send":
        return False
    state: str = msgspec.json.decode(row["data"])["state"]
    return state == "settled"


def is_answer(row: Row) -> bool:
    """Return True for a message that counts for `ifLast`, as the gateway counts: no reaction, no
    automatic text, and none that was refused before it went to Meta."""
    data = msgspec.json.decode(row["data"])
    if row["kind"] != "message" or data["direction"] != "out" or data["type"] == REACTION:
        return False
    author = _message_author(data)
    is_automatic = (author["kind"], author["id"]) == POSTKAMER
    return not is_automatic and data.get("status") != REFUSED


def _furthest_status(
    statuses: Sequence[str], outcomes: Sequence[tuple[Row, dict[str, Any]]]
) -> str:
    """Return the furthest status; `unknown` no longer counts once a person has settled it."""
    states = [outcome["state"] for entry, outcome in outcomes if entry["kind"] == "send"]
    doubts = [state for state in states if state in ("unknown", "settled")]
    is_settled = doubts[-1:] == ["settled"]
    counting = [status for status in statuses if not (is_settled and status == "unknown")]
    return max(counting, key=lambda status: STATUS_RANK.get(status, -1))


def _message_author(data: dict[str, Any]) -> dict[str, Any]:
    """Return who wrote a message: an employee where nothing is said, because a CRM may leave it out
    and the app on the business phone does."""
    if data["direction"] == "in":
        return CITIZEN
    return {"identified": None} | (data.get("author") or {"kind": "employee", "id": ""})


def _author_json(author: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return an author, with null where the record does not say if the name was proven."""
    return author and {"identified": None} | author


DECISION_DEFAULTS: dict[str, Any] = {
    "tags": [],
    "priority": None,
    "priorityReason": None,
    "alsoAbout": [],
    "language": None,
    "due": None,
    "care": None,
    "sensitive": [],
    "automatic": None,
    "provisional": False,
    "held": False,
    "marks": [],
}
"""Optional members of a decision beside the department, and their values when the record has
none."""


def _decision_json(data: dict[str, Any]) -> dict[str, Any]:
    """Add a null version when the record names none."""
    return {"version": None} | data


def _statuses_json(outcomes: Sequence[tuple[Row, dict[str, Any]]]) -> list[dict[str, Any]]:
    """Return Meta's statuses, and the send outcomes that those statuses do not cover."""
    known = {
        "accepted",
        *(outcome["status"] for entry, outcome in outcomes if entry["kind"] == "status"),
    }
    return [
        {
            "status": outcome["status"],
            "at": outcome.get("at") or entry["at"],
            "reason": outcome["reason"],
            "author": _author_json((outcome.get("by") or {}).get("author")),
        }
        for entry, outcome in outcomes
        if entry["kind"] == "status" or (entry["kind"] == "send" and _is_news(outcome, known))
    ]


def _is_news(outcome: dict[str, Any], known: Collection[str]) -> bool:
    """Return whether a send outcome adds to Meta's statuses: the message was not sent, it went out
    in another form, or Meta reported its status before the message was known."""
    return outcome["state"] != "sent" or bool(outcome["reason"]) or outcome["status"] not in known


def _media_json(
    row: Row, data: dict[str, Any], outcomes: Sequence[tuple[Row, dict[str, Any]]]
) -> list[dict[str, Any]]:
    """Return the file of a message in its latest known state."""
    medium = data.get("medium")
    if not isinstance(medium, dict):
        return []
    media_outcomes = [outcome for entry, outcome in outcomes if entry["kind"] == "media"]
    last = media_outcomes[-1] if media_outcomes else {}
    id = row["message"] or row["id"]
    return [
        {
            "id": id,
            "link": f"/v1/media/{id}",
            "mimeType": last.get("mimeType") or medium["mimeType"],
            "filename": sanitise_filename(medium["filename"]),
            "state": last.get("state", "waiting"),
            "reason": last.get("reason", ""),
            "size": last.get("size"),
            "sha256": last.get("sha256"),
            "scanned": last.get("scanned", False),
        }
    ]


def _annotation_json(row: Row, annotation: dict[str, Any]) -> dict[str, Any]:
    """Return a rectification; the message itself stays as it was."""
    return {
        "at": row["at"],
        "by": annotation["by"],
        "identified": annotation.get("identified"),
        "text": annotation["text"],
    }


def _delivery_json(row: Row, delivery: dict[str, Any]) -> dict[str, Any]:
    return {
        "destination": delivery["destination"],
        "event": delivery["event"],
        "state": delivery["state"],
        "attempts": delivery["attempts"],
        "at": row["at"],
    }


def _raw_json(raw: bytes) -> Any:
    """Return the item as Meta sent it; None if the message did not come from Meta."""
    return msgspec.Raw(raw) if raw else None


def notes_json(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return notes in the given order, under the ids that their authors received."""
    return [
        {
            "id": data["id"],
            "at": row["at"],
            "author": _author_json(data["author"]),
            "text": data["text"],
        }
        for row, data in ((row, msgspec.json.decode(row["data"])) for row in rows)
    ]


def page_json(rows: Sequence[Row], outcome_rows: Sequence[Row]) -> dict[str, Any]:
    """Return the messages and notes of a search page in the given order, the notes with their
    conversation and department."""
    note_rows = [row for row in rows if row["kind"] == "note"]
    places = [
        {"conversationId": row["conversation"], "department": row["department"]}
        for row in note_rows
    ]
    return {
        "messages": messages_json([row for row in rows if row["kind"] == "message"], outcome_rows),
        "notes": [note | place for note, place in zip(notes_json(note_rows), places, strict=True)],
    }


def may_know_all(department: str) -> bool:
    return True


def conversation_json(
    id: str,
    rows: Sequence[Row],
    note_rows: Sequence[Row],
    may_know: Callable[[str], bool] = may_know_all,
    holds: Sequence[Row] = (),
) -> dict[str, Any]:
    """Return a conversation from its events and notes, both oldest first.

    The department is null if the conversation has moved to one that these rights do not cover. The
    former department of a transfer, its author, its reason and its zaak are left out unless
    `may_know` allows that department.
    """
    read = [(row, msgspec.json.decode(row["data"])) for row in rows]
    steps = list(_without_carried_zaken(read, may_know))
    zaken = [step["zaak"] for _, step in steps if step.get("zaak")]
    return {
        "id": id,
        "openedAt": rows[0]["at"],
        "department": None if rows[-1]["left"] else steps[-1][1]["department"],
        "decision": _decision_json(steps[-1][1]["decision"]),
        "zaak": zaken[-1] if zaken else None,
        "history": [_history_json(row, step, may_know) for row, step in steps],
        "notes": notes_json(note_rows),
        "isHeld": bool(holds),
        "holds": [{"id": each["id"], "ground": each["ground"]} for each in holds],
    }


def term_json(row: Row) -> dict[str, Any]:
    """Return how long a conversation is kept; null where it is not known."""
    return {
        "retentionState": row["state"],
        "retentionCode": row["code"],
        "keptUntil": row["kept_until"],
    }


def last_answer_json(row: Row | None) -> dict[str, Any]:
    """Return the newest answer of a conversation; null if there is none."""
    answer = row and {"id": row["message"] or row["id"], "sequence": row["sequence"]}
    return {"lastAnswer": answer}


def _without_carried_zaken(
    steps: Sequence[tuple[Row, dict[str, Any]]], may_know: Callable[[str], bool]
) -> Iterator[tuple[Row, dict[str, Any]]]:
    """Yield the steps without a zaak that came along from a department that `may_know` does not
    allow, until it is linked here too: each later step carries it."""
    known: set[str] = set()
    carried: set[str] = set()
    for row, step in steps:
        zaak, former = step.get("zaak") or "", step.get("from")
        if former and not may_know(former) and zaak not in known:
            carried.add(zaak)
        elif step["event"] == LINKED:
            carried.discard(zaak)
        if zaak in carried:
            yield row, step | {"zaak": None}
        else:
            known.add(zaak)
            yield row, step


def _history_json(
    row: Row, step: dict[str, Any], may_know: Callable[[str], bool]
) -> dict[str, Any]:
    """Return an event, with null for absent members. An event that a rule caused has no author."""
    actor = step.get("by") or {}
    if (former := step.get("from")) and not may_know(former):
        step, actor = step | {"from": None, "reason": None}, {}
    return {
        "event": step["event"],
        "department": step["department"],
        "at": row["at"],
        "from": step.get("from") or None,
        "reason": step.get("reason") or None,
        "author": _author_json(actor.get("author")),
        "zaak": step.get("zaak") or None,
        "care": step.get("care") or None,
        "asked": step.get("asked") or None,
    }
