"""Examples of what the API of the privacy officer is asked and answers; a test validates each."""

from typing import Any

from archiver.api.examples import CONVERSATION_ID, MESSAGE_ID

Json = dict[str, Any]

REQUEST_ID = "AVG-2026-0042"
PERSON = [{"kind": "phone", "value": "+31600000011"}]
VIEW_ID = "018fe5a4-9d31-7c02-8b6a-51c3b8a0e7d4"
OPEN: Json = {
    "access": {"kind": "access", "receivedOn": "2026-11-25", "identities": PERSON},
}
EXTEND: Json = {"twoMonths": {"until": "2027-02-25", "ground": "ingewikkeld"}}
DECIDE: Json = {
    "granted": {"decision": "granted"},
    "held": {"decision": "granted", "holdReviewOn": "2027-06-01"},
    "refused": {"decision": "refused", "ground": "identiteit", "text": "Kom gerust langs."},
}
REPORT: Json = {
    "ofRequest": {"request": REQUEST_ID},
    "ofPerson": {"identities": PERSON, "from": "2026-01-01", "until": "2026-11-30"},
}
VALUE: Json = {
    "byPerson": {"code": "15.1", "source": "person", "reason": "Dit ging over een reparatie."},
    "byZaak": {
        "code": "6.1.1",
        "source": "zaak",
        "startsOn": "2026-11-28",
        "reason": "Resultaat van de zaak.",
    },
}
CONVERSATION_VALUE: Json = {
    "conversationId": CONVERSATION_ID,
    "retentionState": "destroy",
    "retentionCode": "15.1",
    "keptUntil": "2031-11-22",
}
VIEW_SEARCHES: Json = {
    "ofConversation": {"conversation": CONVERSATION_ID},
    "ofEmployee": {"employee": "m.devries", "from": "2026-11-01T00:00:00+01:00", "limit": 50},
}
EXPOSURE_SEARCHES: Json = {
    "ofEmployee": {
        "employee": "m.devries",
        "from": "2026-11-20T08:00:00+01:00",
        "until": "2026-11-23T17:00:00+01:00",
    },
    "ofToken": {
        "token": "zaaksysteem",
        "from": "2026-11-20T08:00:00+01:00",
        "until": "2026-11-21T00:00:00+01:00",
    },
}
ANNOTATION: Json = {
    "corrected": {"text": "Het huisnummer is 12, niet 21.", "request": REQUEST_ID},
}
REQUEST: Json = {
    "id": REQUEST_ID,
    "kind": "access",
    "receivedOn": "2026-11-25",
    "dueOn": "2026-12-25",
    "state": "open",
    "decision": None,
    "ground": "",
}
REQUESTS: Json = {"requests": [REQUEST]}
FULL_REQUEST: Json = REQUEST | {
    "steps": [
        {
            "at": "2026-11-25T10:02:00Z",
            "event": "opened",
            "by": "w.dekker",
            "identified": "proven",
            "dueOn": "2026-12-25",
            "ground": "",
            "decision": "",
            "text": "",
        }
    ],
    "copies": [
        {"place": "WhatsApp (Meta)", "what": "Uw berichten, hoogstens 30 dagen", "until": None}
    ],
    "erasure": None,
    "letter": "Beste heer of mevrouw,\n\nOp 25 november 2026 kregen wij uw verzoek.\n",
    "hasPerson": True,
    "refusalGrounds": [
        {
            "code": "rechten-van-anderen",
            "article": "AVG, artikel 15, lid 4",
            "text": "In de berichten staat ook iets over andere mensen.",
        }
    ],
    "extensionGrounds": [
        {
            "code": "ingewikkeld",
            "article": "AVG, artikel 12, lid 3",
            "text": "Uw verzoek is ingewikkeld. Daarom hebben wij meer tijd nodig.",
        }
    ],
}
MADE_REPORT: Json = {
    "report": {
        "municipality": {"name": "Gemeente Voorbeeldstad"},
        "about": [{"kind": "phone", "value": "31600000011", "asked": True, "found": True}],
        "madeAt": "2026-12-01T09:30:00Z",
        "madeBy": "Gemeente",
    },
    "others": 0,
}
VIEWS: Json = {
    "views": [
        {
            "id": VIEW_ID,
            "at": "2026-11-26T09:14:03Z",
            "conversation": CONVERSATION_ID,
            "department": "openbare-ruimte",
            "token": "keycloak:5f1d0a77c3b94e20a1d6b8e3",
            "employee": "m.devries",
            "identified": "proven",
            "reason": "klacht 2026-118",
            "what": "messages",
            "count": 4,
            "message": None,
        }
    ],
    "next": None,
}
EXPOSURE: Json = {
    "since": "2026-11-20T07:00:00Z",
    "until": "2026-11-23T16:00:00Z",
    "firstAt": "2026-11-21T10:12:40Z",
    "conversations": 1,
    "messages": 4,
    "times": 2,
    "destroyed": 0,
    "persons": [
        {
            "conversation": CONVERSATION_ID,
            "departments": ["openbare-ruimte"],
            "kinds": ["image", "text"],
            "messages": 4,
            "times": 2,
            "firstAt": "2026-11-21T10:12:40Z",
            "lastAt": "2026-11-22T09:00:05Z",
            "identifiers": [{"kind": "phone", "value": "31600000011"}],
        }
    ],
}
ANNOTATED: Json = {"id": VIEW_ID, "message": MESSAGE_ID}
