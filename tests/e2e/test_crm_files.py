"""A file from a CRM to a citizen's phone, over the real API, store and Graph stand-in."""

import hashlib
import io
from typing import Any

from tests.support.citizens import post, text, webhook
from tests.support.observer import BEARER, Watch, until

PDF = b"%PDF-1.7\n" + bytes(range(256)) * 4096
PNG = b"\x89PNG\r\n\x1a\n" + bytes(1000)
GRAPH = {"Authorization": "Bearer sandbox-access-token"}


async def upload(watch: Watch, content: bytes, mime_type: str, key: str) -> tuple[int, Any]:
    headers = BEARER | {
        "Idempotency-Key": key,
        "Content-Type": mime_type,
        "Content-Disposition": 'attachment; filename="besluit.pdf"',
    }
    url = f"{watch.town.gateway}/v1/media"
    async with watch.session.post(url, data=io.BytesIO(content), headers=headers) as answer:
        return answer.status, await answer.json()


async def send(watch: Watch, conversation: str, media: Any, key: str) -> tuple[int, Any]:
    body = {
        "conversationId": conversation,
        "type": "media",
        "media": media,
        "author": {"kind": "employee", "id": "e1"},
    }
    url = f"{watch.town.gateway}/v1/messages"
    headers = BEARER | {"Idempotency-Key": key}
    async with watch.session.post(url, json=body, headers=headers) as answer:
        return answer.status, await answer.json()


async def asked(watch: Watch, words: str, citizen: int) -> str:
    """The conversation of a citizen who wrote something."""
    body = webhook(text(words, f"wamid.{words}", citizen))
    assert await post(watch.session, watch.town.gateway, body) == 200
    (event,) = await until(lambda: watch.events(words), bool, 10)
    return str(event["conversationId"])


async def test_a_document_of_a_crm_s_is_on_the_citizen_s_phone_byte_for_byte_and_by_its_name(
    watch: Watch,
) -> None:
    conversation = await asked(watch, "document", 701)
    status, file = await upload(watch, PDF, "application/pdf", "pdf")
    sha256 = hashlib.sha256(PDF).hexdigest()
    assert status == 201
    assert file == {
        "id": file["id"],
        "mimeType": "application/pdf",
        "size": len(PDF),
        "sha256": sha256,
    }
    assert await upload(watch, PDF, "application/pdf", "pdf") == (201, file)
    media = {"kind": "document", "id": file["id"]}
    status, accepted = await send(watch, conversation, media, "send-pdf")
    assert status == 202

    async def state() -> str:
        url = f"{watch.town.gateway}/v1/messages/{accepted['id']}"
        async with watch.session.get(url, headers=BEARER) as answer:
            return str((await answer.json())["status"])

    await until(state, lambda said: said in ("delivered", "read"), 15)
    async with watch.session.get(f"{watch.town.sandbox}/phone/received") as answer:
        shown = [one["content"] for one in await answer.json() if one["type"] == "document"]
    assert [document["filename"] for document in shown] == ["besluit.pdf"]
    there = f"select max(provider_id) from deliverer.upload where media = '{file['id']}'"
    id = await watch.count(there)
    async with watch.session.get(f"{watch.town.sandbox}/graph/v26.0/{id}", headers=GRAPH) as answer:
        medium = await answer.json()
    assert (medium["mime_type"], medium["sha256"]) == ("application/pdf", sha256)


async def test_a_file_that_cannot_go_along_is_refused_where_it_stands(watch: Watch) -> None:
    conversation = await asked(watch, "refused", 702)
    _, file = await upload(watch, PNG, "image/png", "png")
    unknown = {"kind": "image", "id": "01990000-0000-7000-8000-000000000001"}
    for media in (unknown, {"kind": "video", "id": file["id"]}):
        status, problem = await send(watch, conversation, media, f"refused-{media['kind']}")
        assert status == 400
        assert [error["pointer"] for error in problem["errors"]] == ["/media/id"]
    status, problem = await upload(watch, PNG, "application/pdf", "no pdf")
    assert (status, problem["title"]) == (400, "Bad Request")
