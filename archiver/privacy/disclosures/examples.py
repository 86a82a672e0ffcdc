"""Examples of what the API of disclosures is asked and answers; a test validates each."""

from typing import Any

from archiver.api.examples import CONVERSATION_ID, MESSAGE_ID
from archiver.privacy.examples import PERSON

Json = dict[str, Any]

DISCLOSURE_ID = "WOO-2026-0001"
DRAW: Json = {
    "woo": {
        "kind": "woo",
        "reviewOn": "2027-06-01",
        "text": "Woo-verzoek 2026-14",
        "named": ["directeur"],
        "selection": {"words": "zwembad", "from": "2026-01-01T00:00:00+01:00"},
    },
    "access": {
        "kind": "access",
        "reviewOn": "2027-03-01",
        "text": "AVG-2026-0042",
        "identities": PERSON,
    },
}
REDACT: Json = {
    "parts": {
        "spans": [{"message": MESSAGE_ID, "from": 8, "to": 12, "ground": "5.1.2e"}],
        "boxes": [
            {
                "message": MESSAGE_ID,
                "x": 0,
                "y": 0,
                "width": 500,
                "height": 1000,
                "ground": "5.1.2e",
            }
        ],
    },
    "words": {"words": [{"words": "Henk van nummer 14", "ground": "5.1.2e"}], "propose": True},
    "takenBack": {
        "remove": {
            "spans": [{"message": MESSAGE_ID, "from": 8, "to": 12}],
            "pictures": [MESSAGE_ID],
        }
    },
    "list": {"list": "what,words,ground\nwords,Henk van nummer 14,5.1.2e"},
}
DECIDE: Json = {
    "partly": {"numbers": [1, 2], "decision": "partly"},
    "closed": {"numbers": [3], "decision": "closed", "grounds": ["5.1.2i"]},
}
STEP: Json = {"plain": {}, "withWords": {"text": "Met de jurist besproken."}}
DISCLOSURE: Json = {
    "id": DISCLOSURE_ID,
    "kind": "woo",
    "hold": "BW-2026-0007",
    "named": ["directeur"],
    "state": "drawn",
    "drawnBy": "e.smit",
    "drawnAt": "2026-12-01T09:00:00Z",
    "reviewedBy": None,
    "reviewedAt": None,
    "approvedBy": None,
    "approvedAt": None,
}
DISCLOSURES: Json = {"disclosures": [DISCLOSURE]}
DOCUMENT: Json = {
    "number": 1,
    "conversation": CONVERSATION_ID,
    "decision": "partly",
    "grounds": ["5.1.2e"],
    "decidedBy": "d.kok",
    "handledBy": ["d.kok"],
}
FULL_DISCLOSURE: Json = DISCLOSURE | {
    "documents": [DOCUMENT],
    "steps": [
        {
            "at": "2026-12-01T09:00:00Z",
            "event": "drawn",
            "by": "e.smit",
            "identified": "proven",
            "number": 0,
            "documents": 0,
            "decision": "",
            "grounds": [],
            "text": "Woo-verzoek 2026-14",
        }
    ],
    "legalGrounds": [
        {
            "code": "5.1.2e",
            "article": "Woo, artikel 5.1, lid 2, onder e",
            "words": "de persoonlijke levenssfeer",
        }
    ],
}
FULL_DOCUMENT: Json = DOCUMENT | {
    "texts": [
        {
            "message": MESSAGE_ID,
            "kind": "message",
            "at": "2026-11-20T09:12:00Z",
            "direction": "in",
            "text": "Volgens Henk is het hek van het zwembad stuk. Henks hond ook.",
        }
    ],
    "pictures": [
        {
            "message": MESSAGE_ID,
            "at": "2026-11-20T09:12:00Z",
            "isShown": True,
            "boxes": [
                {
                    "message": MESSAGE_ID,
                    "x": 0,
                    "y": 0,
                    "width": 500,
                    "height": 1000,
                    "ground": "5.1.2e",
                }
            ],
        }
    ],
    "spans": [{"message": MESSAGE_ID, "from": 8, "to": 12, "ground": "5.1.2e"}],
    "proposals": [],
    "remnants": [{"text": 1, "message": MESSAGE_ID, "times": 1}],
}
