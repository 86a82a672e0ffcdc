"""A PostgreSQL and its synchronous stand-by, as docs/operators/cluster.md sets them up."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path

from deploy.local.postgresql import OWNER, Database
from deploy.local.process_tree import POLL_SECONDS
from tests.support.decrypted_record import Readable
from tests.support.integration.back_up import copy_base, give_to_server

FOLLOW_SECONDS = 30.0
SYNCHRONOUS = "alter system set synchronous_standby_names = '{}'"
RELOAD = "select pg_reload_conf()"
IN_STEP = "select count(*) from pg_stat_replication where sync_state = 'sync'"


class DatabasePair(Readable):
    """Two servers that a town takes for one database. `port` is the primary's."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, durable=False)
        self.standby = Database(folder.with_name("standby"), durable=False)
        self._both = self.port, self.standby.port

    def url_for(self, user: str, password: str, database: str = OWNER) -> str:
        hosts = ",".join(f"127.0.0.1:{port}" for port in self._both)
        return f"postgresql://{user}:{password}@{hosts}/{database}"

    def start(self) -> None:
        super().start()
        self.follow()

    def follow(self) -> None:
        """Make the stand-by a copy of the primary that follows it; from then on each commit waits
        for it."""
        self._copy()
        self.standby.start()
        self.execute(SYNCHRONOUS.format("*"))
        self.execute(RELOAD)
        deadline = time.monotonic() + FOLLOW_SECONDS
        while self.execute(IN_STEP) != "1":
            assert time.monotonic() < deadline, "the stand-by does not follow"
            time.sleep(POLL_SECONDS)

    def restore(self) -> None:
        """Make a stand-by if there is none."""
        process = self.standby.process
        if process is None or process.exit_code is not None:
            self.follow()

    def promote(self) -> None:
        """Make the stand-by the primary, of which the former one has ended. It waits for no
        stand-by until it has one."""
        self.port, self.standby.port = self.standby.port, self.port
        self.process, self.standby.process = self.standby.process, self.process
        self.folder, self.standby.folder = self.standby.folder, self.folder
        self.execute("select pg_promote()")
        self.execute(SYNCHRONOUS.format(""))
        self.execute(RELOAD)

    def kill(self) -> None:
        super().kill()
        self.standby.kill()

    def stop(self, hurry: Callable[[], bool] = lambda: False) -> bool:
        return all([super().stop(hurry), self.standby.stop(hurry)])

    def _copy(self) -> None:
        there = self.standby.folder
        there.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(there / "data", ignore_errors=True)
        copy_base(self, there / "data", "-R")
        shutil.copy2(self.folder / "password", there / "password")
        give_to_server(there / "password", there / "data")
