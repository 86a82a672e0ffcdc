"""Files of a CRM's are looked at by a real clamd before they go to a citizen."""

from pathlib import Path

from deliverer.meta.media_upload import MALWARE, UNSCANNABLE, WAITING
from services.files.clamd import Scanner
from tests.support.clamav import EICAR, FOUND, Clamd, clamd
from tests.support.integration.message_provider import NUMBER, Account, Office
from tests.support.observer import until

IMAGE = {"type": "image", "image": {"caption": "Zo."}}
PNG = b"\x89PNG\r\n\x1a\n" + bytes(1000)


async def test_what_the_scanner_finds_goes_to_nobody_and_its_sender_hears_what_it_is(
    place: tuple[Office, Account], tmp_path: Path
) -> None:
    office, account = place
    with clamd(tmp_path / "clamd", most=1) as one:
        office.scanner = Scanner(one.url)
        async with office.working(**{NUMBER: account}):
            bad = await office.queue(IMAGE, media=await office.uploaded(PNG + EICAR))
            large = await office.queue(IMAGE, media=await office.uploaded(PNG + bytes(2**23)))
            good = await office.queue(IMAGE, media=await office.uploaded(PNG))
            assert (await office.until(bad, "failed"))["reason"] == MALWARE.format(
                f"{FOUND}.UNOFFICIAL"
            )
            assert (await office.until(large, "failed"))["reason"] == UNSCANNABLE
            await office.until(good, "sent")
    assert office.provider.files == [("image/png", PNG)]


async def test_while_the_scanner_is_away_a_file_waits(
    place: tuple[Office, Account], tmp_path: Path
) -> None:
    office, account = place
    one = Clamd(tmp_path / "clamd")
    office.scanner = Scanner(one.url)
    media = await office.uploaded(PNG)
    id = await office.queue(IMAGE, media=media)
    async with office.working(**{NUMBER: account}):
        waits = lambda line: line["reason"] == WAITING  # noqa: E731
        await until(lambda: office.line(id), waits, 10)
        assert office.provider.files == []
        one.start()
        try:
            await office.pool.execute("update deliverer.upload set due_at = now()")
            await office.until(id, "sent")
        finally:
            one.stop()
    assert office.provider.files == [("image/png", PNG)]


async def test_what_was_brought_before_there_was_a_scanner_is_looked_at_before_it_goes_again(
    place: tuple[Office, Account], tmp_path: Path
) -> None:
    office, account = place
    bad, good = await office.uploaded(PNG + EICAR), await office.uploaded(PNG)
    async with office.working(**{NUMBER: account}):
        for media in (bad, good):
            await office.until(await office.queue(IMAGE, media=media), "sent")
    with clamd(tmp_path / "clamd") as one:
        office.scanner = Scanner(one.url)
        async with office.working(**{NUMBER: account}):
            again = await office.queue(IMAGE, media=bad)
            assert (await office.until(again, "failed"))["reason"].startswith("upload_malware")
            await office.until(await office.queue(IMAGE, media=good), "sent")
        async with office.working(**{NUMBER: account}):
            await office.until(await office.queue(IMAGE, media=good), "sent")
    assert len(office.provider.files) == 3, "what was scanned once is not brought again"
