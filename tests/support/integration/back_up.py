"""Back-ups of a test's database by PostgreSQL's own programs, put back as an operator would."""

import os
import shutil
import subprocess
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from deploy.local.postgresql import OWNER, Database, _account, binaries
from services.files import object_store


def dump(server: Database, database: str, *options: str) -> str:
    """A plain dump."""
    program = binaries(server.folder / "data")[1] / "pg_dump"
    url = f"{server.url.rpartition('/')[0]}/{database}"
    made = subprocess.run([str(program), *options, url], capture_output=True, text=True, check=True)
    return made.stdout


def copy_base(server: Database, to: Path, *options: str) -> None:
    """A base back-up in the folder `to`, by `pg_basebackup`."""
    program = binaries(server.folder / "data")[1] / "pg_basebackup"
    where = ("-h", "127.0.0.1", "-p", str(server.port), "-U", OWNER, "-D", str(to))
    password = (server.folder / "password").read_text()
    subprocess.run(
        [str(program), *where, "--checkpoint=fast", "--no-sync", *options],
        env={"PATH": "/usr/bin:/bin", "PGPASSWORD": password},
        check=True,
    )


FOLLOWED = (object_store.ORDERS, object_store.OUTCOMES)
"""Folders that are written anew under a new key."""


def copy_new(store: Path, to: Path, *, but: Collection[str] = ()) -> None:
    """Do as the crontab of docs/operators/one-machine.md with an object store, but for these
    folders: what is there stays, and orders of destruction follow. Objects may go meanwhile."""
    for each in [*store.rglob("*")]:
        place = to / each.relative_to(store)
        is_new = each.parent.name in FOLLOWED or not place.exists()
        if each.is_file() and each.parent.name not in but and is_new:
            place.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileNotFoundError):
                shutil.copy2(each, place)


def give_to_server(*paths: Path) -> None:
    """Let the user that the server runs as own these files and folders, with all in them."""
    if not (account := _account()):
        return
    for path in paths:
        for each in (path, *path.rglob("*")):
            os.chown(each, *account, follow_symlinks=False)


def put_back(base: Path, data: Path) -> None:
    """A base back-up as the folder of a server's data, to be followed by what was archived."""
    shutil.copytree(base, data, symlinks=True)
    data.chmod(0o700)
    (data / "recovery.signal").touch()
    give_to_server(data)
