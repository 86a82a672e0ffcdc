"""The templates of a number as a CRM reads them."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from gateway.api.template_routes import template_json, templates_json
from gateway.api.template_store import StoredTemplates
from gateway.requests.templates import Template
from services.whatsapp.templates import (
    MessageTemplate,
    TemplateButton,
    TemplatePart,
    required_values,
)

BODY = TemplatePart("BODY", text="Op {{1}} om {{2}}", examples={"1": "3 december"})
URL = TemplateButton("URL", "Bekijk", "https://x.example/{{1}}", example="a1")


def made(*parts: TemplatePart, **given: Any) -> MessageTemplate:
    values = {"name": "afspraak", "language": "nl", "status": "APPROVED"} | given
    return MessageTemplate(parts=parts, **values)


def test_template_has_its_parts_as_the_citizen_sees_them_and_the_values_to_give() -> None:
    header = TemplatePart("HEADER", "TEXT", "Uw afspraak")
    call = TemplateButton("PHONE_NUMBER", "Bel", phone="+3154")
    buttons = TemplatePart("BUTTONS", buttons=(call, URL))
    value = {"subType": None, "index": None, "type": "text", "parameterName": None}
    plain: dict[str, Any] = {"format": None, "text": None, "buttons": []}
    assert template_json(made(header, BODY, buttons, category="UTILITY", quality="GREEN")) == {
        "name": "afspraak",
        "language": "nl",
        "category": "UTILITY",
        "status": "APPROVED",
        "quality": "GREEN",
        "usable": True,
        "reason": None,
        "components": [
            plain | {"type": "header", "format": "text", "text": "Uw afspraak"},
            plain | {"type": "body", "text": "Op {{1}} om {{2}}"},
            plain
            | {
                "type": "buttons",
                "buttons": [
                    {"type": "phone_number", "text": "Bel", "url": None, "phoneNumber": "+3154"},
                    {"type": "url", "text": "Bekijk", "url": URL.url, "phoneNumber": None},
                ],
            },
        ],
        "parameters": [
            value | {"component": "body", "sample": "3 december"},
            value | {"component": "body", "sample": None},
            value | {"component": "button", "subType": "url", "index": 1, "sample": "a1"},
        ],
    }


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("APPROVED", None),
        ("PAUSED", "paused"),
        ("PENDING", "pending"),
        ("IN_APPEAL", "pending"),
        ("REJECTED", "rejected"),
        ("DISABLED", "disabled"),
        ("LIMIT_EXCEEDED", "unknown"),
        ("A_NEW_ONE", "unknown"),
    ],
)
def test_template_is_usable_only_if_meta_says_that_it_is_approved(
    status: str, reason: str | None
) -> None:
    shown = template_json(made(BODY, status=status))
    assert (shown["status"], shown["usable"], shown["reason"]) == (status, reason is None, reason)
    assert len(shown["parameters"]) == 2


def test_template_of_which_the_values_are_not_known_is_not_usable() -> None:
    shown = template_json(made(BODY, TemplatePart("CAROUSEL")))
    assert (shown["usable"], shown["reason"], shown["parameters"]) == (False, "unknown", [])
    assert [each["type"] for each in shown["components"]] == ["body", "carousel"]
    assert (
        template_json(made(BODY, TemplatePart("CAROUSEL"), status="PAUSED"))["reason"] == "paused"
    )


def test_quality_that_was_not_told_is_null() -> None:
    shown = template_json(made(BODY))
    assert (shown["quality"], shown["category"]) == (None, None)


def test_list_has_the_time_of_the_answer_and_says_if_it_is_whole() -> None:
    at = datetime(2026, 11, 30, 8, tzinfo=UTC)
    shown = templates_json(StoredTemplates((made(BODY),), at, False))
    assert (shown["askedAt"], shown["complete"]) == (at, False)
    assert [each["name"] for each in shown["templates"]] == ["afspraak"]
    assert templates_json(StoredTemplates()) == {
        "askedAt": None,
        "complete": True,
        "templates": [],
    }


FILLED = {
    "text": "Ja",
    "action": {},
    "coupon_code": "250FF",
    "image": {"link": "https://x.example/a.png"},
    "location": {"latitude": 52.3, "longitude": 6.6, "name": "Stadhuis", "address": "Haven 1"},
}


@pytest.mark.parametrize(
    "part",
    [
        TemplatePart("HEADER", "IMAGE"),
        TemplatePart("HEADER", "LOCATION"),
        TemplatePart("HEADER", "TEXT", "Zaak {{zaak}}"),
        TemplatePart("BUTTONS", buttons=(URL,)),
        TemplatePart("BUTTONS", buttons=(TemplateButton("QUICK_REPLY", "Ja"), URL)),
        TemplatePart("BUTTONS", buttons=(TemplateButton("COPY_CODE", "K"),)),
        TemplatePart("BUTTONS", buttons=(TemplateButton("FLOW", "Vul in"),)),
    ],
)
def test_values_are_told_in_the_words_in_which_a_message_gives_them(part: TemplatePart) -> None:
    named = TemplatePart("BODY", text="Op {{dag}} om {{uur}}")
    components: dict[Any, dict[str, Any]] = {}
    for value in template_json(made(part, named))["parameters"]:
        type, place = value["type"], (value["component"], value["index"])
        empty = {"type": value["component"], "parameters": []}
        if value["index"] is not None:
            empty |= {"subType": value["subType"], "index": value["index"]}
        name = {"parameterName": value["parameterName"]} if value["parameterName"] else {}
        filled = {"type": type, type.replace("coupon_code", "couponCode"): FILLED[type]} | name
        components.setdefault(place, empty)["parameters"].append(filled)
    sent = {"name": "afspraak", "language": "nl", "components": list(components.values())}
    assert Template.model_validate_json(msgspec.json.encode(sent))
    assert len(required_values(made(part, named)) or ()) == 3
