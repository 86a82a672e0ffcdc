"""Examples of what the API is asked and answers about destruction lists; a test validates each."""

from typing import Any

from archiver.api.examples import CONVERSATION_ID
from archiver.privacy.examples import REQUEST_ID

Json = dict[str, Any]

LIST_ID = "VL-2026-0001"
DRAW: Json = {
    "today": {},
    "upToADay": {"upTo": "2026-11-01"},
    "zeroDays": {"zeroDays": True},
}
STEP: Json = {"plain": {}, "withWords": {"text": "Met de afdeling besproken."}}
SPARE: Json = {
    "takenOut": {"conversations": [CONVERSATION_ID], "reason": "dispute"},
    "putOff": {
        "conversations": [CONVERSATION_ID],
        "reason": "other",
        "text": "De afdeling zoekt het uit.",
        "until": "2027-06-01",
    },
}
LIST: Json = {
    "id": LIST_ID,
    "kind": "term",
    "request": None,
    "upTo": "2026-12-01",
    "state": "approved",
    "drawnBy": "w.dekker",
    "drawnAt": "2026-12-01T09:00:00Z",
    "reviewedBy": "m.devries",
    "reviewedAt": "2026-12-02T09:00:00Z",
    "approvedBy": "k.yilmaz",
    "approvedAt": "2026-12-03T09:00:00Z",
    "withdrawnBy": None,
    "withdrawnAt": None,
    "waitingDays": 7.0,
    "destroyedFrom": "2026-12-10T09:00:00Z",
    "begunAt": None,
    "endedAt": None,
    "counts": {"listed": 412, "taken_out": 1},
}
LISTS: Json = {"lists": [LIST]}
FULL_LIST: Json = LIST | {
    "steps": [
        {
            "at": "2026-12-01T09:00:00Z",
            "event": "drawn",
            "by": "w.dekker",
            "identified": "proven",
            "conversations": 413,
            "text": "",
        }
    ],
    "groups": [
        {
            "department": "openbare-ruimte",
            "code": "6.1.3",
            "state": "listed",
            "reason": "",
            "conversations": 412,
            "closedFrom": "2025-10-01",
            "closedUntil": "2025-10-31",
            "keptFrom": "2026-10-01",
            "keptUntil": "2026-10-31",
        }
    ],
}
ITEMS: Json = {
    "items": [
        {
            "conversation": CONVERSATION_ID,
            "department": "openbare-ruimte",
            "code": "6.1.3",
            "closedOn": "2025-10-04",
            "keptUntil": "2026-10-04",
            "state": "taken_out",
            "reason": "dispute",
            "until": None,
            "changedBy": "m.devries",
            "changedAt": "2026-12-02T08:51:00Z",
        }
    ],
    "next": CONVERSATION_ID,
}
DECLARATION: Json = {
    "entry": "018fe5a4-9d31-7c02-8b6a-51c3b8a0e7d4",
    "declaration": {
        "version": 1,
        "list": LIST_ID,
        "municipality": "Gemeente Voorbeeldstad",
        "kind": "term",
        "destroyed": {"conversations": 412, "sha256": "9f86d081884c7d659a2feaa0c55ad015"},
    },
}
ERASURE: Json = LIST | {
    "kind": "request",
    "request": REQUEST_ID,
    "upTo": None,
    "state": "drawn",
    "reviewedBy": None,
    "reviewedAt": None,
    "approvedBy": None,
    "approvedAt": None,
    "waitingDays": 1.0,
    "destroyedFrom": None,
    "counts": {"listed": 2},
}
