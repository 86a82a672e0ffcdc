"""A PostgreSQL that is backed up, archived and restored by what one machine has: deploy/one_machine
and docs/operators/one-machine.md. Its folder `away` stands for the machine with the back-ups."""

import os
import re
import shutil
import subprocess
import time
from pathlib import Path

from deploy.local.postgresql import OWNER, binaries
from deploy.local.process_tree import POLL_SECONDS
from tests.support.decrypted_record import Readable
from tests.support.integration.back_up import give_to_server, put_back

ROOT = Path(__file__).parents[3]
SCRIPTS, PAGE = ROOT / "deploy" / "one_machine", ROOT / "docs" / "operators" / "one-machine.md"
SECONDS = 60.0
[RESTORE] = re.findall(r"`restore_command = '(.*)'`", PAGE.read_text())
SETTINGS = f"""
archive_mode = on
archive_command = 'sh ../archive_wal "%p" "%f" ../away/wal'
restore_command = '{RESTORE.replace("/usr/local/lib/postkamer/", "sh ../")} ../away/wal'
"""
"""The server's folder is its data, which may lie where its user cannot walk to: so the ways are
relative. There is no `archive_timeout`: the test says when a segment is full."""
ARCHIVED = "select coalesce(last_archived_wal, '') >= '{}' from pg_stat_archiver"


class ArchivedDatabase(Readable):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder, durable=False)
        self.away = self.folder / "away"
        self.bases = self.away / "base"
        self.objects = self.away / "objects"

    def start(self) -> None:
        """Start it for the first time, or restored, and wait until it may be written."""
        if not self.away.exists():
            scripts = [self.folder / name for name in ("archive_wal", "restore_wal")]
            for script in scripts:
                shutil.copy(SCRIPTS / f"{script.name}.sh", script)
            wal = self.away / "wal"
            for each in (wal, self.bases):
                each.mkdir(parents=True)
            give_to_server(*scripts, wal)
            with (self.folder / "data" / "postgresql.conf").open("a") as file:
                file.write(SETTINGS)
        super().start()
        self._wait_for("select not pg_is_in_recovery()")

    def back_up(self) -> None:
        at = {"PGHOST": "127.0.0.1", "PGPORT": str(self.port), "PGUSER": OWNER}
        programs = binaries(self.folder / "data")[1]
        password = (self.folder / "password").read_text()
        subprocess.run(
            ["sh", SCRIPTS / "back_up.sh", self.away],
            env=at | {"PGPASSWORD": password, "PATH": f"{programs}:{os.environ['PATH']}"},
            check=True,
        )

    def archive_now(self) -> None:
        """Do what `archive_timeout` does each minute, and wait until the segment is archived."""
        name = self.execute("select pg_walfile_name(pg_switch_wal())")
        self._wait_for(ARCHIVED.format(name))

    def lose(self) -> None:
        """End it and its disk; what was archived is elsewhere."""
        self.kill()
        shutil.rmtree(self.folder / "data")

    def put_back(self) -> None:
        [base] = self.bases.iterdir()
        put_back(base, self.folder / "data")

    def _wait_for(self, sql: str) -> None:
        deadline = time.monotonic() + SECONDS
        while self.execute(sql) != "t":
            assert time.monotonic() < deadline, sql
            time.sleep(POLL_SECONDS)
