"""Examples of what the router is asked and answers; a test validates each against the models."""

from typing import Any

Json = dict[str, Any]

VERSION_ID, EARLIER_ID = "3f1c09a2b7de", "9b04e1d7733a"
QUESTIONS: Json = {
    "atNight": {
        "text": "Er ligt glas op het fietspad",
        "number": "106540352242922",
        "at": "2026-12-01T23:15:00+01:00",
    },
    "now": {"text": "Mijn container is niet geleegd"},
}
EXPLANATION: Json = {
    "department": "openbare-ruimte",
    "name": "Openbare ruimte",
    "rule": "afval",
    "reason": '"container" staat erin (regel afval)',
    "tried": ["pers", "afval"],
    "steps": [
        {"rule": "pers", "outcome": "past niet", "matched": ""},
        {"rule": "afval", "outcome": "past", "matched": '"container" staat erin'},
    ],
    "careSteps": [{"rule": "brand", "outcome": "past niet", "matched": ""}],
    "version": VERSION_ID,
    "tags": ["melding"],
    "language": "nl",
    "weakSigns": {
        "score": 0.021,
        "atLeast": 0.87,
        "use": "mark",
        "words": [],
        "model": "3f1c09a2b7de",
    },
    "text": {"name": "eerste_contact", "body": "Welkom bij gemeente Voorbeeldstad."},
    "timers": [{"kind": "idle", "due": "2026-12-15T09:00:00Z"}],
}
VERSION: Json = {
    "version": VERSION_ID,
    "record": "018fe5a4-52b7-7d7e-9a4e-0d2f0c6f3c11",
    "firstAt": "2026-11-26T12:00:00Z",
    "approvals": [{"by": "s.jansen", "identified": "proven", "at": "2026-11-26T11:40:00Z"}],
    "inForce": True,
}
EARLIER: Json = VERSION | {
    "version": EARLIER_ID,
    "record": "018fe0a1-7b52-7c3e-8d11-5b1f0f6a2c9e",
    "firstAt": "2026-11-25T12:00:00Z",
    "approvals": [],
    "inForce": False,
}
WAITING: Json = {
    "version": "5d20f7c1a3e8",
    "firstAt": "2026-11-27T09:12:00Z",
    "approvals": [{"by": "s.jansen", "identified": "proven", "at": "2026-11-27T09:15:00Z"}],
    "inForce": False,
    "waiting": True,
}
APPROVAL: Json = {"by": "k.deboer", "identified": "proven", "at": "2026-11-27T09:31:00Z"}
VERSIONS: Json = {"versions": [WAITING, VERSION, EARLIER]}
FULL_VERSION: Json = VERSION | {
    "before": EARLIER_ID,
    "files": [
        {"name": "rules/60-afval.toml", "text": '[[rules]]\nid = "afval"\nwords = ["container"]\n'}
    ],
    "changes": [
        {
            "name": "rules/60-afval.toml",
            "diff": [
                "--- a/rules/60-afval.toml",
                "+++ b/rules/60-afval.toml",
                "@@ -1,3 +1,3 @@",
                " [[rules]]",
                ' id = "afval"',
                '-words = ["kliko"]',
                '+words = ["container"]',
            ],
        }
    ],
}

_FIGURES: Json = {
    "opened": 41,
    "begun": 3,
    "reopened": 6,
    "received": 118,
    "byEmployees": 97,
    "bySystems": 0,
    "automatic": 52,
    "undelivered": 1,
    "firstAnswers": {"count": 39, "medianMinutes": 34, "p90Minutes": 260},
    "firstAnswersOpen": {"count": 39, "medianMinutes": 21, "p90Minutes": 115},
    "windowsMissed": 2,
    "transferred": 4,
    "rightAtOnce": {"right": 33, "corrected": 3},
    "closed": {
        "answered": 30,
        "handled": 4,
        "forwarded": 1,
        "redirected": 2,
        "unsaid": 0,
        "idle": 3,
        "merged": 0,
    },
    "withoutMessage": 2,
    "costs": {
        "delivered": 140,
        "free": 139,
        "charged": 1,
        "unknown": 0,
        "amount": "0.0456",
        "unrated": 0,
    },
}
MONTH_FIGURES: Json = {
    "month": "2026-11",
    "isOver": False,
    "countedSince": "2026-11-02",
    "departments": [
        {"id": "openbare-ruimte", "name": "Openbare ruimte", "figures": _FIGURES},
    ],
    "total": _FIGURES,
    "rules": [{"rule": "afval", "right": 33, "corrected": 3}],
    "versions": [
        {"version": VERSION_ID, "firstAt": "2026-11-26T12:00:00Z", "right": 33, "corrected": 3}
    ],
    "care": {"emergency": None, "suicide": None, "violence": None, "threat": 6},
    "currency": "EUR",
    "reportFrom": "2026-12-08",
}
