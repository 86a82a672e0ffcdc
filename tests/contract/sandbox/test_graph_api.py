"""The sandbox over real HTTP: Meta's Graph API and the telephones."""

import asyncio
from typing import Any

import aiohttp
import pytest

from tests.support.sandbox_world import (
    FROM,
    NUMBER,
    TEXT,
    TOKEN,
    World,
    world,
)


async def test_a_message_is_accepted_and_its_statuses_come_signed_with_our_value(
    sandbox: World,
) -> None:
    status, answer = await sandbox.send()
    assert status == 200
    await sandbox.services.until(2)
    assert sorted(sandbox.services.statuses()) == ["delivered", "sent"]
    for value in sandbox.services.webhooks:
        told = value["statuses"][0]
        assert told["id"] == answer["messages"][0]["id"]
        assert told["biz_opaque_callback_data"] == TEXT["biz_opaque_callback_data"]
    _, received = await sandbox.ask("GET", "/phone/received")
    assert [(m["n"], m["phone"], m["content"]) for m in received] == [
        (1, "31600000011", {"body": "Goedemorgen"})
    ]


@pytest.mark.parametrize("token", [{}, {"Authorization": "Bearer other"}])
async def test_without_the_right_token_meta_answers_190(
    sandbox: World, token: dict[str, str]
) -> None:
    path = f"/graph/v26.0/{NUMBER}/messages"
    status, answer = await sandbox.ask("POST", path, json=TEXT, headers=token)
    assert (status, answer["error"]["code"]) == (401, 190)


async def test_what_meta_would_refuse_is_refused(sandbox: World) -> None:
    assert (await sandbox.send(to="31600000011"))[1]["error"]["code"] == 131009
    unknown = await sandbox.ask("POST", "/graph/v26.0/5/messages", json=TEXT, headers=TOKEN)
    assert unknown[1]["error"]["code"] == 100
    path = f"/graph/v26.0/{NUMBER}/messages"
    broken = await sandbox.ask("POST", path, data=b"\xff{", headers=TOKEN)
    assert (broken[0], broken[1]["error"]["code"]) == (400, 100)


@pytest.mark.parametrize(
    ("number", "status", "code"),
    [
        ("31600131047", 400, 131047),
        ("31600131026", 400, 131026),
        ("31600130429", 429, 130429),
        ("31600131056", 400, 131056),
        ("31600131000", 500, 131000),
        ("31600000190", 401, 190),
        ("31600131031", 403, 131031),
    ],
)
async def test_a_magic_number_is_refused_with_the_code_that_it_holds(
    sandbox: World, number: str, status: int, code: int
) -> None:
    answered, answer = await sandbox.send(to=f"+{number}")
    assert (answered, answer["error"]["code"]) == (status, code)
    assert (await sandbox.ask("GET", "/phone/summary"))[1]["count"] == 0


async def test_a_message_may_be_refused_twice_and_then_taken(sandbox: World) -> None:
    answers = [(await sandbox.send(to="+31602130429"))[0] for _ in range(4)]
    assert answers == [429, 429, 200, 429]


async def test_a_lost_answer_is_a_broken_connection_and_the_message_goes_out(
    sandbox: World,
) -> None:
    with pytest.raises(aiohttp.ClientError):
        await sandbox.send(to="+31600000499")
    await sandbox.services.until(2)
    assert sorted(sandbox.services.statuses()) == ["delivered", "sent"]


async def test_a_proxys_page_instead_of_an_answer_is_no_error_of_meta(sandbox: World) -> None:
    status, answer = await sandbox.send(to="+31600000502")
    assert status == 502
    assert "<html>" in answer


async def test_a_message_that_fails_later_says_why_in_its_status(sandbox: World) -> None:
    assert (await sandbox.send(to="+31601131047"))[0] == 200
    (value,) = await sandbox.services.until(1)
    assert value["statuses"][0]["errors"][0]["code"] == 131047
    assert "recipient_user_id" not in value["statuses"][0]


async def test_an_answer_that_never_comes_is_not_a_message(sandbox: World) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await sandbox.send(to="+31600000408")
    assert (await sandbox.ask("GET", "/phone/summary"))[1]["count"] == 0


async def test_with_limits_the_46th_message_to_one_citizen_is_too_many() -> None:
    async with world(limits=True) as sandbox:
        codes = [(await sandbox.send())[0] for _ in range(46)]
    assert codes == [200] * 45 + [400]


async def test_read_is_told_only_when_the_citizen_looks(sandbox: World) -> None:
    await sandbox.send()
    await sandbox.services.until(2)
    looked = {"number": NUMBER, "phone": "31600000011"}
    assert await sandbox.ask("POST", "/phone/read", json=looked) == (200, {"read": 1})
    assert await sandbox.ask("POST", "/phone/read", json=looked) == (200, {"read": 0})
    await sandbox.services.until(3)
    assert sandbox.services.statuses()[-1] == "read"


async def test_a_message_to_a_bsuid_reaches_the_citizen_whose_number_is_hidden(
    sandbox: World,
) -> None:
    await sandbox.ask("POST", "/phone/messages", json=FROM | {"hidden": True, "text": "hoi"})
    incoming = sandbox.services.webhooks[0]["messages"][0]
    assert "from" not in incoming
    status, answer = await sandbox.send(to=None, recipient=incoming["from_user_id"])
    assert (status, answer["contacts"][0]["user_id"]) == (200, incoming["from_user_id"])
    await sandbox.services.until(3)
    told = sandbox.services.webhooks[-1]["statuses"][0]
    assert told["recipient_user_id"] == incoming["from_user_id"]
    assert "recipient_id" not in told


@pytest.mark.slow
async def test_a_webhook_is_repeated_until_the_gateway_answers_200(sandbox: World) -> None:
    sandbox.services.answers = [503, 204]
    said = await sandbox.ask("POST", "/phone/messages", json=FROM | {"text": "hoi"})
    assert (said[0], said[1]["accepted"], said[1]["gateway"]) == (202, False, 503)
    (value,) = await sandbox.services.until(1)
    assert value["messages"][0]["id"] == said[1]["wamid"]
    _, summary = await sandbox.ask("GET", "/phone/summary")
    assert summary["webhooks"] == {"posted": 3, "accepted": 1, "refused": 2, "givenUp": 0}


async def test_copies_of_one_webhook_are_posted_at_the_same_time(sandbox: World) -> None:
    await sandbox.ask("POST", "/phone/messages", json=FROM | {"text": "hoi", "copies": 3})
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
    status, _ = await sandbox.ask("POST", "/phone/messages", json=FROM | message)
    assert status == 200
    assert sandbox.services.webhooks[0]["messages"][0]["type"] == kind


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"text": " "},
        {"text": "hoi", "number": "5"},
        {"text": "hoi", "from": "Fatima"},
        {"text": "hoi", "copies": 11},
        {"text": "hoi", "tekst": "hoi"},
        {"text": "x" * 65_537},
        {"kind": "image", "media": "5"},
        {"kind": "image", "sample": "kat"},
        {"kind": "reaction"},
    ],
)
async def test_what_no_phone_could_send_is_refused_and_nothing_is_posted(
    sandbox: World, message: dict[str, Any]
) -> None:
    status, answer = await sandbox.ask("POST", "/phone/messages", json=FROM | message)
    assert (status, answer["status"]) == (400, 400)
    assert sandbox.services.webhooks == []


async def test_a_photo_can_be_fetched_as_from_meta_and_only_with_the_token(sandbox: World) -> None:
    await sandbox.ask("POST", "/phone/messages", json=FROM | {"kind": "image"})
    image = sandbox.services.webhooks[0]["messages"][0]["image"]
    status, about = await sandbox.ask("GET", f"/graph/v26.0/{image['id']}", headers=TOKEN)
    assert (status, about["mime_type"]) == (200, "image/png")
    async with sandbox.http.get(about["url"], headers=TOKEN) as answer:
        content = await answer.read()
    assert (len(content), content[:4]) == (int(about["file_size"]), b"\x89PNG")
    async with sandbox.http.get(about["url"]) as answer:
        assert answer.status == 401
    late = about["url"].partition("?")[0] + "?ext=5"
    async with sandbox.http.get(late, headers=TOKEN) as answer:
        assert answer.status == 404


async def test_media_is_uploaded_checked_and_removed(sandbox: World) -> None:
    path = f"/graph/v26.0/{NUMBER}/media"

    def form(kind: str, content: bytes = b"hello") -> aiohttp.FormData:
        fields = aiohttp.FormData({"messaging_product": "whatsapp", "type": kind})
        fields.add_field("file", content, filename="a", content_type=kind)
        return fields

    status, answer = await sandbox.ask("POST", path, data=form("text/plain"), headers=TOKEN)
    assert status == 200
    gone = f"/graph/v26.0/{answer['id']}"
    assert await sandbox.ask("DELETE", gone, headers=TOKEN) == (200, {"success": True})
    assert (await sandbox.ask("GET", gone, headers=TOKEN))[0] == 400
    for kind, content in (("image/gif", b"x"), ("image/webp", bytes(600_000))):
        status, answer = await sandbox.ask("POST", path, data=form(kind, content), headers=TOKEN)
        assert (status, answer["error"]["code"]) == (400, 131053)


async def test_a_read_receipt_is_answered_as_meta_does(sandbox: World) -> None:
    path = f"/graph/v26.0/{NUMBER}/messages"
    receipt = {"messaging_product": "whatsapp", "status": "read", "message_id": "wamid.X"}
    assert await sandbox.ask("POST", path, json=receipt, headers=TOKEN) == (200, {"success": True})
