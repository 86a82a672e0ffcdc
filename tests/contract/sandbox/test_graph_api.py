"""The sandbox over HTTP: Meta's Graph API and the phones."""

import asyncio
from typing import Any

import aiohttp
import pytest

from tests.support.sandbox_world import (
    MESSAGES,
    NUMBER,
    TEXT,
    TOKEN,
    World,
    upload_form,
    world,
)


async def test_a_message_is_accepted_and_its_statuses_have_its_id_and_our_value(
    sandbox: World,
) -> None:
    status, answer = await sandbox.send()
    assert status == 200
    await sandbox.services.until(2)
    assert sorted(sandbox.services.statuses()) == ["delivered", "sent"]
    for value in sandbox.services.webhooks:
        entry = value["statuses"][0]
        assert entry["id"] == answer["messages"][0]["id"]
        assert entry["biz_opaque_callback_data"] == TEXT["biz_opaque_callback_data"]
    _, received = await sandbox.ask("GET", "/phone/received")
    assert [(m["n"], m["phone"], m["content"]) for m in received] == [
        (1, "31600000011", {"body": "Goedemorgen"})
    ]


async def send_to(sandbox: World, path: str, headers: dict[str, str], **options: Any) -> Any:
    status, answer = await sandbox.ask("POST", path, headers=headers, **options)
    return status, answer["error"]["code"]


@pytest.mark.parametrize(
    ("path", "headers", "options", "refusal"),
    [
        (MESSAGES, {}, {"json": TEXT}, (401, 190)),
        (MESSAGES, {"Authorization": "Bearer other"}, {"json": TEXT}, (401, 190)),
        ("/graph/v26.0/5/messages", TOKEN, {"json": TEXT}, (400, 100)),
        (MESSAGES, TOKEN, {"data": b"\xff{"}, (400, 100)),
        (MESSAGES, TOKEN, {"json": TEXT | {"to": "31600000011"}}, (400, 131009)),
        (MESSAGES, TOKEN, {"json": TEXT | {"to": "+31600130429"}}, (429, 130429)),
        (MESSAGES, TOKEN, {"json": TEXT | {"to": "+31600131000"}}, (500, 131000)),
    ],
)
async def test_a_message_is_refused_with_meta_s_code_and_reaches_no_phone(
    sandbox: World,
    path: str,
    headers: dict[str, str],
    options: dict[str, Any],
    refusal: tuple[int, int],
) -> None:
    assert await send_to(sandbox, path, headers, **options) == refusal
    assert (await sandbox.ask("GET", "/phone/summary"))[1]["count"] == 0


async def test_a_message_can_be_refused_twice_and_then_accepted(sandbox: World) -> None:
    answers = [(await sandbox.send(to="+31602130429"))[0] for _ in range(4)]
    assert answers == [429, 429, 200, 429]


async def test_a_message_whose_answer_is_lost_is_sent(sandbox: World) -> None:
    with pytest.raises(aiohttp.ClientError):
        await sandbox.send(to="+31600000499")
    await sandbox.services.until(2)
    assert sorted(sandbox.services.statuses()) == ["delivered", "sent"]


async def test_a_proxy_can_answer_in_html(sandbox: World) -> None:
    status, answer = await sandbox.send(to="+31600000502")
    assert status == 502 and "<html>" in answer


async def test_a_message_that_fails_later_has_its_error_in_its_status(sandbox: World) -> None:
    assert (await sandbox.send(to="+31601131047"))[0] == 200
    (value,) = await sandbox.services.until(1)
    assert value["statuses"][0]["errors"][0]["code"] == 131047
    assert "recipient_user_id" not in value["statuses"][0]


async def test_a_message_without_an_answer_is_not_sent(sandbox: World) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await sandbox.send(to="+31600000408")
    assert (await sandbox.ask("GET", "/phone/summary"))[1]["count"] == 0


async def test_the_46th_message_to_a_citizen_is_refused_with_limits() -> None:
    async with world(limits=True) as sandbox:
        codes = [(await sandbox.send())[0] for _ in range(46)]
    assert codes == [200] * 45 + [400]


async def test_the_status_read_comes_when_the_citizen_reads_the_chat(sandbox: World) -> None:
    await sandbox.send()
    await sandbox.services.until(2)
    chat = {"number": NUMBER, "phone": "31600000011"}
    for read in (1, 0):
        assert await sandbox.ask("POST", "/phone/read", json=chat) == (200, {"read": read})
    await sandbox.services.until(3)
    assert sandbox.services.statuses()[-1] == "read"


async def test_a_message_to_a_bsuid_reaches_a_citizen_who_hides_the_number(sandbox: World) -> None:
    await sandbox.write(hidden=True, text="hoi")
    incoming = sandbox.services.webhooks[0]["messages"][0]
    assert "from" not in incoming
    status, answer = await sandbox.send(to=None, recipient=incoming["from_user_id"])
    assert (status, answer["contacts"][0]["user_id"]) == (200, incoming["from_user_id"])
    entry = (await sandbox.services.until(3))[-1]["statuses"][0]
    assert entry["recipient_user_id"] == incoming["from_user_id"]
    assert "recipient_id" not in entry


@pytest.mark.slow
async def test_a_webhook_is_repeated_until_the_gateway_answers_200(sandbox: World) -> None:
    sandbox.services.answers = [503, 204]
    status, sent = await sandbox.write(text="hoi")
    assert (status, sent["accepted"], sent["gateway"]) == (202, False, 503)
    (value,) = await sandbox.services.until(1)
    assert value["messages"][0]["id"] == sent["wamid"]
    _, summary = await sandbox.ask("GET", "/phone/summary")
    assert summary["webhooks"] == {"posted": 3, "accepted": 1, "refused": 2, "givenUp": 0}


async def test_copies_of_a_webhook_are_posted_at_the_same_time(sandbox: World) -> None:
    await sandbox.write(text="hoi", copies=3)
    values = await sandbox.services.until(3)
    assert values[0] == values[1] == values[2]


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ({"kind": "image", "text": "kijk"}, "image"),
        ({"kind": "location"}, "location"),
        ({"kind": "reaction", "about": "wamid.X", "emoji": "👍"}, "reaction"),
        ({"kind": "choice", "about": "wamid.X", "row": "a", "text": "Afval"}, "interactive"),
    ],
)
async def test_a_phone_sends_more_than_text(
    sandbox: World, message: dict[str, Any], kind: str
) -> None:
    assert (await sandbox.write(**message))[0] == 200
    assert sandbox.services.webhooks[0]["messages"][0]["type"] == kind


@pytest.mark.parametrize(
    "message",
    [
        {"text": " "},
        {"text": "hoi", "number": "5"},
        {"text": "hoi", "tekst": "hoi"},
        {"kind": "image", "media": "5"},
        {"kind": "image", "sample": "kat"},
    ],
)
async def test_a_message_that_no_phone_could_send_is_refused_and_not_posted(
    sandbox: World, message: dict[str, Any]
) -> None:
    status, answer = await sandbox.write(**message)
    assert (status, answer["status"]) == (400, 400)
    assert sandbox.services.webhooks == []


async def test_a_photo_is_downloaded_for_a_few_minutes_with_the_token(sandbox: World) -> None:
    await sandbox.write(kind="image")
    image = sandbox.services.webhooks[0]["messages"][0]["image"]
    status, about = await sandbox.ask("GET", f"/graph/v26.0/{image['id']}", headers=TOKEN)
    assert (status, about["mime_type"]) == (200, "image/png")
    async with sandbox.http.get(about["url"], headers=TOKEN) as answer:
        content = await answer.read()
    assert (len(content), content[:4]) == (int(about["file_size"]), b"\x89PNG")
    expired = about["url"].partition("?")[0] + "?ext=5"
    for url, headers, status in ((about["url"], {}, 401), (expired, TOKEN, 404)):
        async with sandbox.http.get(url, headers=headers) as answer:
            assert answer.status == status


async def test_media_is_uploaded_checked_and_removed(sandbox: World) -> None:
    path = f"/graph/v26.0/{NUMBER}/media"
    status, answer = await sandbox.ask("POST", path, data=upload_form(), headers=TOKEN)
    assert status == 200
    medium = f"/graph/v26.0/{answer['id']}"
    assert await sandbox.ask("DELETE", medium, headers=TOKEN) == (200, {"success": True})
    assert (await sandbox.ask("GET", medium, headers=TOKEN))[0] == 400
    for kind, content in (("image/gif", b"x"), ("image/webp", bytes(600_000))):
        form = upload_form(kind, content)
        assert await send_to(sandbox, path, TOKEN, data=form) == (400, 131053)


async def test_a_read_receipt_is_accepted(sandbox: World) -> None:
    receipt = {"messaging_product": "whatsapp", "status": "read", "message_id": "wamid.X"}
    answer = await sandbox.ask("POST", MESSAGES, json=receipt, headers=TOKEN)
    assert answer == (200, {"success": True})


async def test_direct_send_goes_after_the_24_hours_where_the_account_is_let_in(
    sandbox: World,
) -> None:
    late = {"to": "+31602131047", "category": "utility"}
    for state, refusal in (("not_enabled", (400, 100)), ("blocked", (400, 139200))):
        health = {"json": {"directSend": state}}
        await sandbox.ask("POST", f"/phone/numbers/{NUMBER}/_health", **health)
        assert await send_to(sandbox, MESSAGES, TOKEN, json=TEXT | late) == refusal
    health = {"json": {"directSend": "enabled"}}
    await sandbox.ask("POST", f"/phone/numbers/{NUMBER}/_health", **health)
    assert (await sandbox.send(**late))[0] == 200
    entries = [value["statuses"][0] for value in await sandbox.services.until(2)]
    assert {entry["pricing"]["category"] for entry in entries} == {"utility"}
    [template] = {entry["template_id"] for entry in entries}
    assert template.isdecimal()
