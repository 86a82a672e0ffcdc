"""Files of CRMs are scanned by a real clamd before they go to a citizen."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from deliverer.meta.media_upload import MALWARE, UNSCANNABLE, WAITING
from services.files.clamd import Scanner
from tests.support.clamav import EICAR, FOUND, Clamd
from tests.support.integration.message_provider import PNG, Office

CLEAN, INFECTED, LARGE = PNG + b"0", PNG + EICAR, PNG + bytes(2**23)
IMAGE = {"type": "image", "image": {}}


@pytest.fixture
def clamav(tmp_path: Path) -> Iterator[Clamd]:
    """A clamd that takes files up to 1 MB; each test starts it."""
    one = Clamd(tmp_path / "clamd", most=1)
    yield one
    one.stop()


async def test_infected_and_unscannable_files_fail_with_a_reason(
    office: Office, clamav: Clamd
) -> None:
    clamav.start()
    office.scanner = Scanner(clamav.url)
    async with office.working():
        bad, large, good = [await office.queue_image(each) for each in (INFECTED, LARGE, CLEAN)]
        for id, reason in ((bad, MALWARE.format(f"{FOUND}.UNOFFICIAL")), (large, UNSCANNABLE)):
            assert (await office.until(id, "failed"))["reason"] == reason
        await office.until(good, "sent")
    assert office.provider.files == [("image/png", CLEAN)]


async def test_file_waits_while_the_scanner_is_away(office: Office, clamav: Clamd) -> None:
    office.scanner = Scanner(clamav.url)
    id = await office.queue_image(CLEAN)
    async with office.working():
        await office.until_reason(id, WAITING)
        assert office.provider.files == []
        clamav.start()
        await office.pool.execute("update deliverer.upload set due_at = now()")
        await office.until(id, "sent")
    assert office.provider.files == [("image/png", CLEAN)]


async def test_file_uploaded_without_a_scanner_is_scanned_before_it_goes_again(
    office: Office, clamav: Clamd
) -> None:
    bad, good = await office.uploaded(INFECTED), await office.uploaded(CLEAN)
    async with office.working():
        for media in (bad, good):
            await office.send(IMAGE, media=media)
    clamav.start()
    office.scanner = Scanner(clamav.url)
    id = await office.queue(IMAGE, media=bad)  # it waits when the process starts
    async with office.working():
        assert (await office.until(id, "failed"))["reason"].startswith("upload_malware")
        await office.send(IMAGE, media=good)
    async with office.working():
        await office.send(IMAGE, media=good)
    assert len(office.provider.files) == 3, "what was scanned once is not brought again"
