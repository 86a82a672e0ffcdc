"""Examples of what the API of holds is asked and answers; a test validates each."""

from typing import Any

from archiver.api.examples import CONVERSATION_ID
from archiver.privacy.examples import PERSON

Json = dict[str, Any]

HOLD_ID = "BW-2026-0007"
PLACE: Json = {
    "woo": {
        "ground": "woo",
        "reviewOn": "2027-06-01",
        "text": "Woo-verzoek 2026-14",
        "selection": {
            "words": "zwembad",
            "departments": ["sport"],
            "from": "2026-01-01T00:00:00+01:00",
        },
    },
    "dispute": {
        "ground": "dispute",
        "reviewOn": "2027-03-01",
        "text": "Zaak ALM 26/118",
        "conversation": CONVERSATION_ID,
    },
    "limitation": {
        "ground": "limitation",
        "reviewOn": "2027-03-01",
        "text": "AVG-2026-0042",
        "identities": PERSON,
    },
}
REVIEW: Json = {"needed": {"reviewOn": "2027-12-01", "text": "Het beroep loopt nog."}}
LIFT: Json = {"decided": {"text": "Het verzoek is afgehandeld."}}
HOLD: Json = {
    "id": HOLD_ID,
    "ground": "woo",
    "kind": "selection",
    "state": "standing",
    "reviewOn": "2027-06-01",
    "placedBy": "w.dekker",
    "placedAt": "2026-11-25T10:02:00Z",
    "conversation": "",
    "departments": ["sport"],
    "from": "2025-12-31T23:00:00Z",
    "until": None,
    "liftedBy": None,
    "liftedAt": None,
}
HOLDS: Json = {"holds": [HOLD]}
PLACED: Json = HOLD | {"conversations": 118}
LIFTED: Json = HOLD | {
    "state": "lifted",
    "liftedBy": "m.devries",
    "liftedAt": "2027-02-11T09:30:00Z",
}
FULL_HOLD: Json = PLACED | {
    "words": "zwembad",
    "steps": [
        {
            "at": "2026-11-25T10:02:00Z",
            "event": "placed",
            "by": "w.dekker",
            "identified": "proven",
            "reviewOn": "2027-06-01",
            "text": "Woo-verzoek 2026-14",
        }
    ],
}
