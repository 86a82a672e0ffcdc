"""Examples of the requests and answers of the owner of a destination. A test parses each. Pure."""

from typing import Any

from gateway.api_docs.examples import CONVERSATION, EMPLOYEE
from services import event_types

Json = dict[str, Any]

EVENT = "019ec1d2-7c3e-7b0a-8e2f-3a4b5c6d7e8f"
ORDER = "8c1f0b52-3d7e-5a94-b1c6-9e2f4d7a6b30"
SECRET_ID = "019ec1d2-9a10-7c44-8f3b-1d2e3f4a5b6c"

RESENDS: dict[str, Json] = {
    "lostSince": {"since": "2026-11-27T22:00:00Z", "author": EMPLOYEE},
    "parkedSince": {"since": "2026-11-01T00:00:00Z", "state": "parked"},
    "someEvents": {"events": [EVENT]},
}
NEW_SECRETS: dict[str, Json] = {
    "drawn": {},
    "yourOwn": {
        "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "othersEndAt": "2026-12-07T08:00:00Z",
    },
}
END_SECRETS: dict[str, Json] = {"now": {}, "later": {"at": "2026-12-07T08:00:00Z"}}

DESTINATIONS: Json = {
    "destinations": [
        {
            "id": "crm",
            "kind": "cloudevents",
            "departments": [{"id": "burgerzaken", "name": "Burgerzaken", "confidential": False}],
            "paused": None,
            "failing": {
                "since": "2026-11-28T09:10:00Z",
                "needsPerson": False,
                "reason": "the destination answered 503",
            },
            "sidelined": 1,
            "resending": 0,
            "resend": None,
            "parked": [
                {
                    "status": 422,
                    "reason": "the destination refused this message: 422",
                    "count": 3,
                    "oldestAt": "2026-11-27T16:02:11Z",
                }
            ],
            "quarantined": [
                {
                    "place": "archiver",
                    "reason": "it cannot be sealed",
                    "count": 1,
                    "oldestAt": "2026-11-27T16:04:00Z",
                }
            ],
        }
    ],
    "quarantined": [
        {
            "number": "106540352242922",
            "place": "router",
            "reason": "the sender has no identity",
            "count": 2,
            "oldestAt": "2026-11-28T08:30:00Z",
        }
    ],
}
DELIVERIES: Json = {
    "deliveries": [
        {
            "id": EVENT,
            "type": event_types.RECEIVED,
            "state": "parked",
            "conversationId": CONVERSATION,
            "sequence": 12,
            "at": "2026-11-28T09:12:44Z",
            "attempts": 1,
            "status": 422,
            "reason": "the destination refuses this message",
        }
    ],
    "next": "1795857164000000-" + EVENT,
}
RESEND: Json = {
    "id": ORDER,
    "status": "running",
    "state": None,
    "since": "2026-11-27T22:00:00Z",
    "until": "2026-11-29T08:00:00Z",
    "perSecond": 20,
    "orderedAt": "2026-11-29T08:00:00Z",
    "finishedAt": None,
    "waiting": 812,
    "delivered": 188,
    "parked": 0,
    "ended": 0,
}
_SECRET: Json = {
    "id": SECRET_ID,
    "source": "api",
    "addedAt": "2026-11-29T08:00:00Z",
    "endsAt": None,
}
SECRETS: Json = {"secrets": [_SECRET]}
SECRET_ADDED: Json = _SECRET | {"secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}
SECRET_ENDED: Json = {"id": SECRET_ID, "endsAt": "2026-12-07T08:00:00Z"}
