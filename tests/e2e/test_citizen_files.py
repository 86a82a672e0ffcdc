"""A file of a citizen from phone to department: fetched, scanned by a real clamd, handed out."""

import hashlib
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from archiver.audit.catalogue import verify_catalogue
from archiver.audit.media import verify_files
from services.files.object_store import ObjectStore
from services.postgres.database import connection_pool
from tests.support.citizens import NUMBER, phone
from tests.support.clamav import EICAR, FOUND, Clamd, clamd
from tests.support.decrypted_record import keys_of
from tests.support.installation import Installation
from tests.support.observer import BEARER, Watch, until

JPEG = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 40
LARGEST = 100 * 1024 * 1024
HELD_KIB = 90 * 1024
"""More than this the archiver may not grow by while files of 100 MB pass: each holds up to 15 MiB
(`objects.PIECE_BYTES`), and a process keeps what it had."""

ON_THEIR_WAY = "select count(*) from archiver.media where state in ('waiting', 'fetched')"


@pytest.fixture(scope="module")
def scanner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clamd]:
    with clamd(tmp_path_factory.mktemp("clamd")) as one:
        yield one


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory, scanner: Clamd) -> Iterator[Installation]:
    production: Any = lambda text: 'environment = "production"\n' + text  # noqa: E731
    installation = Installation(tmp_path_factory.mktemp("photos"), production)
    installation.more["POSTKAMER_SCANNER_URL"] = scanner.url
    try:
        installation.start()
        yield installation
    finally:
        installation.discard()


async def sends(
    watch: Watch, content: bytes, citizen: int, kind: str = "image", type: str = "image/jpeg"
) -> dict[str, Any]:
    """A file on the phone, sent with a caption; the message as the CRM gets it."""
    sandbox, caption = watch.town.sandbox, f"kijk eens {citizen}"
    headers = {"Content-Type": type}
    async with watch.session.post(
        f"{sandbox}/phone/media", data=io.BytesIO(content), headers=headers
    ) as answer:
        assert answer.status == 201, await answer.text()
        media = (await answer.json())["id"]
    body = {"from": phone(citizen), "number": NUMBER, "kind": kind, "media": media}
    body |= {"text": caption} if kind == "image" else {"text": caption, "filename": "plan.pdf"}
    async with watch.session.post(f"{sandbox}/phone/messages", json=body) as answer:
        assert (await answer.json())["accepted"], await answer.text()
    (event,) = await until(lambda: watch.events(caption), bool, 10)
    return dict(event["event"]["data"])


async def media_event(watch: Watch, conversation: str, seconds: float = 20) -> dict[str, Any]:
    (data,) = await until(lambda: watch.told(conversation, "media-available"), bool, seconds)
    return data


async def get_file(watch: Watch, link: str) -> tuple[int, bytes]:
    async with watch.session.get(watch.town.archiver + link, headers=BEARER) as answer:
        return answer.status, await answer.read()


async def media_on_record(watch: Watch, message: str) -> dict[str, Any]:
    """The file of a message as the record has it, once its fate is known."""

    async def look() -> dict[str, Any]:
        url = f"{watch.town.archiver}/v1/messages/{message}"
        async with watch.session.get(url, headers=BEARER) as answer:
            return dict(await answer.json())

    known = await until(look, lambda m: m["media"][0]["state"] != "waiting", 10)
    return dict(known["media"][0])


async def test_photo_reaches_the_department_byte_for_byte(watch: Watch) -> None:
    message = await sends(watch, JPEG, 401)
    [medium] = message["media"]
    assert medium == {
        "id": message["messageId"],
        "link": f"/v1/media/{message['messageId']}",
        "mimeType": "image/jpeg",
        "filename": "",
    }
    data = await media_event(watch, message["conversationId"])
    assert (data["state"], data["scanned"], data["messageId"]) == ("available", True, medium["id"])
    sha256 = hashlib.sha256(JPEG).hexdigest()
    assert data["media"][0]["sha256"] == sha256
    assert data["department"] == message["department"]
    assert await get_file(watch, data["media"][0]["link"]) == (200, JPEG)
    known = await media_on_record(watch, message["messageId"])
    assert (known["state"], known["sha256"], known["size"]) == ("available", sha256, len(JPEG))


async def test_malware_in_a_photo_is_reported_to_the_department_and_not_handed_out(
    watch: Watch,
) -> None:
    message = await sends(watch, JPEG + EICAR, 402)
    data = await media_event(watch, message["conversationId"])
    assert data["state"] == "quarantined" and FOUND in data["reason"]
    status, body = await get_file(watch, message["media"][0]["link"])
    assert status == 451 and EICAR not in body
    known = await media_on_record(watch, message["messageId"])
    assert (known["state"], known["reason"]) == ("quarantined", data["reason"])


async def test_photo_waits_until_the_scanner_is_back(watch: Watch, scanner: Clamd) -> None:
    scanner.stop()
    try:
        message = await sends(watch, JPEG, 403)
        link = message["media"][0]["link"]
        waits = "select count(*) from archiver.media where state = 'fetched' and reason <> ''"
        await until(lambda: watch.count(waits), lambda n: n == 1, 20)
        assert (await get_file(watch, link))[0] == 202
        assert await watch.told(message["conversationId"], "media-available") == []
    finally:
        scanner.start()
    assert (await media_event(watch, message["conversationId"], 40))["state"] == "available"
    assert await get_file(watch, link) == (200, JPEG)


async def test_killed_archiver_loses_no_file_and_reports_each_once(
    watch: Watch,
) -> None:
    messages = []
    for citizen in range(410, 422):
        messages.append(await sends(watch, JPEG + bytes([citizen - 410]), citizen))
        if citizen in (412, 416, 420):
            watch.town.kill("archiver")
            watch.town.restart("archiver")
    watch.town.wait_until_ready("archiver")
    for n, message in enumerate(messages):
        data = await media_event(watch, message["conversationId"], 90)
        assert data["state"] == "available"
        assert await get_file(watch, message["media"][0]["link"]) == (200, JPEG + bytes([n]))
    records = "select count(*) from opened.record where kind = 'media' and message = any('{%s}')"
    ids = ",".join(message["messageId"] for message in messages)
    await until(lambda: watch.count(records % ids), lambda n: n == len(messages), 10)


async def test_archive_has_nothing_to_say_of_these_files_and_its_tables(watch: Watch) -> None:
    await sends(watch, JPEG, 423)
    await until(lambda: watch.count(ON_THEIR_WAY), lambda n: n == 0, 20)
    async with connection_pool(watch.town.database.url, "test", 3) as pool:
        store = ObjectStore(watch.town.objects.as_uri())
        findings = verify_files(pool, store, lambda *_: None, await keys_of(pool))
        assert [one async for one in findings] == []
        async with pool.acquire() as connection, connection.transaction():
            assert await verify_catalogue(connection) == []


def highest_kib(town: Installation) -> int:
    """The most memory that the archiver ever had."""
    pid = (town.services["archiver"].program.pid_file).read_text().split()[0]
    [most] = re.findall(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(most)


async def test_hundred_megabytes_are_not_held_in_memory(watch: Watch) -> None:
    before = highest_kib(watch.town)
    content = b"%PDF-1.7\n" + bytes(LARGEST - 9)
    message = await sends(watch, content, 430, "document", "application/pdf")
    data = await media_event(watch, message["conversationId"], 90)
    assert (data["state"], data["media"][0]["size"]) == ("available", LARGEST)
    status, body = await get_file(watch, data["media"][0]["link"])
    assert (status, hashlib.sha256(body).digest()) == (200, hashlib.sha256(content).digest())
    assert highest_kib(watch.town) - before < HELD_KIB
