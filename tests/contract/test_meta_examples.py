"""Our examples of webhooks against Meta's own OpenAPI, where that covers them.

The document is not part of the project; it is read from the folder beside it. It is of v23, from
before usernames, and knows the fields of messages and groups only.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from tests.support.published_openapi import META

Json = dict[str, Any]

EXAMPLES = Path(__file__).parents[1] / "examples" / "whatsapp"
pytestmark = pytest.mark.usefixtures("meta_openapi")

FIELDS = {"messages", "group_lifecycle_update", "group_settings_update", "group_participant_update"}
OTHERWISE = {
    "batch": "a sender without a phone number; a field of the account",
    "edit": "type newer than the document",
    "errors": "errors stand in the prose only",
    "interactive_call_permission": "kind of reply that is not in the document",
    "interactive_empty": "seen in the field, described nowhere",
    "interactive_flow": "kind of reply that is not in the document",
    "location_pin": "the document asks for a name and an address, real pins have none",
    "new_type": "our own invention",
    "reaction_taken_back": "the document asks for an emoji",
    "request_welcome": "type that was withdrawn",
    "revoke": "type newer than the document",
    "status_played": "status newer than the document",
    "system_older": "name of the change before the document's",
    "system_user_id": "a change of BSUID, newer than the document",
    "text_forwarded": "the document asks for a product",
    "text_milliseconds": "seen in the field, described nowhere",
    "text_reply": "a plain reply is in older documents and in the field; here only of a product",
    "text_without_phone": "a sender without a phone number, newer than the document",
    "voice": "type older than the document",
}
INCOMING = {
    "BaseMessageProperties": "BaseMessageProperties_1",
    "TextMessage": "TextMessage_2",
    "ReactionMessage": "ReactionMessage_1",
    "AudioMessage": "AudioMessage_1",
    "DocumentMessage": "DocumentMessage_1",
    "ImageMessage": "ImageMessage_1",
    "StickerMessage": "StickerMessage_1",
    "VideoMessage": "VideoMessage_1",
    "LocationMessage": "LocationMessage_1",
    "ContactObject": "ContactObject_1",
    "ErrorObject": "ErrorObject_2",
}
"""Targets at which its webhooks should point: of two schemas with one name the document numbers the
second, but goes on pointing at the first, which is that of an outgoing message."""


def examples() -> dict[str, Json]:
    bodies = {path.stem: json.loads(path.read_text()) for path in sorted(EXAMPLES.glob("*.json"))}
    return {
        name: body
        for name, body in bodies.items()
        if body["entry"][0]["changes"][0]["field"] in FIELDS
    }


COVERED = examples()


@cache
def validator() -> Draft202012Validator:
    document = yaml.load(META.read_text(), Loader=yaml.CSafeLoader)
    schemas = document["components"]["schemas"]
    names = list(schemas)
    incoming = {name: pointed(schemas[name]) for name in names[names.index("WebhookPayload") :]}
    return Draft202012Validator(
        {
            "$ref": "#/components/schemas/WebhookPayload",
            "components": {"schemas": schemas | incoming},
        }
    )


def pointed(value: Any) -> Any:
    match value:
        case {"$ref": str(reference)}:
            root, _, name = reference.rpartition("/")
            return {"$ref": f"{root}/{INCOMING.get(name, name)}"}
        case dict():
            return {name: pointed(member) for name, member in value.items()}
        case list():
            return [pointed(element) for element in value]
    return value


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(COVERED.keys() - OTHERWISE.keys()))
def test_webhook_example_matches_metas_openapi(name: str) -> None:
    assert [error.message for error in validator().iter_errors(COVERED[name])] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(OTHERWISE))
def test_listed_webhook_example_differs_from_metas_openapi(name: str) -> None:
    assert not validator().is_valid(COVERED[name])
