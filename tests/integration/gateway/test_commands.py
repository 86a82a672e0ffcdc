"""Orders over a real socket, into a real PostgreSQL: what is refused there, and in which words."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from gateway.api_docs import examples
from gateway.media.upload_store import Upload
from gateway.requests.changes import VERBS
from services import clock
from services.contract import AttachedFile, SendMessage
from services.postgres.database import Pool
from tests.support.integration.crm_desk import CONVERSATION, NUMBER, Desk, desk_of
from tests.support.integration.shut_rows import alter

CHANGE = f"conversations/{CONVERSATION}"
ORDER = {"number": NUMBER, "to": "+31600000011", "type": "text", "text": {"body": "Goedemiddag"}}


@pytest.fixture
async def desk(pool: Pool) -> AsyncIterator[Desk]:
    async with desk_of(pool) as desk:
        yield desk


BODIES = {
    "_transfer": {"department": "burgerzaken", "reason": "x"},
    "_close": {},
    "_reopen": {},
    "_note": {"text": "x"},
    "_link": {"zaak": "ZAAK-1"},
    "_read": {"typing": True},
    "_confirm": {},
    "_release": {},
    "_merge": {"with": f"{NUMBER}-{'b3' * 13}"},
    "_settle": examples.CHANGES["_settle"]["sent"],
}


@pytest.mark.parametrize("id", ["%00", f"{CONVERSATION}%00", CONVERSATION, "x", "%ED%A0%80"])
@pytest.mark.parametrize("verb", VERBS)
async def test_change_of_an_unknown_conversation_is_not_found(
    desk: Desk, verb: str, id: str
) -> None:
    status, said = await desk.post(f"conversations/{id}/{verb}", BODIES[verb])
    assert (status, said["detail"]) == (404, "there is no such conversation")
    assert desk.commands == []


def places_of_faults(said: Any) -> list[str]:
    """Pointer or header of each fault."""
    return [fault["pointer"] or fault.get("parameter", "") for fault in said["errors"]]


LONG = {"text": {"body": "a" * 5000}}
NO_KEYS = [
    [("Idempotency-Key", "")],
    [("Idempotency-Key", "é")],
    [("Idempotency-Key", "a"), ("Idempotency-Key", "b")],
    [("Idempotency-Key", "a"), ("Idempotency-Key", "a")],
    [("X-Other", "a")],
]


@pytest.mark.parametrize("headers", NO_KEYS)
@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        (ORDER, []),
        (ORDER | {"department": "niets"}, ["/department"]),
        (ORDER | LONG | {"department": "niets"}, ["/department", "/text/body"]),
        (b"{", [""]),
        (b"[]", [""]),
    ],
)
async def test_a_key_that_is_none_is_told_together_with_what_is_wrong_with_the_body(
    desk: Desk, headers: list[tuple[str, str]], body: Any, pointers: list[str]
) -> None:
    status, said = await desk.post("messages", body, headers)
    assert (status, places_of_faults(said)) == (400, ["Idempotency-Key", *pointers])
    assert desk.commands == []


@pytest.mark.parametrize(
    ("path", "body", "pointers"),
    [
        ("messages", ORDER | LONG | {"department": "niets"}, ["/department", "/text/body"]),
        ("messages", ORDER | LONG | {"number": "1"}, ["/number", "/text/body"]),
        ("messages", ORDER | {"type": "x", "number": "1"}, ["/number", "/type"]),
        ("messages", ORDER | LONG | {"department": "Niets!"}, ["/department", "/text/body"]),
        (f"{CHANGE}/_transfer", {"department": "niets"}, ["/department", "/reason"]),
        (f"{CHANGE}/_close", {"department": "niets"}, ["/department"]),
    ],
)
async def test_faults_of_the_words_and_of_the_configuration_are_told_together(
    desk: Desk, path: str, body: Any, pointers: list[str]
) -> None:
    status, said = await desk.post(path, body)
    assert (status, places_of_faults(said)) == (400, pointers)


KEY = ("Idempotency-Key", "k")


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({"Content-Type": "application/json"}, 202),
        ({"Content-Type": 'application/json; charset="UTF-8"'}, 202),
        ({"Content-Type": "application/json; charset=utf-16"}, 415),
        ({"Content-Type": "application/json; charset=iso-8859-1"}, 415),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/json", "Content-Encoding": "gzip"}, 415),
        ({"Content-Type": "application/json", "Content-Encoding": "identity"}, 415),
    ],
)
async def test_a_body_is_json_in_utf_8_as_it_is(
    desk: Desk, given: dict[str, str], status: int
) -> None:
    body = msgspec.json.encode(ORDER)
    got, _ = await desk.post("messages", body, [KEY, *given.items()])
    assert got == status
    assert len(desk.commands) == (status == 202)


def _upload(mime_type: str) -> Upload:
    return Upload(
        id=clock.new_id(),
        token="crm",
        tenant="almelo",
        object=clock.new_id(),
        mime_type=mime_type,
        size=1,
        sha256=bytes(32),
        filename="kaart",
        created_at=clock.now(),
    )


@pytest.mark.parametrize(
    ("mime_type", "kind", "refusal"),
    [
        ("image/png", "image", ""),
        ("image/png", "document", ""),
        ("image/png", "video", "can be sent as image or document only"),
        ("application/pdf", "document", ""),
        ("application/pdf", "image", "can be sent as document only"),
    ],
)
async def test_an_upload_is_sent_as_what_it_is_or_as_a_document(
    desk: Desk, mime_type: str, kind: str, refusal: str
) -> None:
    upload = _upload(mime_type)
    await desk.uploads.complete(upload)
    order = {"number": NUMBER, "to": "+31600000011", "type": "media"}
    status, said = await desk.post(
        "messages", order | {"media": {"kind": kind, "id": str(upload.id)}}
    )
    told = [fault["detail"] for fault in said.get("errors", ())]
    assert (status, told) == ((400, [refusal]) if refusal else (202, []))
    expected = AttachedFile(mime_type=mime_type, sha256="00" * 32, filename="kaart")
    sent = [each.action for each in desk.commands if isinstance(each.action, SendMessage)]
    assert [each.file for each in sent] == ([] if refusal else [expected])


async def test_an_upload_that_does_not_open_cannot_be_sent(desk: Desk, pool: Pool) -> None:
    stored = _upload("image/png")
    await desk.uploads.complete(stored)
    await alter(pool, "gateway.media", "sha256", stored.id)
    media = {"kind": "image", "id": str(stored.id)}
    order = {"number": NUMBER, "to": "+31600000011", "type": "media", "media": media}
    status, said = await desk.post("messages", order)
    assert (status, [fault["detail"] for fault in said["errors"]]) == (
        400,
        ["cannot be opened any more: upload it again"],
    )
