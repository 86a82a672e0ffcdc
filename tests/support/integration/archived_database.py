"""A PostgreSQL whose WAL is archived, as docs/operators/backup.md has it, and that is restored from
it. Folders `archive` and `base` beside the data stand for the machine with the back-ups."""

import shutil
import time
from pathlib import Path

from deploy.local.process_tree import POLL_SECONDS
from tests.support.decrypted_record import Readable
from tests.support.integration.back_up import copy_base, give_to_server, put_back

SECONDS = 60.0
SETTINGS = """
archive_mode = on
archive_command = 'test ! -f ../archive/%f && cp %p ../archive/%f'
restore_command = 'cp ../archive/%f %p'
"""
"""The server's folder is its data, which may lie where its user cannot walk to: so the ways are
relative. There is no `archive_timeout`: the test says when a segment is full."""
ARCHIVED = "select coalesce(last_archived_wal, '') >= '{}' from pg_stat_archiver"


class ArchivedDatabase(Readable):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder, durable=False)
        self.archive, self.base = self.folder / "archive", self.folder / "base"

    def start(self) -> None:
        """Start it for the first time, or restored, and wait until it may be written."""
        if not self.archive.exists():
            self.archive.mkdir()
            give_to_server(self.archive)
            with (self.folder / "data" / "postgresql.conf").open("a") as file:
                file.write(SETTINGS)
        super().start()
        self._wait_for("select not pg_is_in_recovery()")

    def back_up(self) -> None:
        copy_base(self, self.base)

    def archive_now(self) -> None:
        """Do what `archive_timeout` does each minute, and wait until the segment is archived."""
        name = self.execute("select pg_walfile_name(pg_switch_wal())")
        self._wait_for(ARCHIVED.format(name))

    def lose(self) -> None:
        """End it and its disk; what was archived is elsewhere."""
        self.kill()
        shutil.rmtree(self.folder / "data")

    def put_back(self) -> None:
        put_back(self.base, self.folder / "data")

    def _wait_for(self, sql: str) -> None:
        deadline = time.monotonic() + SECONDS
        while self.execute(sql) != "t":
            assert time.monotonic() < deadline, sql
            time.sleep(POLL_SECONDS)
