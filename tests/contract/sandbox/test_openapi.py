"""The stand-in for Meta against Meta's OpenAPI: answers, webhooks and accepted requests.

The document describes v23, without usernames and `biz_opaque_callback_data`.
"""

from datetime import UTC, datetime
from functools import cache
from random import Random
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from deliverer.meta.health.number_state import CONNECTION, LIMIT, NAME, QUALITY
from deliverer.meta.templates.template_page import TemplatePage, read_page
from sandbox.meta import (
    graph_api,
    graph_errors,
    message_templates,
    number_health,
    send_validation,
    webhook_payloads,
)
from sandbox.meta.media_store import MediaStore
from sandbox.meta.message_templates import TEMPLATES, TemplateChange, TemplatesOfAll
from sandbox.meta.number_health import NumberHealth
from sandbox.meta.send_validation import Send
from sandbox.meta.webhook_payloads import Citizen, Sent
from sandbox.organisation import Number
from sandbox.phone import message_input
from sandbox.phone.message_input import PhoneMessage
from services.whatsapp.items import Notice
from services.whatsapp.parser import parse
from services.whatsapp.templates import read_template, required_values
from tests.support.published_openapi import META

Json = dict[str, Any]

pytestmark = pytest.mark.usefixtures("meta_openapi")

NEWER_THAN_V23 = {"biz_opaque_callback_data"}
AT = datetime(2026, 11, 20, 8, 14, 3, tzinfo=UTC)
NUMBER = Number("106540352242922", "almelo")
CITIZEN = Citizen("31600000011", "Fatima El Amrani")
SENT = Sent(
    wamid="wamid.X", number=NUMBER, phone=CITIZEN.phone, bsuid=CITIZEN.bsuid, opaque="0190.1"
)
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
"""Schemas that the document's webhooks mean: it numbers schemas of one name, and its webhooks refer
to the first of each, which is the outgoing one."""


@cache
def document() -> Json:
    loaded: Json = yaml.load(META.read_text(), Loader=yaml.CSafeLoader)
    schemas = loaded["components"]["schemas"]
    names = list(schemas)
    for name in names[names.index("WebhookPayload") :]:
        schemas[name] = redirected(schemas[name])
    return loaded


def redirected(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: redirected(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [redirected(inner) for inner in value]
    if isinstance(value, str) and value.startswith("#/components/schemas/"):
        root, _, name = value.rpartition("/")
        return f"{root}/{INCOMING.get(name, name)}"
    return value


def schema(name: str) -> Json:
    found: Json = document()["components"]["schemas"][name]
    return found


def faults_against(wanted: Json, value: object) -> list[str]:
    whole = wanted | {"components": document()["components"]}
    return [error.message for error in Draft202012Validator(whole).iter_errors(value)]


def merged(name: str) -> Json:
    """Return one object schema for `allOf`, whose parts forbid each other's properties."""
    properties: Json = {}
    required: list[str] = []
    for part in schema(name)["allOf"]:
        resolved = schema(part["$ref"].rpartition("/")[2]) if "$ref" in part else part
        properties |= resolved.get("properties", {})
        required += resolved.get("required", [])
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


def request(kind: str, content: object, **more: object) -> Json:
    return {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": "+31600000011",
        "type": kind,
        kind: content,
        "biz_opaque_callback_data": "0190a1b2-0000-7000-8000-000000000000.1",
        **more,
    }


REPLY = {"type": "reply", "reply": {"id": "ja", "title": "Ja"}}
ROW = {"id": "afval", "title": "Afval en straat", "description": "Containers en grofvuil"}
LIST = {"button": "Kies", "sections": [{"title": "Alles", "rows": [ROW]}]}
TEMPLATE = {"name": "antwoord_klaar", "language": {"code": "nl", "policy": "deterministic"}}
PLACE = {"latitude": "52.35", "longitude": "6.66", "name": "Stadhuis", "address": "X 1"}


def interactive(kind: str, action: Json) -> Json:
    return request("interactive", {"type": kind, "body": {"text": "Kies"}, "action": action})


REQUESTS = [
    request("text", {"body": "Goedemorgen", "preview_url": False}),
    request("text", {"body": "Dit antwoordt u"}, context={"message_id": "wamid.X"}),
    request("image", {"id": "1003383421387256", "caption": "Zo ziet het eruit"}),
    request("document", {"id": "1003383421387256", "filename": "besluit.pdf"}),
    request("location", PLACE),
    request("reaction", {"message_id": "wamid.X", "emoji": "👍"}),
    request("template", TEMPLATE),
    interactive("button", {"buttons": [REPLY]}),
    interactive("list", LIST),
]
URL_PARAMETERS = {"display_text": "Open", "url": "https://almelo.example"}
FLOW_PARAMETERS = {"flow_message_version": "3", "flow_cta": "Vul in"}
NEWER_KINDS = {
    "cta_url": {"name": "cta_url", "parameters": URL_PARAMETERS},
    "location_request_message": {"name": "send_location"},
    "request_contact_info": {"name": "request_contact_info"},
    "flow": {"name": "flow", "parameters": FLOW_PARAMETERS},
}


@pytest.mark.parametrize("kind", NEWER_KINDS)
def test_an_interactive_message_newer_than_the_document_needs_the_action_of_its_kind(
    kind: str,
) -> None:
    assert isinstance(send_validation.validate(interactive(kind, NEWER_KINDS[kind])), Send)
    other_action = NEWER_KINDS[kind] | {"name": "another"}
    for wrong in (interactive(kind, other_action), interactive("carousel", NEWER_KINDS[kind])):
        assert not isinstance(send_validation.validate(wrong), Send)


def request_schema(kind: str) -> Json:
    reference = schema("Message")["discriminator"]["mapping"][kind]
    return merged(reference.rpartition("/")[2])


def as_v23(body: Json) -> Json:
    return {name: value for name, value in body.items() if name not in NEWER_THAN_V23}


@pytest.mark.slow
@pytest.mark.parametrize("body", REQUESTS, ids=[f"{r['type']}-{i}" for i, r in enumerate(REQUESTS)])
def test_a_request_of_ours_is_as_meta_describes_and_is_accepted(body: Json) -> None:
    assert faults_against(request_schema(body["type"]), as_v23(body)) == []
    assert isinstance(send_validation.validate(body), Send)


@pytest.mark.parametrize("missing", ["messaging_product", "to", "text"])
def test_a_request_unlike_the_document_is_refused(missing: str) -> None:
    body = {name: value for name, value in REQUESTS[0].items() if name != missing}
    assert faults_against(request_schema("text"), as_v23(body))
    assert not isinstance(send_validation.validate(body), Send)


def test_a_read_receipt_and_its_answer_are_as_meta_describes() -> None:
    receipt = {"messaging_product": "whatsapp", "status": "read", "message_id": "wamid.X"}
    assert faults_against(schema("MarkMessageRequestPayload"), receipt) == []
    assert send_validation.read_receipt_fault(receipt) == ""
    assert faults_against(schema("MarkMessageResponsePayload"), {"success": True}) == []


def test_the_answer_to_a_message_is_as_meta_describes() -> None:
    answer = graph_api.send_response(SENT)
    assert faults_against(schema("MessageResponsePayload"), answer) == []
    assert answer["contacts"] == [{"input": "+31600000011", "wa_id": "31600000011"}]
    assert answer["messages"] == [{"id": "wamid.X"}]


@pytest.mark.parametrize("code", graph_errors.ERRORS)
def test_an_error_is_as_meta_describes(code: int) -> None:
    body = graph_errors.error_body(graph_errors.ERRORS[code], trace="A1")
    assert faults_against(schema("ErrorResponse"), body) == []
    assert faults_against(schema("StatusError"), graph_errors.status_error(code)) == []


def test_the_description_of_media_is_as_meta_describes() -> None:
    answer = MediaStore(Random(1)).add("image/png", b"x").description("http://127.0.0.1/x")
    described = document()["paths"]["/{Version}/{Media-ID}"]["get"]["responses"]["200"]["content"]
    assert faults_against(described["application/json"]["schema"], answer) == []
    assert answer.keys() == described["application/json"]["schema"]["properties"].keys()


def test_state_of_a_number_is_as_meta_describes() -> None:
    health = NumberHealth(limit="TIER_1K")  # TIER_2K is newer than the document
    node = number_health.describe_fields(NUMBER, health, "v23.0")
    for name in ("PhoneNumberInfo", "WhatsAppBusinessAccountPhoneNumber"):
        described = schema(name)["properties"].keys() - {"status"}  # words of the OpenAPI's own
        shown = {field: value for field, value in node.items() if field in described}
        assert len(shown) >= 5
        optional = schema(name) | {"required": []}
        assert faults_against(optional, shown) == []
    apps = number_health.describe_apps(health)
    assert faults_against(schema("SubscribedAppsResponse"), apps) == []
    assert [faults_against(schema("SubscribedApp_1"), app) for app in apps["data"]] == [[]]
    assert number_health.describe_apps(NumberHealth(subscribed=False)) == {"data": []}


def test_tiers_and_words_that_the_deliverer_knows_are_those_of_meta() -> None:
    number = schema("WhatsAppBusinessAccountPhoneNumber")["properties"]
    assert {*number["messaging_limit_tier"]["enum"]} <= LIMIT.keys()
    assert {*schema("PhoneNumberInfo")["properties"]["quality_rating"]["enum"]} <= QUALITY.keys()
    assert {*schema("PhoneNumberInfo")["properties"]["name_status"]["enum"]} <= NAME.keys()
    assert {*schema("WhatsAppPhoneNumberStatus")["enum"]} <= CONNECTION.keys()


def test_list_of_templates_is_as_meta_describes() -> None:
    operation = document()["paths"]["/{Version}/{WABA-ID}/message_templates"]["get"]
    described = operation["responses"]["200"]["content"]["application/json"]
    templates = TemplatesOfAll().of(NUMBER.account)
    page = message_templates.describe_page(templates, {"limit": "2"}, "https://graph.example/x")
    assert faults_against(described["schema"], page) == []
    assert page["paging"].keys() == {"cursors", "next"}
    [example] = described["examples"].values()
    shown = {name for each in example["value"]["data"] for name in each} - {"previous_category"}
    assert all(shown <= each.keys() for each in page["data"])
    assert example["value"]["paging"].keys() == {"cursors"}, "the last page has no next one"
    kinds = {part["type"] for each in templates for part in each["components"]}
    assert kinds == {"HEADER", "BODY", "FOOTER", "BUTTONS"}


def test_templates_that_meta_s_document_shows_are_read_with_their_values() -> None:
    path = document()["paths"]["/{Version}/{WABA-ID}/message_templates"]
    [example] = path["get"]["responses"]["200"]["content"]["application/json"]["examples"].values()
    page = read_page(example["value"])
    assert isinstance(page, TemplatePage) and not page.unreadable and page.after is None
    values = {each.name: required_values(each) or () for each in page.templates}
    assert {name: len(found) for name, found in values.items()} == {
        "hello_world": 0,
        "2023_april_promo": 2,
    }
    made = path["post"]["requestBody"]["content"]["application/json"]["examples"]
    counts = {name: count_values(each["value"]) for name, each in made.items()}
    media = "Create template w/ image header, text body, text footer, and 2 call-to-action buttons"
    assert counts[media] == 1 + 3 + 1
    text = "Create template w/ text header, text body, text footer, and 2 quick reply buttons"
    assert counts[text] == 1 + 3
    place = "Create template w/ location header, text body, text footer, and a website buttons"
    assert counts[place] == 1 + 2
    assert counts["Create Flow Template Message by ID"] == 1
    # Their parts need more than our API can give.
    for name in ("Create multi-product message template", ONE_TIME):
        assert counts[name] is None


ONE_TIME = "Create authentication template w/ OTP copy code button"


def count_values(made: Json) -> int | None:
    """Number of values that a template needs, of a request that makes it."""
    name = "made" if made["name"].startswith("<") else made["name"]
    template = read_template(made | {"name": name, "status": "APPROVED"})
    assert template is not None
    found = required_values(template)
    return None if found is None else len(found)


def test_notice_about_a_template_is_read_as_one_of_its_account() -> None:
    [before] = [each for each in TEMPLATES if each["name"] == "antwoord"]
    change = TemplateChange("antwoord", status="PAUSED", quality="RED")
    for field, value in webhook_payloads.template_notices(before, change):
        body = webhook_payloads.account_notice(NUMBER, field, value, AT)
        [item] = parse(webhook_payloads.encode(body))
        assert isinstance(item, Notice) and (item.field, item.waba) == (field, NUMBER.account)


MESSAGES: list[Json] = [
    {"text": "Mijn paspoort is verlopen / één €"},
    {"kind": "image", "text": "De container"},
    {"kind": "document", "filename": "a.pdf"},
    {"kind": "location"},
    {"kind": "reaction", "about": "wamid.X", "emoji": "👍"},
    {"kind": "choice", "about": "wamid.X", "row": "afval", "text": "Afval"},
    {"kind": "choice", "about": "wamid.X", "row": "ja", "text": "Ja", "button": True},
    {"kind": "button", "about": "wamid.X", "row": "ja", "text": "Ja"},
    {"kind": "contact", "name": "Fatima El Amrani"},
]


def make_content(fields: Json) -> Json:
    outgoing = PhoneMessage(sender=CITIZEN.phone, number=NUMBER.id, **fields)
    medium = MediaStore(Random(1)).add("image/png", b"x")
    return message_input.make_content(outgoing, NUMBER, lambda _: medium.webhook_fields())


REPLIES = {
    "list_reply": "InteractiveListReplyContent",
    "button_reply": "InteractiveButtonReplyContent",
}


def message_schema(kind: str) -> Json:
    reference = schema("IncomingMessage")["discriminator"]["mapping"][kind]
    return schema(reference.rpartition("/")[2])


@pytest.mark.parametrize("fields", MESSAGES, ids=[m.get("kind", "text") for m in MESSAGES])
def test_a_webhook_with_a_message_is_as_meta_describes(fields: Json) -> None:
    message = webhook_payloads.message(CITIZEN, "wamid.X", AT, make_content(fields))
    body = webhook_payloads.incoming(NUMBER, CITIZEN, message)
    assert faults_against(schema("WebhookPayload"), body) == []
    assert faults_against(message_schema(message["type"]), message) == []
    if reply := message.get("interactive"):
        assert faults_against(schema(REPLIES[reply["type"]]), reply) == []


@pytest.mark.parametrize("name", ["sent", "delivered", "read", "failed"])
def test_a_webhook_with_a_status_is_as_meta_describes(name: str) -> None:
    code = 131047 if name == "failed" else 0
    body = webhook_payloads.status(SENT, name, AT, code)
    assert faults_against(schema("WebhookPayload"), body) == []
    status = body["entry"][0]["changes"][0]["value"]["statuses"][0]
    assert faults_against(schema("Statuses"), status) == []


def test_a_webhook_unlike_the_document_is_noticed() -> None:
    message = webhook_payloads.message(CITIZEN, "wamid.X", AT, make_content({"text": "hoi"}))
    body = webhook_payloads.incoming(NUMBER, CITIZEN, message)
    del body["entry"][0]["changes"][0]["value"]["metadata"]["phone_number_id"]
    assert faults_against(schema("WebhookPayload"), body)
    assert faults_against(schema("TextMessage_2"), message | {"timestamp": 5})
    assert faults_against(schema("Statuses"), {"id": "x", "status": "seen"})
