"""Example of every answer of the archiver's API; a test validates each against the models."""

from typing import Any

from services import event_types

Json = dict[str, Any]

MESSAGE_ID = "018fe5a4-52b7-7d7e-9a4e-0d2f0c6f3c11"
CONVERSATION_ID = "106540352242922-mfrggzdfmztwq2lknnwg23tpoa"
AS_OF = "7d1f0c5be2a94386b0f7715ec8d2396a41e0b58f92cd3a67"
DECISION: Json = {
    "rule": "afval",
    "reason": '"container" staat erin (regel afval)',
    "version": "3f1c09a2b7de",
}

MESSAGE: Json = {
    "id": MESSAGE_ID,
    "wamid": "wamid.X",
    "conversationId": CONVERSATION_ID,
    "direction": "in",
    "type": "text",
    "text": "Mijn container is vol",
    "from": {"identities": [{"kind": "phone", "value": "31600000011"}], "name": "Fatima"},
    "department": "openbare-ruimte",
    "decision": DECISION,
    "tags": ["officieel"],
    "priority": "normal",
    "priorityReason": None,
    "alsoAbout": ["parkeren"],
    "language": "nl",
    "due": "2027-01-01",
    "care": None,
    "sensitive": [],
    "automatic": "officieel",
    "provisional": False,
    "held": False,
    "marks": ['"bezwaar" staat erin (regel bezwaar)'],
    "author": {"kind": "citizen", "id": "", "identified": None},
    "status": "received",
    "statuses": [],
    "media": [
        {
            "id": MESSAGE_ID,
            "link": f"/v1/media/{MESSAGE_ID}",
            "mimeType": "image/jpeg",
            "filename": "",
            "state": "available",
            "reason": "",
            "size": 48213,
            "sha256": "6c1b29ad7d6a6e6a1f29a8ef2b6a7a0bb5d2a40ce2b49e0a0d6b5b9f3ad94c17",
            "scanned": True,
        }
    ],
    "annotations": [
        {
            "at": "2026-11-23T06:40:00Z",
            "by": "P. Bakker",
            "identified": "stated",
            "text": "De container stond aan de overkant",
        }
    ],
    "deliveries": [
        {
            "destination": "crm",
            "event": event_types.RECEIVED,
            "state": "delivered",
            "attempts": 1,
            "at": "2026-11-20T08:14:04Z",
        }
    ],
    "sequence": 2,
    "receivedAt": "2026-11-20T08:14:03Z",
    "replyTo": None,
    "sentAt": "2026-11-20T08:14:02Z",
    "raw": {
        "from": "31600000011",
        "id": "wamid.X",
        "timestamp": "1795162442",
        "type": "text",
        "text": {"body": "Mijn container is vol"},
    },
}
MESSAGES: Json = {"messages": [MESSAGE], "next": None}
CONVERSATION: Json = {
    "id": CONVERSATION_ID,
    "openedAt": "2026-11-20T08:14:03Z",
    "department": "openbare-ruimte",
    "decision": DECISION,
    "zaak": "ZAAK-2026-0012345",
    "retentionState": "waits",
    "retentionCode": None,
    "keptUntil": None,
    "history": [
        {
            "event": "transferred",
            "department": "openbare-ruimte",
            "at": "2026-11-20T08:14:03Z",
            "from": "klantcontact",
            "reason": "Gaat over een container",
            "author": {"kind": "employee", "id": "m.devries", "identified": "stated"},
            "zaak": None,
            "care": None,
            "asked": None,
        },
        {
            "event": "linked",
            "department": "openbare-ruimte",
            "at": "2026-11-20T08:21:40Z",
            "from": None,
            "reason": None,
            "author": {"kind": "employee", "id": "m.devries", "identified": "stated"},
            "zaak": "ZAAK-2026-0012345",
            "care": None,
            "asked": None,
        },
    ],
    "notes": [
        {
            "id": "018fe5a4-9d31-7c02-8b6a-51c3b8a0e7d4",
            "at": "2026-11-20T08:20:11Z",
            "author": {"kind": "employee", "id": "m.devries", "identified": "stated"},
            "text": "Staat bij de school, niet bij het huis",
        }
    ],
    "isHeld": True,
    "holds": [{"id": "BW-2026-0007", "ground": "woo"}],
    "lastAnswer": {"id": MESSAGE_ID, "sequence": 4},
}

SEARCHES: Json = {
    "words": {"words": "volle container"},
    "allConditions": {
        "anyOf": ["zwembad", "zwemles kinderen"],
        "from": "2026-11-01T00:00:00+01:00",
        "until": "2026-12-01T00:00:00+01:00",
        "departments": ["sport", "openbare-ruimte"],
        "types": ["text", "note"],
        "limit": 20,
        "count": "exact",
    },
    "onePerson": {
        "person": {"kind": "phone", "value": "+31600000011"},
        "direction": "in",
        "order": "oldest",
    },
    "nextPage": {
        "words": "volle container",
        "asOf": AS_OF,
        "after": f"{AS_OF}.018fe5a452b77d7e9a4e0d2f0c6f3c11",
    },
}
PAGE: Json = {
    "messages": [MESSAGE],
    "notes": [
        {
            "id": "018fe5a4-9d31-7c02-8b6a-51c3b8a0e7d4",
            "at": "2026-11-20T08:20:11Z",
            "author": {"kind": "employee", "id": "m.devries", "identified": "stated"},
            "text": "Container is vol, ophalen voor vrijdag",
            "conversationId": CONVERSATION_ID,
            "department": "openbare-ruimte",
        }
    ],
    "gone": 1,
    "destroyed": [
        {
            "conversationId": "106540352242922-mfrggzdfmztwq2lknnwg23tpoa",
            "destroyedAt": "2026-11-24T03:00:12Z",
            "ground": "term",
            "list": "VL-2026-0001",
            "approvedBy": None,
        }
    ],
    "next": f"{AS_OF}.018fe5a452b77d7e9a4e0d2f0c6f3c11",
    "total": 61,
    "totalIsExact": True,
    "asOf": AS_OF,
}
