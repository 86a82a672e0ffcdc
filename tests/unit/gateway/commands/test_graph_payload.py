"""Meta gets the payload of an order, and the record keeps its words."""

import json
from typing import Any
from uuid import UUID

import pytest

from gateway.api_docs import examples
from gateway.commands.graph_payload import (
    UploadReference,
    disclosure_faults,
    graph_payload,
    link_pointer,
    upload_of,
)
from gateway.commands.plain_text import plain_text_of
from sandbox.meta.send_validation import Send, validate
from services.api.json_body import FieldError
from services.ids import CONVERSATION
from tests.support.gateway.commands import message
from tests.support.gateway.sent_payload import as_sent

DISCLOSURE = "Dit antwoord is automatisch gemaakt."
AUTOMATED = {"author": {"kind": "automated", "id": "assistent"}}


def content(name: str, disclosure: str = "", **members: Any) -> Any:
    return json.loads(graph_payload(message(name, **members), disclosure))


@pytest.mark.parametrize("name", examples.MESSAGES)
def test_every_content_is_what_meta_checks(name: str) -> None:
    checked = validate(as_sent(content(name)))
    assert isinstance(checked, Send), checked


def test_a_content_is_its_type_and_what_stands_under_it() -> None:
    assert content("quote") == {
        "type": "text",
        "text": {"body": "Dat kan: https://www.almelo.nl/afspraak", "preview_url": True},
    }
    assert content("reaction") == {"type": "reaction", "reaction": {"emoji": "👍"}}
    assert content("photo") == {
        "type": "image",
        "image": {"link": "https://www.almelo.nl/plattegrond.png"},
    }
    assert content("location")["location"] == {
        "latitude": "52.3567000",
        "longitude": "6.6625000",
        "name": "Stadhuis",
        "address": "Haven Zuidzijde 30, Almelo",
    }


def test_buttons_and_lists_are_in_metas_form() -> None:
    assert content("buttons")["interactive"] == {
        "type": "button",
        "body": {"text": "Is uw vraag beantwoord?"},
        "action": {
            "buttons": [
                {"type": "reply", "reply": {"id": "ja", "title": "Ja"}},
                {"type": "reply", "reply": {"id": "nee", "title": "Nee"}},
            ]
        },
    }
    header = {"kind": "text", "text": "Keuze"}
    given = examples.MESSAGES["list"]["interactive"] | {"header": header, "footer": "Of typ"}
    made = content("list", interactive=given)["interactive"]
    assert made["header"] == {"type": "text", "text": "Keuze"}
    assert made["footer"] == {"text": "Of typ"}
    assert made["action"]["button"] == "Kies onderwerp"
    assert made["action"]["sections"][0]["rows"][1] == {
        "id": "anders",
        "title": "Iets anders, medewerker",
    }


def test_interactive_payload_names_its_type() -> None:
    made = {
        name: content(name)["interactive"]
        for name in ("link", "askLocation", "askPhoneNumber", "flow")
    }
    assert {name: one["type"] for name, one in made.items()} == {
        "link": "cta_url",
        "askLocation": "location_request_message",
        "askPhoneNumber": "request_contact_info",
        "flow": "flow",
    }
    assert made["flow"]["action"] == {
        "name": "flow",
        "parameters": {
            "flow_message_version": "3",
            "flow_id": "1003383421387256",
            "flow_cta": "Doe een melding",
            "mode": "published",
            "flow_action": "navigate",
            "flow_action_payload": {"screen": "MELDING", "data": {"soort": "container"}},
        },
    }


def test_a_flow_without_a_screen_asks_its_own_server() -> None:
    given = {"kind": "flow", "body": "x", "flowId": "1", "button": "x", "draft": True}
    parameters = content("flow", interactive=given)["interactive"]["action"]["parameters"]
    assert parameters["flow_action"] == "data_exchange"
    assert parameters["mode"] == "draft"
    assert "flow_action_payload" not in parameters


def test_a_template_has_its_language_and_its_parameters_in_metas_names() -> None:
    amount = {"fallbackValue": "€ 1", "code": "EUR", "amount1000": 1000}
    named = {"type": "currency", "currency": amount, "parameterName": "bedrag"}
    components = [
        {"type": "header", "parameters": [{"type": "text", "text": "Almelo"}]},
        {"type": "body", "parameters": [named]},
        examples.MESSAGES["template"]["template"]["components"][1],
    ]
    given = {"name": "rekening", "language": "nl", "components": components}
    made = content("template", template=given)["template"]
    assert made["language"] == {"policy": "deterministic", "code": "nl"}
    assert made["components"] == [
        {"type": "header", "parameters": [{"type": "text", "text": "Almelo"}]},
        {
            "type": "body",
            "parameters": [
                {
                    "type": "currency",
                    "currency": {"fallback_value": "€ 1", "code": "EUR", "amount_1000": 1000},
                    "parameter_name": "bedrag",
                }
            ],
        },
        {
            "type": "button",
            "sub_type": "quick_reply",
            "index": "0",
            "parameters": [{"type": "payload", "payload": "ja"}],
        },
    ]


def test_a_template_without_parameters_has_no_components() -> None:
    given = {"name": "welkom", "language": "en_US"}
    assert content("template", template=given)["template"].keys() == {"name", "language"}


HEADER = {"kind": "document", "id": examples.UPLOAD}
PARAMETER = {"type": "document", "document": {"id": examples.UPLOAD, "filename": "a.pdf"}}
WITH_HEADER = {
    "interactive": examples.MESSAGES["buttons"]["interactive"] | {"header": HEADER},
}
WITH_PARAMETER = {
    "template": {
        "name": "besluit",
        "language": "nl",
        "components": [{"type": "header", "parameters": [PARAMETER]}],
    }
}
UPLOADS: list[tuple[str, dict[str, Any], str, str, Any]] = [
    (
        "upload",
        {},
        "/media/id",
        "besluit.pdf",
        {"document": {"caption": "Het besluit", "filename": "besluit.pdf"}},
    ),
    ("buttons", WITH_HEADER, "/interactive/header/id", "", {"type": "document", "document": {}}),
    (
        "template",
        WITH_PARAMETER,
        "/template/components/0/parameters/0/document/id",
        "a.pdf",
        {"type": "document", "document": {"filename": "a.pdf"}},
    ),
]


@pytest.mark.parametrize(
    ("name", "members", "pointer", "filename", "place"), UPLOADS, ids=lambda one: str(one)[:9]
)
def test_an_upload_has_its_place_without_an_id(
    name: str, members: dict[str, Any], pointer: str, filename: str, place: Any
) -> None:
    upload = upload_of(message(name, **members))
    assert upload == UploadReference(UUID(examples.UPLOAD), "document", pointer, filename)
    text = graph_payload(message(name, **members)).decode()
    assert examples.UPLOAD not in text
    assert json.dumps(place, separators=(",", ":"), ensure_ascii=False)[1:-1] in text


def test_citizen_gets_a_file_under_a_harmless_name() -> None:
    named = examples.MESSAGES["upload"]["media"] | {"filename": "brief\u202efdp.exe"}
    template = json.loads(json.dumps(WITH_PARAMETER))
    [header] = template["template"]["components"]
    header["parameters"][0]["document"]["filename"] = "brief\u202efdp.exe"
    assert content("upload", media=named)["document"]["filename"] == "brieffdp_exe"
    assert "brieffdp_exe" in graph_payload(message("template", **template)).decode()


def test_a_file_that_is_elsewhere_is_found_where_an_upload_would_be() -> None:
    def linked(members: dict[str, Any]) -> Any:
        upload, link = f'"id": "{examples.UPLOAD}"', '"link": "https://www.almelo.nl/a.pdf"'
        return json.loads(json.dumps(members).replace(upload, link))

    assert link_pointer(message("photo")) == "/media/link"
    assert link_pointer(message("buttons", **linked(WITH_HEADER))) == "/interactive/header/link"
    parameter = "/template/components/0/parameters/0/document/link"
    assert link_pointer(message("template", **linked(WITH_PARAMETER))) == parameter
    for name in examples.MESSAGES.keys() - {"photo"}:
        assert link_pointer(message(name)) == "", name


def test_message_with_a_link_or_without_a_file_has_no_upload() -> None:
    for name in examples.MESSAGES.keys() - {"upload"}:
        assert upload_of(message(name)) is None, name


@pytest.mark.parametrize("name", examples.MESSAGES)
def test_payload_names_no_recipient_and_no_author(name: str) -> None:
    text = graph_payload(message(name)).decode()
    for told in (examples.CONVERSATION, "31600000011", "s.jansen", examples.MESSAGE):
        assert told not in text
    assert not CONVERSATION.search(text)


DISCLOSED = {
    "text": "/text/body",
    "upload": "/media/caption",
    "buttons": "/interactive/body",
    "list": "/interactive/body",
    "link": "/interactive/body",
    "askLocation": "/interactive/body",
    "askPhoneNumber": "/interactive/body",
    "flow": "/interactive/body",
    "quote": "/text/body",
    "automated": "/text/body",
}
"""Place of the disclosure under the words."""
ALONE = {"photo"}
"""A file without words: the disclosure is all that stands under it."""


@pytest.mark.parametrize("name", examples.MESSAGES)
def test_an_automated_answer_says_so_under_its_words_where_words_can_stand(name: str) -> None:
    automated = message(name, **AUTOMATED)
    said = json.dumps(content(name, DISCLOSURE, **AUTOMATED))
    assert said.count(rf"\n\n{DISCLOSURE}") == (name in DISCLOSED)
    assert said.count(f'"{DISCLOSURE}"') == (name in ALONE)
    assert (DISCLOSURE in plain_text_of(automated, DISCLOSURE)) == (
        name in DISCLOSED.keys() | ALONE
    )
    assert DISCLOSURE not in plain_text_of(automated)


@pytest.mark.parametrize("name", DISCLOSED)
def test_message_of_an_employee_has_no_disclosure(name: str) -> None:
    by_a_person = {"author": examples.EMPLOYEE}
    assert content(name, DISCLOSURE, **by_a_person) == content(name, **by_a_person)
    assert disclosure_faults(message(name, **by_a_person), DISCLOSURE * 1000) == []


@pytest.mark.parametrize(("name", "pointer"), DISCLOSED.items())
def test_disclosure_that_makes_a_text_too_long_is_a_fault_of_the_text(
    name: str, pointer: str
) -> None:
    most = 4096 if pointer == "/text/body" else 1024
    automated = message(name, **AUTOMATED)
    found = disclosure_faults(automated, "x" * most)
    detail = f"is over {most} characters with the disclosure of automated answers under it"
    assert found == [FieldError(pointer, detail)]
    assert disclosure_faults(automated, DISCLOSURE) == []


def test_the_disclosure_may_fill_the_words_to_the_last_character() -> None:
    full = {"text": {"body": "x" * (4096 - 2 - 10)}}
    assert disclosure_faults(message("text", **AUTOMATED, **full), "y" * 10) == []
    assert disclosure_faults(message("text", **AUTOMATED, **full), "y" * 11) != []


WORDS = {
    "text": "Uw paspoort ligt klaar. U kunt het morgen ophalen.",
    "template": "antwoord_klaar (nl)\n3 december",
    "buttons": "Is uw vraag beantwoord?\n[Ja]\n[Nee]",
    "list": (
        "Waarover gaat uw vraag?\n[Kies onderwerp]\nAfval en straat: Containers\n"
        "Iets anders, medewerker"
    ),
    "link": "U kunt online een afspraak maken.\n[Maak een afspraak] https://www.almelo.nl/afspraak",
    "askLocation": "Waar staat de container?",
    "flow": "Wilt u een melding doen?\n[Doe een melding]",
    "upload": "besluit.pdf\nHet besluit",
    "photo": "",
    "reaction": "👍",
    "location": "Stadhuis\nHaven Zuidzijde 30, Almelo\n52.3567000, 6.6625000",
    "contacts": "Gemeente Almelo, +31 546 541111",
}


@pytest.mark.parametrize(("name", "words"), WORDS.items())
def test_the_record_keeps_the_words_that_a_person_reads(name: str, words: str) -> None:
    assert plain_text_of(message(name)) == words
