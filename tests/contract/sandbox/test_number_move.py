"""The sandbox over HTTP: a number at 360dialog, and one that moves there and back."""

import re
from typing import Any

import pytest

from sandbox.meta.webhook_payloads import Citizen
from services.config.providers import PROVIDERS, auth_headers, resource_url
from tests.support.sandbox_world import FROM, NUMBER, TEXT, TOKEN, World, upload_form

KEY = auth_headers("360dialog", f"sandbox-d360-{NUMBER}")
MOVE = {
    "provider": "360dialog",
    "phoneNumberId": "306540352242924",
    "waba": "302290129340399",
    "portfolio": "almelo-2",
}
MESSAGES = resource_url("360dialog", "/d360", MOVE["phoneNumberId"], "messages")


async def move(sandbox: World, **changed: str) -> dict[str, Any]:
    path = f"/phone/numbers/{NUMBER}/_provider"
    status, number = await sandbox.ask("POST", path, json=MOVE | changed)
    assert status == 200, number
    found: dict[str, Any] = number
    return found


async def send_at_bsp(sandbox: World, headers: dict[str, str] = KEY, **changed: Any) -> Any:
    return await sandbox.ask("POST", MESSAGES, json=TEXT | changed, headers=headers)


async def test_a_number_at_the_bsp_sends_with_its_key_and_the_bsp_signs_its_statuses(
    sandbox: World,
) -> None:
    await move(sandbox)
    status, answer = await send_at_bsp(sandbox)
    assert status == 200
    await sandbox.services.until(2)
    assert sorted(sandbox.services.statuses()) == ["delivered", "sent"]
    for (carrier, signature), value in zip(
        sandbox.services.signed, sandbox.services.webhooks, strict=True
    ):
        assert carrier == "360dialog"
        assert re.fullmatch(r"[0-9a-f]{64}", signature)
        assert PROVIDERS["360dialog"].form.fullmatch(signature)
        assert value["metadata"]["phone_number_id"] == MOVE["phoneNumberId"]
        assert value["statuses"][0]["id"] == answer["messages"][0]["id"]
    _, received = await sandbox.ask("GET", "/phone/received")
    assert [(one["number"], one["provider"]) for one in received] == [(NUMBER, "360dialog")]


async def test_a_number_sends_only_at_its_present_carrier(sandbox: World) -> None:
    assert (await send_at_bsp(sandbox))[0] == 401
    await move(sandbox)
    status, answer = await sandbox.send()
    assert (status, answer["error"]["code"]) == (400, 133010)
    for headers in ({}, {"D360-API-KEY": "another"}, TOKEN):
        status, answer = await send_at_bsp(sandbox, headers)
        assert (status, answer["error"]["code"]) == (401, 190)
    back = await move(sandbox, provider="meta", phoneNumberId=NUMBER)
    assert (back["provider"], back["phoneNumberId"]) == ("meta", NUMBER)
    assert (await sandbox.send())[0] == 200


async def test_a_phone_is_another_user_in_another_portfolio(sandbox: World) -> None:
    _, before = await sandbox.write(text="hoi")
    await move(sandbox)
    _, after = await sandbox.write(text="hoi")
    assert after["bsuid"] != before["bsuid"]
    old, new = sandbox.services.webhooks
    assert old["messages"][0]["from"] == new["messages"][0]["from"]
    assert new["messages"][0]["from_user_id"] == after["bsuid"]
    assert (await send_at_bsp(sandbox, to=None, recipient=after["bsuid"]))[0] == 200
    status, answer = await send_at_bsp(sandbox, to=None, recipient=before["bsuid"])
    assert (status, answer["error"]["code"]) == (400, 131026)


async def test_the_next_holder_of_a_phone_number_is_another_user(sandbox: World) -> None:
    _, first = await sandbox.write(text="hoi")
    _, second = await sandbox.write(text="hoi", holder=2)
    assert first["bsuid"] != second["bsuid"]
    await sandbox.send()
    entry = (await sandbox.services.until(4))[-1]["statuses"][0]
    assert entry["recipient_user_id"] == second["bsuid"]


async def test_a_late_message_is_posted_by_the_carrier_that_the_number_had(sandbox: World) -> None:
    status, answer = await sandbox.write(text="laat", late=0.3)
    assert (status, answer["accepted"]) == (202, False)
    await move(sandbox)
    await sandbox.write(text="nieuw")
    values = await sandbox.services.until(2)
    assert [carrier for carrier, _ in sandbox.services.signed] == ["360dialog", "meta"]
    ids = [value["metadata"]["phone_number_id"] for value in values]
    assert ids == [MOVE["phoneNumberId"], NUMBER]
    assert values[1]["messages"][0]["from_user_id"] == Citizen(FROM["from"]).bsuid


async def test_a_sender_that_waits_learns_that_a_repeat_was_accepted(sandbox: World) -> None:
    sandbox.services.answers = [503]
    status, answer = await sandbox.write(text="hoi", wait=20)
    assert (status, answer["accepted"]) == (200, True)
    assert len(sandbox.services.webhooks) == 1


async def test_media_at_the_bsp_has_an_address_whose_host_is_to_be_replaced(sandbox: World) -> None:
    await move(sandbox)
    status, uploaded = await sandbox.ask("POST", "/d360/media", data=upload_form(), headers=KEY)
    assert status == 200
    medium = f"/d360/{uploaded['id']}"
    status, about = await sandbox.ask("GET", medium, headers=KEY)
    assert (status, about["file_size"]) == (200, "5")
    host, path, query = about["url"].partition("/whatsapp_business/attachments/")
    assert host.startswith("https://")
    for root in ("", "/d360"):
        assert await sandbox.ask("GET", root + path + query, headers=KEY) == (200, "hello")
    assert (await sandbox.ask("GET", path + query))[0] == 401
    assert (await sandbox.ask("DELETE", medium, headers=KEY))[0] == 200
    assert (await sandbox.ask("GET", medium, headers=KEY))[0] == 400


@pytest.mark.parametrize(
    ("id", "body", "status"),
    [
        (NUMBER, {"provider": "telegram"}, 400),
        (NUMBER, {"provider": "meta", "wabs": "1"}, 400),
        ("5", MOVE, 404),
    ],
)
async def test_an_impossible_move_is_refused_and_changes_nothing(
    sandbox: World, id: str, body: dict[str, str], status: int
) -> None:
    _, before = await sandbox.ask("GET", "/phone/numbers")
    assert (await sandbox.ask("POST", f"/phone/numbers/{id}/_provider", json=body))[0] == status
    assert (await sandbox.ask("GET", "/phone/numbers"))[1] == before
