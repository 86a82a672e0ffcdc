"""A person looks at a file that is kept from everybody: by command, and on the record."""

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
from tests.support.integration.media_provider import JPEG, Room, flipped, lying, room


class Desk:
    def __init__(self, url: str, folder: Path) -> None:
        self._env = {
            "POSTKAMER_DATABASE_URL": url,
            "POSTKAMER_ARCHIVE_KEY": KEY,
            "POSTKAMER_OBJECT_STORE": (folder / "objects").as_uri(),
        }

    async def __call__(self, id: Any, out: Path, **changed: str | None) -> Result:
        typed = ["files", "open", str(id), "--to", str(out), "--by", "A. Arts"]
        run = lambda: CliRunner().invoke(main, typed, env=self._env | changed)  # noqa: E731
        return await asyncio.to_thread(run)


@pytest.fixture
def desk(empty: str, tmp_path: Path) -> Desk:
    return Desk(empty, tmp_path)


async def quarantined(place: Room) -> Any:
    place.provider.files["900"] = ("image/jpeg", JPEG + EICAR)
    id = await place.came("900")
    await place.until(id, "quarantined")
    return id


async def test_whoever_must_look_at_a_file_gets_it_as_it_was_sent_and_that_is_on_the_record(
    pool: Pool, desk: Desk, tmp_path: Path, scanner: Clamd
) -> None:
    out = tmp_path / "looked at"
    async with room(pool, tmp_path, Scanner(scanner.url), scanned_only=True) as place:
        id = await quarantined(place)
        done = await desk(id, out)
        assert done.exit_code == 0, done.output
        assert out.read_bytes() == JPEG + EICAR
        assert out.stat().st_mode & 0o777 == 0o600
        [row] = await pool.fetch("select tenant, by, what, about from access.operation")
        assert tuple(row) == ("almelo", "A. Arts", "files open", str(id))
        again = await desk(id, out)
        assert (again.exit_code, again.stderr) == (1, "--to: File exists\n")


async def test_what_does_not_open_whole_leaves_nothing(
    pool: Pool, desk: Desk, tmp_path: Path, scanner: Clamd
) -> None:
    out = tmp_path / "looked at"
    async with room(pool, tmp_path, Scanner(scanner.url)) as place:
        id = await quarantined(place)
        waits = await place.came("901")
        missing = await desk(id, out, POSTKAMER_OBJECT_STORE=None)
        assert (missing.exit_code, "POSTKAMER_OBJECT_STORE" in missing.stderr) == (1, True)
        [path] = lying(tmp_path).values()
        path.chmod(0o600)
        path.write_bytes(flipped(-1)(path.read_bytes()))
        for file, said in ((id, "this file is not what was kept"), (waits, "no file that is here")):
            refused = await desk(file, out)
            assert refused.exit_code == 1
            assert refused.stderr.startswith(said)
            assert not await asyncio.to_thread(out.exists)
