"""A file from a CRM to a citizen's phone, over the real API, store and Graph stand-in."""

import hashlib
import io
from typing import Any
from uuid import UUID

from deliverer.meta.media_upload_store import open_provider_id
from tests.support.e2e.crm_desk import Desk, wrote
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


async def test_document_of_a_crm_reaches_the_phone_unchanged_under_its_name(watch: Watch) -> None:
    desk, asked = Desk(watch), await wrote(watch, "document", "wamid.document", 701)
    status, file = await upload(watch, PDF, "application/pdf", "pdf")
    sha256 = hashlib.sha256(PDF).hexdigest()
    expected = {"mimeType": "application/pdf", "size": len(PDF), "sha256": sha256}
    assert (status, file) == (201, expected | {"id": file["id"]})
    assert await upload(watch, PDF, "application/pdf", "pdf") == (201, file)
    media = {"kind": "document", "id": file["id"]}
    status, accepted = await desk.answer(asked["conversationId"], type="media", media=media)
    assert status == 202
    taken = {"delivered", "read"}
    await until(lambda: desk.status(accepted["id"]), lambda said: said["status"] in taken, 15)
    async with watch.session.get(f"{watch.town.sandbox}/phone/received") as answer:
        shown = [one["content"] for one in await answer.json() if one["type"] == "document"]
    assert [document["filename"] for document in shown] == ["besluit.pdf"]
    there = "select {} from deliverer.upload where media = '" + file["id"] + "'"
    sealed, account = (
        watch.town.database.execute(there.format(name)) for name in ("provider_id", "account")
    )
    id = open_provider_id(sealed, UUID(file["id"]), account)
    async with watch.session.get(f"{watch.town.sandbox}/graph/v26.0/{id}", headers=GRAPH) as answer:
        medium = await answer.json()
    assert (medium["mime_type"], medium["sha256"]) == ("application/pdf", sha256)
    kept = await until(lambda: media_of(watch, accepted["id"]), is_available, 15)
    assert (kept["filename"], kept["sha256"], kept["size"]) == ("besluit.pdf", sha256, len(PDF))
    async with watch.session.get(f"{watch.town.archiver}{kept['link']}", headers=BEARER) as answer:
        assert (answer.status, await answer.read()) == (200, PDF)


async def media_of(watch: Watch, message: str) -> dict[str, Any]:
    """The file of a message, as the archive shows it."""
    url = f"{watch.town.archiver}/v1/messages/{message}"
    async with watch.session.get(url, headers=BEARER) as answer:
        [medium] = (await answer.json()).get("media") or [{}]
        return dict(medium)


def is_available(medium: dict[str, Any]) -> bool:
    return medium.get("state") == "available"


async def test_unknown_file_and_file_of_another_kind_are_refused(watch: Watch) -> None:
    desk, asked = Desk(watch), await wrote(watch, "refused", "wamid.refused", 702)
    _, file = await upload(watch, PNG, "image/png", "png")
    unknown = {"kind": "image", "id": "01990000-0000-7000-8000-000000000001"}
    for media in (unknown, {"kind": "video", "id": file["id"]}):
        status, problem = await desk.answer(asked["conversationId"], type="media", media=media)
        assert status == 400
        assert [error["pointer"] for error in problem["errors"]] == ["/media/id"]
    status, problem = await upload(watch, PNG, "application/pdf", "no pdf")
    assert (status, problem["title"]) == (400, "Bad Request")
