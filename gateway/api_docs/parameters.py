"""Parameters of the operations in the OpenAPI document. Pure."""

from typing import Any

from gateway.api_docs import examples
from gateway.commands.idempotency import KEY_CHARACTERS
from gateway.media.filenames import HEADER_CHARACTERS
from services import ids

Json = dict[str, Any]

KEY: Json = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "description": "A key of your own, different for each command. The same key with the same"
    " request gets the same answer and does nothing twice, also after days; the same key with"
    " another request is refused.",
    "schema": {
        "type": "string",
        "minLength": 1,
        "maxLength": KEY_CHARACTERS,
        "pattern": "^[!-~](?:[ -~]*[!-~])?$",
    },
    "example": "vraag-2026-118-antwoord-1",
}
ID: Json = {
    "name": "id",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "format": "uuid"},
    "example": examples.MESSAGE,
}
CONVERSATION: Json = {
    "name": "id",
    "in": "path",
    "required": True,
    "description": "Id of the conversation.",
    "schema": {"type": "string", "pattern": f"^(?:{ids.CONVERSATION.pattern})$"},
    "example": examples.CONVERSATION,
}
NUMBER: Json = {
    "name": "id",
    "in": "path",
    "required": True,
    "description": "Our id of the number, as `GET /v1/numbers` lists it, and with which the ids of"
    " its conversations begin.",
    "schema": {"type": "string", "pattern": "^[0-9]{5,32}$"},
    "example": examples.NUMBERS["numbers"][0]["id"],
}
DISPOSITION: Json = {
    "name": "Content-Disposition",
    "in": "header",
    "required": False,
    "description": "The file's name (RFC 6266). Needed with `application/octet-stream`: its"
    " extension then says the type of the file.",
    "schema": {"type": "string", "maxLength": HEADER_CHARACTERS},
    "example": 'attachment; filename="besluit.pdf"',
}
HANDSHAKE: Json = {
    "name": "handshake",
    "in": "query",
    "required": True,
    "description": "Meta's members, each as a separate parameter.",
    "style": "form",
    "explode": True,
    "schema": {
        "type": "object",
        "required": ["hub.mode", "hub.verify_token", "hub.challenge"],
        "properties": {
            "hub.mode": {"const": "subscribe"},
            "hub.verify_token": {"type": "string"},
            "hub.challenge": {"type": "string", "minLength": 1, "maxLength": 200},
        },
    },
    "example": {
        "hub.mode": "subscribe",
        "hub.verify_token": "the-token-you-gave-to-meta",
        "hub.challenge": "1158201444",
    },
}
