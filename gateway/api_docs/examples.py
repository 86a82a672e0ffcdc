"""Examples of every request and answer of /v1. A test parses each with its model."""

from typing import Any

from services.event_types import event_source

Json = dict[str, Any]

CONVERSATION = "106540352242922-mfrggzdfmztwq2lknnwg23tpoa"
MESSAGE = "018fe5a4-52b7-7d7e-9a4e-0d2f0c6f3c11"
UPLOAD = "0b8f2c0a-6a53-5b6c-8f0e-5a0b9d7c1e42"
EMPLOYEE = {"kind": "employee", "id": "s.jansen"}

CONSENT: Json = {
    "purpose": "herinneringen",
    "givenAt": "2026-11-02T10:21:00+01:00",
    "source": "afsprakenmodule, vinkje bij de bevestiging",
}
_ANSWER: Json = {"conversationId": CONVERSATION, "author": EMPLOYEE}

MESSAGES: dict[str, Json] = {
    "text": _ANSWER
    | {
        "type": "text",
        "text": {"body": "Uw paspoort ligt klaar. U kunt het morgen ophalen."},
        "ifLast": "none",
    },
    "quote": _ANSWER
    | {
        "type": "text",
        "text": {"body": "Dat kan: https://www.almelo.nl/afspraak", "previewUrl": True},
        "replyTo": MESSAGE,
        "ifLast": MESSAGE,
        "department": "burgerzaken",
    },
    "automated": {
        "conversationId": CONVERSATION,
        "author": {"kind": "automated", "id": "assistent"},
        "type": "text",
        "text": {"body": "Het stadhuis is open van 9.00 tot 17.00 uur."},
    },
    "template": {
        "number": "106540352242922",
        "to": "+31600000011",
        "author": EMPLOYEE,
        "type": "template",
        "template": {
            "name": "antwoord_klaar",
            "language": "nl",
            "components": [
                {"type": "body", "parameters": [{"type": "text", "text": "3 december"}]},
                {
                    "type": "button",
                    "subType": "quick_reply",
                    "index": 0,
                    "parameters": [{"type": "payload", "payload": "ja"}],
                },
            ],
        },
    },
    "businessInitiated": {
        "number": "106540352242922",
        "to": "+31600000011",
        "author": {"kind": "system", "id": "afspraken"},
        "type": "template",
        "template": {"name": "afspraak_morgen", "language": "nl"},
        "consent": CONSENT,
    },
    "buttons": _ANSWER
    | {
        "type": "interactive",
        "interactive": {
            "kind": "buttons",
            "body": "Is uw vraag beantwoord?",
            "buttons": [{"id": "ja", "title": "Ja"}, {"id": "nee", "title": "Nee"}],
        },
    },
    "list": _ANSWER
    | {
        "type": "interactive",
        "interactive": {
            "kind": "list",
            "body": "Waarover gaat uw vraag?",
            "button": "Kies onderwerp",
            "sections": [
                {
                    "rows": [
                        {"id": "afval", "title": "Afval en straat", "description": "Containers"},
                        {"id": "anders", "title": "Iets anders, medewerker"},
                    ]
                }
            ],
        },
    },
    "link": _ANSWER
    | {
        "type": "interactive",
        "interactive": {
            "kind": "url",
            "body": "U kunt online een afspraak maken.",
            "button": "Maak een afspraak",
            "url": "https://www.almelo.nl/afspraak",
        },
    },
    "askLocation": _ANSWER
    | {
        "type": "interactive",
        "interactive": {"kind": "location", "body": "Waar staat de container?"},
    },
    "askPhoneNumber": _ANSWER
    | {
        "type": "interactive",
        "interactive": {"kind": "contact", "body": "Op welk nummer kunnen wij u bellen?"},
    },
    "flow": _ANSWER
    | {
        "type": "interactive",
        "interactive": {
            "kind": "flow",
            "body": "Wilt u een melding doen?",
            "flowId": "1003383421387256",
            "button": "Doe een melding",
            "screen": "MELDING",
            "data": {"soort": "container"},
        },
    },
    "upload": _ANSWER
    | {
        "type": "media",
        "media": {
            "kind": "document",
            "id": UPLOAD,
            "caption": "Het besluit",
            "filename": "besluit.pdf",
        },
    },
    "photo": _ANSWER
    | {
        "type": "media",
        "media": {"kind": "image", "link": "https://www.almelo.nl/plattegrond.png"},
    },
    "reaction": _ANSWER | {"type": "reaction", "reaction": {"messageId": MESSAGE, "emoji": "👍"}},
    "location": _ANSWER
    | {
        "type": "location",
        "location": {
            "latitude": 52.3567,
            "longitude": 6.6625,
            "name": "Stadhuis",
            "address": "Haven Zuidzijde 30, Almelo",
        },
    },
    "contacts": _ANSWER
    | {
        "type": "contacts",
        "contacts": [
            {
                "name": {"formattedName": "Gemeente Almelo", "firstName": "Gemeente Almelo"},
                "phones": [{"phone": "+31 546 541111", "type": "WORK"}],
                "urls": [{"url": "https://www.almelo.nl", "type": "WORK"}],
            }
        ],
    },
}

CHANGES: dict[str, dict[str, Json]] = {
    "_transfer": {
        "toDepartment": {
            "department": "openbare-ruimte",
            "from": "burgerzaken",
            "reason": "Het gaat over een container.",
            "author": EMPLOYEE,
        },
        "toEmployee": {
            "department": "burgerzaken",
            "employee": "m.devries",
            "reason": "Zij behandelt deze aanvraag.",
            "author": EMPLOYEE,
        },
        "toFrontDesk": {"reason": "Dit is niet voor ons.", "author": EMPLOYEE},
    },
    "_close": {
        "answered": {"reason": "Beantwoord", "author": EMPLOYEE},
        "withOutcome": {"outcome": "redirected", "reason": "Formulier gewezen", "author": EMPLOYEE},
        "withResult": {"outcome": "answered", "retentionCode": "6.1.3", "author": EMPLOYEE},
    },
    "_reopen": {
        "notAnswered": {"reason": "De inwoner wacht nog op het formulier.", "author": EMPLOYEE}
    },
    "_note": {"note": {"text": "Belt morgen terug.", "author": EMPLOYEE}},
    "_link": {"zaak": {"zaak": "ZAAK-2026-0000012345", "author": EMPLOYEE}},
    "_read": {
        "read": {"author": EMPLOYEE},
        "readAndTyping": {"typing": True, "author": EMPLOYEE},
    },
    "_confirm": {"byEmployee": {"author": EMPLOYEE}},
    "_release": {"byEmployee": {"author": EMPLOYEE}},
    "_merge": {
        "sameNumber": {"with": "106540352242922-nbswy3dpo5xxe3debzwk4lumfy", "author": EMPLOYEE}
    },
    "_settle": {
        "sent": {
            "message": "01a21062-22ad-7393-be16-cef1b31ce927",
            "seen": "sent",
            "reason": "De inwoner heeft het bericht.",
            "author": EMPLOYEE,
        },
        "notSent": {
            "message": "01a21062-22ad-7393-be16-cef1b31ce927",
            "seen": "not_sent",
            "reason": "Het staat niet in WhatsApp Manager.",
            "author": EMPLOYEE,
        },
    },
}
"""Verb -> name of the example -> request body."""

NOTICE: Json = {
    "text": "Door de storm is het erg druk. Het laatste nieuws staat op www.almelo.nl.",
    "until": "2026-12-01T17:00:00+01:00",
    "author": EMPLOYEE,
}
CLEAR_NOTICE: Json = {"author": EMPLOYEE}
STATES: dict[str, Json] = {
    "closed": {
        "state": "closed",
        "text": "Wij lezen hier vandaag niet mee. Mail ons op gemeente@almelo.nl.",
        "until": "2026-12-01T08:30:00+01:00",
        "author": EMPLOYEE,
    },
    "receiveOnly": {"state": "receive-only", "author": EMPLOYEE},
    "open": {"state": "open", "author": EMPLOYEE},
}
GIVE_CONSENT: Json = {
    "number": "106540352242922",
    "to": "+31600000011",
    "author": EMPLOYEE,
} | CONSENT
WITHDRAW_CONSENT: Json = {
    "number": "106540352242922",
    "to": "+31600000011",
    "purpose": "herinneringen",
    "author": EMPLOYEE,
}
NUMBERS: Json = {
    "numbers": [
        {
            "id": "106540352242922",
            "state": "open",
            "text": None,
            "until": None,
            "notice": {"text": NOTICE["text"], "until": "2026-12-01T16:00:00Z"},
        }
    ]
}

_HEADER: Json = {
    "type": "header",
    "format": "text",
    "text": "Uw afspraak",
    "buttons": [],
}
_BODY: Json = {
    "type": "body",
    "format": None,
    "text": "Uw afspraak is op {{1}} om {{2}}. Kunt u niet? Zeg de afspraak dan af.",
    "buttons": [],
}
_BUTTON: Json = {
    "type": "url",
    "text": "Afspraak bekijken",
    "url": "https://www.almelo.nl/afspraak/{{1}}",
    "phoneNumber": None,
}
_PARAMETER: Json = {
    "component": "body",
    "subType": None,
    "index": None,
    "type": "text",
    "parameterName": None,
}
TEMPLATES: Json = {
    "askedAt": "2026-11-30T08:14:03Z",
    "complete": True,
    "templates": [
        {
            "name": "afspraak_herinnering",
            "language": "nl",
            "category": "UTILITY",
            "status": "APPROVED",
            "quality": "GREEN",
            "usable": True,
            "reason": None,
            "components": [
                _HEADER,
                _BODY,
                {"type": "buttons", "format": None, "text": None, "buttons": [_BUTTON]},
            ],
            "parameters": [
                _PARAMETER | {"sample": "3 december"},
                _PARAMETER | {"sample": "10.15 uur"},
                _PARAMETER
                | {"component": "button", "subType": "url", "index": 0, "sample": "A-2026-118"},
            ],
        },
        {
            "name": "markt_verplaatst",
            "language": "nl",
            "category": "MARKETING",
            "status": "PAUSED",
            "quality": "RED",
            "usable": False,
            "reason": "paused",
            "components": [_BODY | {"text": "De markt is deze week op het Marktplein."}],
            "parameters": [],
        },
    ],
}

_CIVIL_AFFAIRS: Json = {
    "id": "burgerzaken",
    "name": "Burgerzaken",
    "confidential": False,
    "asksReason": False,
}
ACCESS: Json = {
    "tenant": {
        "id": "voorbeeldstad",
        "name": "Gemeente Voorbeeldstad",
        "source": event_source("voorbeeldstad"),
    },
    "token": "keycloak:5f1d3c8e9a7b2046d1e8c3f0",
    "person": "s.jansen",
    "roles": ["send", "read"],
    "departments": [_CIVIL_AFFAIRS],
    "allDepartments": False,
    "destinations": [],
}
DEPARTMENTS: Json = {
    "departments": [
        _CIVIL_AFFAIRS
        | {"yours": True, "openNow": True, "opensAt": None, "retentionCode": "6.1.3"},
        {
            "id": "zorg-en-jeugd",
            "name": "Zorg en Jeugd",
            "confidential": True,
            "asksReason": True,
            "yours": False,
            "openNow": False,
            "opensAt": "2026-11-30T08:00:00Z",
            "retentionCode": None,
        },
    ]
}

_GIVEN: Json = {
    "roles": [],
    "departments": [],
    "allDepartments": False,
    "confidential": False,
    "destinations": [],
}
GRANTS: Json = {
    "groups": [
        _GIVEN
        | {"provider": "keycloak", "value": "postkamer-medewerker", "roles": ["send", "read"]},
        _GIVEN
        | {
            "provider": "keycloak",
            "value": "postkamer-burgerzaken",
            "departments": [_CIVIL_AFFAIRS],
        },
    ],
    "tokens": [
        _GIVEN
        | {
            "name": "crm",
            "roles": ["send", "read"],
            "allDepartments": True,
            "destinations": ["crm"],
            "people": True,
            "test": False,
            "expiresAt": "2027-03-01T00:00:00Z",
        }
    ],
}

ACCEPTED: Json = {"id": MESSAGE, "status": "accepted"}
STATUS: Json = {
    "id": MESSAGE,
    "conversationId": CONVERSATION,
    "status": "delivered",
    "reason": None,
    "code": None,
    "author": {"kind": "employee"},
    "acceptedAt": "2026-11-20T08:14:03Z",
    "changedAt": "2026-11-20T08:14:05Z",
}
MEDIA_ACCEPTED: Json = {
    "id": UPLOAD,
    "mimeType": "application/pdf",
    "size": 48213,
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
}

WEBHOOK: Json = {
    "object": "whatsapp_business_account",
    "entry": [
        {
            "id": "102290129340398",
            "changes": [
                {
                    "field": "messages",
                    "value": {
                        "messaging_product": "whatsapp",
                        "metadata": {
                            "display_phone_number": "31546541111",
                            "phone_number_id": "106540352242922",
                        },
                        "statuses": [
                            {"id": "wamid.X", "status": "delivered", "timestamp": "1795600000"}
                        ],
                    },
                }
            ],
        }
    ],
}
