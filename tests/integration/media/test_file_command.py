"""`postkamer files open`: a person looks at a quarantined file, and that is on the record."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cli.main import main
from services.files.clamd import Scanner
from services.postgres.database import Pool
from tests.support.clamav import EICAR, Clamd
from tests.support.decrypted_record import KEY
from tests.support.integration.media_provider import JPEG, Room, damage, flipped, lying, room


class OpenFile:
    """The command, on one database and store; `out` is where it writes."""

    def __init__(self, url: str, folder: Path) -> None:
        self.out = folder / "looked at"
        self._env = {
            "POSTKAMER_DATABASE_URL": url,
            "POSTKAMER_ARCHIVE_KEY": KEY,
            "POSTKAMER_OBJECT_STORE": (folder / "objects").as_uri(),
        }

    async def __call__(self, id: Any, **changed: str | None) -> Result:
        typed = ["files", "open", str(id), "--out", str(self.out), "--by", "A. Arts"]
        run = lambda: CliRunner().invoke(main, typed, env=self._env | changed)  # noqa: E731
        return await asyncio.to_thread(run)


@pytest.fixture
def open_file(empty: str, tmp_path: Path) -> OpenFile:
    return OpenFile(empty, tmp_path)


async def quarantined(place: Room) -> Any:
    place.provider.files["900"] = ("image/jpeg", JPEG + EICAR)
    id = await place.came("900")
    await place.until(id, "quarantined")
    return id


async def test_quarantined_file_is_written_as_it_was_sent_and_recorded(
    pool: Pool, open_file: OpenFile, tmp_path: Path, scanner: Clamd
) -> None:
    async with room(pool, tmp_path, Scanner(scanner.url), scanned_only=True) as place:
        id = await quarantined(place)
        done = await open_file(id)
        assert done.exit_code == 0, done.output
        assert open_file.out.read_bytes() == JPEG + EICAR
        assert open_file.out.stat().st_mode & 0o777 == 0o600
        [row] = await pool.fetch("select tenant, by, what, about from access.operation")
        assert tuple(row) == ("almelo", "A. Arts", "files open", str(id))
        again = await open_file(id)
        assert (again.exit_code, again.stderr) == (1, "--out: File exists\n")


async def test_file_that_cannot_be_opened_whole_is_not_written(
    pool: Pool, open_file: OpenFile, tmp_path: Path, scanner: Clamd
) -> None:
    async with room(pool, tmp_path, Scanner(scanner.url)) as place:
        id, waiting = await quarantined(place), await place.came("901")
        missing = await open_file(id, POSTKAMER_OBJECT_STORE=None)
        assert missing.exit_code == 1 and "POSTKAMER_OBJECT_STORE" in missing.stderr
        [path] = lying(tmp_path).values()
        damage(path, flipped(-1))
        for file, error in (
            (id, "this file is not what was kept"),
            (waiting, "no stored file"),
        ):
            refused = await open_file(file)
            assert refused.exit_code == 1
            assert refused.stderr.startswith(error)
        assert not open_file.out.exists()
