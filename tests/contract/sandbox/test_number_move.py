"""The sandbox over real HTTP: a number at 360dialog, and one that moves there and back."""

import re
from typing import Any

import aiohttp

from sandbox.meta.webhook_payloads import Citizen
from services.config.providers import PROVIDERS, auth_headers, resource_url
from tests.support.sandbox_world import FROM, NUMBER, TEXT, TOKEN, World

KEY = auth_headers("360dialog", f"sandbox-d360-{NUMBER}")
MOVE = {
    "provider": "360dialog",
    "phoneNumberId": "306540352242924",
    "waba": "302290129340399",
    "portfolio": "almelo-2",
}


async def moved(sandbox: World, **changed: str) -> dict[str, Any]:
    path = f"/phone/numbers/{NUMBER}/_provider"
    status, number = await sandbox.ask("POST", path, json=MOVE | changed)
    assert status == 200, number
    found: dict[str, Any] = number
    return found


def messages() -> str:
    return resource_url("360dialog", "/d360", MOVE["phoneNumberId"], "messages")


async def test_a_number_at_the_bsp_sends_with_its_key_and_hears_of_it_as_the_bsp_signs(
    sandbox: World,
) -> None:
    await moved(sandbox)
    status, answer = await sandbox.ask("POST", messages(), json=TEXT, headers=KEY)
    assert status == 200
    await sandbox.services.until(2)
    assert sorted(sandbox.services.statuses()) == ["delivered", "sent"]
    assert {by for by, _ in sandbox.services.signed} == {"360dialog"}
    for value in sandbox.services.webhooks:
        assert value["metadata"]["phone_number_id"] == MOVE["phoneNumberId"]
        assert value["statuses"][0]["id"] == answer["messages"][0]["id"]
    _, received = await sandbox.ask("GET", "/phone/received")
    assert [(one["number"], one["provider"]) for one in received] == [(NUMBER, "360dialog")]


async def test_the_bsps_signature_is_one_that_we_read(sandbox: World) -> None:
    await moved(sandbox)
    await sandbox.ask("POST", "/phone/messages", json=FROM | {"text": "hoi"})
    ((_, signature),) = sandbox.services.signed
    assert re.fullmatch(r"[0-9a-f]{64}", signature)
    assert PROVIDERS["360dialog"].form.fullmatch(signature)


async def test_a_number_that_left_can_be_used_at_the_old_door_no_more(sandbox: World) -> None:
    assert (await sandbox.ask("POST", messages(), json=TEXT, headers=KEY))[0] == 401
    await moved(sandbox)
    status, answer = await sandbox.send()
    assert (status, answer["error"]["code"]) == (400, 133010)
    for headers in ({}, {"D360-API-KEY": "another"}, TOKEN):
        status, answer = await sandbox.ask("POST", messages(), json=TEXT, headers=headers)
        assert (status, answer["error"]["code"]) == (401, 190)


async def test_the_same_phone_is_another_user_in_another_portfolio(sandbox: World) -> None:
    said = FROM | {"text": "hoi"}
    _, before = await sandbox.ask("POST", "/phone/messages", json=said)
    await moved(sandbox)
    _, after = await sandbox.ask("POST", "/phone/messages", json=said)
    assert after["bsuid"] != before["bsuid"]
    old, new = sandbox.services.webhooks
    assert old["messages"][0]["from"] == new["messages"][0]["from"]
    assert new["messages"][0]["from_user_id"] == after["bsuid"]
    status, _ = await sandbox.ask(
        "POST", messages(), json=TEXT | {"to": None, "recipient": after["bsuid"]}, headers=KEY
    )
    assert status == 200
    status, answer = await sandbox.ask(
        "POST", messages(), json=TEXT | {"to": None, "recipient": before["bsuid"]}, headers=KEY
    )
    assert (status, answer["error"]["code"]) == (400, 131026)


async def test_a_number_that_was_given_out_anew_is_another_user_in_the_same_portfolio(
    sandbox: World,
) -> None:
    said = FROM | {"text": "hoi"}
    _, first = await sandbox.ask("POST", "/phone/messages", json=said)
    _, second = await sandbox.ask("POST", "/phone/messages", json=said | {"holder": 2})
    assert first["bsuid"] != second["bsuid"]
    await sandbox.send()
    told = (await sandbox.services.until(4))[-1]["statuses"][0]
    assert told["recipient_user_id"] == second["bsuid"]


async def test_what_was_on_its_way_comes_late_and_as_its_old_carrier_signs(sandbox: World) -> None:
    late = FROM | {"text": "laat", "late": 0.3}
    status, answer = await sandbox.ask("POST", "/phone/messages", json=late)
    assert (status, answer["accepted"]) == (202, False)
    await moved(sandbox)
    await sandbox.ask("POST", "/phone/messages", json=FROM | {"text": "nieuw"})
    values = await sandbox.services.until(2)
    assert [by for by, _ in sandbox.services.signed] == ["360dialog", "meta"]
    assert [value["metadata"]["phone_number_id"] for value in values] == [
        MOVE["phoneNumberId"],
        NUMBER,
    ]
    assert values[1]["messages"][0]["from_user_id"] == Citizen(FROM["from"]).bsuid


async def test_who_waits_hears_that_the_gateway_has_it_after_all(sandbox: World) -> None:
    sandbox.services.answers = [503]
    said = FROM | {"text": "hoi", "wait": 20}
    status, answer = await sandbox.ask("POST", "/phone/messages", json=said)
    assert (status, answer["accepted"]) == (200, True)
    assert len(sandbox.services.webhooks) == 1


async def test_media_is_passed_on_by_the_bsp_under_metas_host_to_be_replaced(
    sandbox: World,
) -> None:
    await moved(sandbox)
    fields = aiohttp.FormData({"messaging_product": "whatsapp", "type": "text/plain"})
    fields.add_field("file", b"hello", filename="a", content_type="text/plain")
    status, put = await sandbox.ask("POST", "/d360/media", data=fields, headers=KEY)
    assert status == 200
    status, about = await sandbox.ask("GET", f"/d360/{put['id']}", headers=KEY)
    assert (status, about["file_size"]) == (200, "5")
    host, path, query = about["url"].partition("/whatsapp_business/attachments/")
    assert host.startswith("https://")
    for root in ("", "/d360"):
        assert await sandbox.ask("GET", root + path + query, headers=KEY) == (200, "hello")
    assert (await sandbox.ask("GET", path + query))[0] == 401
    gone = f"/d360/{put['id']}"
    assert (await sandbox.ask("DELETE", gone, headers=KEY))[0] == 200
    assert (await sandbox.ask("GET", gone, headers=KEY))[0] == 400


async def test_a_move_that_cannot_be_is_refused_and_changes_nothing(sandbox: World) -> None:
    _, before = await sandbox.ask("GET", "/phone/numbers")
    for path, body, expected in (
        (f"/phone/numbers/{NUMBER}/_provider", {"provider": "telegram"}, 400),
        (f"/phone/numbers/{NUMBER}/_provider", {"provider": "meta", "wabs": "1"}, 400),
        ("/phone/numbers/5/_provider", MOVE, 404),
    ):
        assert (await sandbox.ask("POST", path, json=body))[0] == expected
    assert (await sandbox.ask("GET", "/phone/numbers"))[1] == before


async def test_a_number_can_come_back(sandbox: World) -> None:
    await moved(sandbox)
    back = await moved(sandbox, provider="meta", phoneNumberId=NUMBER)
    assert (back["provider"], back["phoneNumberId"]) == ("meta", NUMBER)
    assert (await sandbox.send())[0] == 200
