"""Templates of the sandbox's Meta, as the deliverer asks for them and as a message uses them."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from deliverer.meta.accounts import Account
from deliverer.meta.health.finding import Finding
from deliverer.meta.templates import template_query
from deliverer.meta.templates.template_page import ANSWER_BYTES, TemplateList
from deliverer.meta.templates.template_query import list_templates
from deliverer.transport.http_client import HttpClient, http_client
from sandbox.meta.message_templates import TEMPLATES
from services.whatsapp.templates import APPROVED, required_values
from tests.support.sandbox_world import NUMBER, TOKEN, World

WABA = "206540352242922"
"""Account that the sandbox makes up for the number."""
CHANGE = f"/phone/numbers/{NUMBER}/_template"
NAMES = {(each["name"], each["language"]) for each in TEMPLATES}


@pytest.fixture
async def client() -> AsyncIterator[HttpClient]:
    async with http_client(1, 5.0, answer_bytes=ANSWER_BYTES) as client:
        yield client


def account(sandbox: World, **changed: Any) -> Account:
    made = Account(
        name="", number=NUMBER, tenant="", messages_url="", media_url="", per_second=80,
        headers=TOKEN, graph_url=f"{sandbox.url}/graph/v26.0", meta_id=NUMBER, waba=WABA,
    )  # fmt: skip
    return msgspec.structs.replace(made, **changed)


async def listed(sandbox: World, client: HttpClient, **changed: Any) -> TemplateList:
    found = await list_templates(account(sandbox, **changed), client)
    assert isinstance(found, TemplateList), found
    return found


async def test_every_template_is_listed_with_the_values_that_it_needs(
    sandbox: World, client: HttpClient
) -> None:
    found = await listed(sandbox, client)
    assert found.is_complete and found.templates.keys() == NAMES
    assert {len(required_values(each) or ()) for each in found.templates.values()} == {0, 1, 2}
    reminder = found.templates["afspraak_herinnering", "nl"]
    assert [each.example for each in required_values(reminder) or ()] == [
        "donderdag 3 december", "10.15 uur",
    ]  # fmt: skip
    statuses = {each.status for each in found.templates.values()}
    assert statuses == {APPROVED, "PAUSED", "PENDING", "REJECTED"}
    assert found.templates["markt_verplaatst", "nl"].quality == "RED"


async def test_list_of_several_pages_is_whole(
    sandbox: World, client: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_page = await listed(sandbox, client)
    monkeypatch.setattr("deliverer.meta.templates.template_page.PAGE_TEMPLATES", 2)
    assert await listed(sandbox, client) == one_page


async def test_list_longer_than_its_bound_is_not_whole(
    sandbox: World, client: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deliverer.meta.templates.template_page.PAGE_TEMPLATES", 2)
    monkeypatch.setattr(template_query, "MAX_PAGES", 2)
    found = await listed(sandbox, client)
    assert len(found.templates) == 4 and not found.is_complete


async def test_account_that_is_not_configured_is_asked_for(
    sandbox: World, client: HttpClient
) -> None:
    found = await listed(sandbox, client, waba="")
    assert found.account == WABA and found.templates.keys() == NAMES


async def test_bsp_lists_the_templates_of_the_account_of_the_key(
    sandbox: World, client: HttpClient
) -> None:
    move = {"provider": "360dialog", "key": "k"}
    await sandbox.ask("POST", f"/phone/numbers/{NUMBER}/_provider", json=move)
    bsp: dict[str, Any] = {
        "provider": "360dialog",
        "graph_url": f"{sandbox.url}/d360",
        "headers": {"D360-API-KEY": "k"},
        "waba": "",
    }
    assert (await listed(sandbox, client, **bsp)).templates.keys() == NAMES
    other = account(sandbox, **bsp | {"headers": {"D360-API-KEY": "another"}})
    refused = await list_templates(other, client)
    assert isinstance(refused, Finding) and "code 190" in refused.detail


async def test_refusal_is_a_finding_and_no_answer_is_none(
    sandbox: World, client: HttpClient
) -> None:
    scopes = {"scopes": ["whatsapp_business_messaging"]}
    await sandbox.ask("POST", "/phone/token/_health", json=scopes)
    refused = await list_templates(account(sandbox), client)
    assert isinstance(refused, Finding) and "whatsapp_business_management" in refused.detail
    gone = account(sandbox, graph_url="http://127.0.0.1:9/graph/v26.0")
    assert await list_templates(gone, client) is None
    assert await list_templates(msgspec.structs.replace(gone, waba=""), client) is None


async def test_unknown_account_place_number_and_field_are_refused(sandbox: World) -> None:
    own = f"{WABA}/message_templates"
    for path in ("5/message_templates", f"{own}?after=x", f"{own}?limit=0", f"{own}?fields=odd"):
        status, answer = await sandbox.ask("GET", f"/graph/v26.0/{path}", headers=TOKEN)
        assert (status, answer["error"]["code"]) == (400, 100), path


async def test_template_that_changes_is_reported_as_meta_does(
    sandbox: World, client: HttpClient
) -> None:
    change = {"name": "antwoord", "status": "PAUSED", "quality": "RED"}
    assert (await sandbox.ask("POST", CHANGE, json=change))[0] == 200
    notices = await sandbox.services.until(2)
    [status] = [each for each in notices if "event" in each]
    [quality] = [each for each in notices if "new_quality_score" in each]
    assert (status["event"], status["message_template_name"]) == ("PAUSED", "antwoord")
    scores = quality["previous_quality_score"], quality["new_quality_score"]
    assert scores == ("GREEN", "RED")
    changed = (await listed(sandbox, client)).templates["antwoord", "nl"]
    assert (changed.status, changed.quality) == ("PAUSED", "RED")
    for odd in ({"name": "geen"}, {"name": "antwoord", "odd": 1}):
        assert (await sandbox.ask("POST", CHANGE, json=odd))[0] == 400
    elsewhere = CHANGE.replace(NUMBER, "9")
    assert (await sandbox.ask("POST", elsewhere, json=change))[0] == 404


def sent(name: str, *components: dict[str, Any], language: str = "nl") -> dict[str, Any]:
    template = {"name": name, "language": {"code": language}, "components": list(components)}
    return {"type": "template", "template": template}


def filled(kind: str, *values: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": kind, "parameters": list(values)} | more


A, B = ({"type": "text", "text": text} for text in ("3 december", "10 uur"))
NAMED_A, NAMED_B = A | {"parameter_name": "zaaknummer"}, B | {"parameter_name": "status"}
FILE = {"type": "document", "document": {"link": "https://x.example/a.pdf"}}
BUTTON = filled("button", A, sub_type="url", index="0")


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (sent("a_name_of_an_example"), 0),
        (sent("schrijf_terug"), 0),
        (sent("schrijf_terug", language="en"), 0),
        (sent("schrijf_terug", language="de"), 132001),
        (sent("schrijf_terug", filled("body", A)), 132000),
        (sent("antwoord", filled("body", A)), 0),
        (sent("antwoord"), 132000),
        (sent("afspraak_herinnering", filled("body", A, B)), 0),
        (sent("afspraak_herinnering", filled("body", A)), 132000),
        (sent("afspraak_herinnering", filled("header", A), filled("body", A, B)), 132000),
        (sent("besluit_klaar", filled("header", FILE), BUTTON), 0),
        (sent("besluit_klaar", filled("header", FILE)), 131008),
        (sent("besluit_klaar", filled("header", A), BUTTON), 132012),
        (sent("besluit_klaar", filled("header", FILE), BUTTON, BUTTON | {"index": "1"}), 100),
        (sent("aanvraag_bijgewerkt", filled("body", NAMED_B, NAMED_A)), 0),
        (sent("aanvraag_bijgewerkt", filled("body", A, B)), 132012),
        (sent("markt_verplaatst"), 132015),
        (sent("melding_klaar", filled("body", A)), 132001),
        (sent("aanslag_klaar", filled("body", A, B)), 132001),
    ],
)  # fmt: skip
async def test_message_is_accepted_only_with_a_template_that_it_fits(
    sandbox: World, message: dict[str, Any], code: int
) -> None:
    status, answer = await sandbox.send(**message)
    assert answer.get("error", {}).get("code", 0) == code
    assert (status == 200) is (code == 0)


async def test_template_that_meta_disables_is_refused_with_its_own_error(sandbox: World) -> None:
    await sandbox.ask("POST", CHANGE, json={"name": "schrijf_terug", "status": "DISABLED"})
    assert (await sandbox.send(**sent("schrijf_terug")))[1]["error"]["code"] == 132016
    assert (await sandbox.send(**sent("schrijf_terug", language="en")))[0] == 200
