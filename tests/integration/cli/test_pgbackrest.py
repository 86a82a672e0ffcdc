"""The configuration of pgBackRest in docs/operators/backup.md works, and the check reads it."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from cli.backup.base_backup import judge_bases
from cli.backup.readings import ask_pgbackrest, read_server
from cli.backup.server_state import judge_server
from deploy.local.postgresql import _account, binaries
from deploy.local.state import free_port

PAGE = Path(__file__).parents[3] / "docs" / "operators" / "backup.md"
PROGRAM = shutil.which("pgbackrest")
DATA, REPOSITORY = "/var/lib/postgresql/17/main", "/var/lib/pgbackrest"
"""Folders of the page."""
SECONDS = 60

pytestmark = pytest.mark.skipif(not PROGRAM, reason="pgbackrest is not installed")


class Machine:
    """A server and a repository as the page has them, in a folder that their user reaches."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port, self._bin = folder, free_port(), binaries(folder / "data")[1]
        server, tool = re.findall(r"^```ini\n(.*?)^```", PAGE.read_text(), re.M | re.S)
        moved = tool.replace(DATA, str(folder / "data")).replace(REPOSITORY, str(folder / "repo"))
        moved = moved.replace(
            "[postkamer]", f"log-path={folder}\nlock-path={folder}\n\n[postkamer]"
        )
        (folder / "pgbackrest.conf").write_text(
            f"{moved}pg1-port={self.port}\npg1-socket-path={folder}\n"
        )
        self.tool = f"{PROGRAM} --config={folder}/pgbackrest.conf --stanza=postkamer"
        self.settings = server.replace("pgbackrest --stanza=postkamer", self.tool)

    def run(self, *words: object) -> None:
        """Run a program as the user of the server."""
        account = _account()
        user = {"user": account[0], "group": account[1], "extra_groups": []} if account else {}
        environment = {"PATH": os.environ["PATH"], "PGBACKREST_REPO1_CIPHER_PASS": "of a test"}
        subprocess.run(
            [str(word) for word in words],
            **user,  # type: ignore[call-overload]
            env=environment,
            cwd=self.folder,
            timeout=SECONDS,
            check=True,
        )

    def start(self) -> None:
        data = self.folder / "data"
        trust = ("--auth=trust", "-U", "postgres", "--data-checksums")
        self.run(self._bin / "initdb", "-D", data, *trust)
        where = f"port = {self.port}\nunix_socket_directories = '{self.folder}'\n"
        with (data / "postgresql.conf").open("a") as file:
            file.write(self.settings + where + "listen_addresses = '127.0.0.1'\n")
        self.run(self._bin / "pg_ctl", "-D", data, "-l", self.folder / "log", "-w", "start")

    def stop(self) -> None:
        self.run(self._bin / "pg_ctl", "-D", self.folder / "data", "-m", "immediate", "stop")


@pytest.fixture
def machine() -> Iterator[Machine]:
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        if account := _account():
            os.chown(name, *account)
        machine = Machine(Path(name))
        machine.start()
        try:
            yield machine
        finally:
            machine.stop()


async def test_configuration_of_the_page_makes_a_backup(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = machine.tool.split()
    monkeypatch.setenv("PGBACKREST_REPO1_CIPHER_PASS", "of a test")
    machine.run(*tool, "stanza-create")
    bare = await ask_pgbackrest(machine.tool)
    assert bare.faults == ["stanza postkamer: no valid backups"] and not bare.backups
    machine.run(*tool, "--type=full", "backup")
    machine.run(*tool, "--type=diff", "backup")
    report = await ask_pgbackrest(machine.tool)
    assert report.faults == [] and len(report.backups) == 2
    url = f"postgresql://postgres@127.0.0.1:{machine.port}/postgres"
    state, slots = await read_server(url)
    day = timedelta(days=1)
    assert list(judge_bases(report.backups, state.cluster, day, state.now)) == []
    assert list(judge_server(state, slots)) == [] and state.last_archived_wal
