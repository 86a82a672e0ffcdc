"""An example receiver at work: its program, its database, and the answers to what is posted."""

import http.client
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from deploy.local.state import free_port
from tests.support.receivers.vectors import FIRST, NEXT

EXAMPLES = Path(__file__).parents[3] / "docs" / "integrators" / "receivers"
SPRING_BOOT = ".m2/repository/org/springframework/boot/spring-boot-starter-parent"
Command = list[str]


def python_command(_: Path) -> Command:
    return [sys.executable, str(EXAMPLES / "python" / "receiver.py")]


def dotnet_command(folder: Path) -> Command:
    project = shutil.copytree(EXAMPLES / "dotnet", folder / "dotnet")
    subprocess.run(["dotnet", "publish", "-o", "out"], cwd=project, check=True)
    return ["dotnet", str(project / "out" / "Receiver.dll")]


def java_command(folder: Path) -> Command:
    project = shutil.copytree(EXAMPLES / "java", folder / "java")
    subprocess.run(["mvn", "-q", "--offline", "package"], cwd=project, check=True)
    return ["java", "-jar", str(project / "target" / "receiver.jar")]


COMMANDS: dict[str, Callable[[Path], Command]] = {
    "python": python_command,
    "dotnet": dotnet_command,
    "java": java_command,
}
"""Builds an example in a folder, and returns the command that starts it."""
PROGRAMS: dict[str, list[str]] = {
    "python": [],
    "dotnet": ["dotnet"],
    "java": ["java", "mvn", SPRING_BOOT],
}
"""Programs, and libraries in the home folder, that each needs."""


def missing(language: str) -> str:
    """Return the first program that this machine lacks for an example; '' if it has all."""
    for name in PROGRAMS[language]:
        if not (shutil.which(name) or (Path.home() / name).exists()):
            return f"{name} is not on this machine"
    return ""


class Program:
    """A receiver that runs, with the lines that it writes and the rows that it stored."""

    def __init__(self, process: "subprocess.Popen[str]", port: int, database: Path) -> None:
        self.process, self.port, self._database = process, port, database

    def line(self) -> str:
        """Return the next line: outcome, sequence and id of an event."""
        assert self.process.stdout
        return self.process.stdout.readline().rstrip("\n")

    def post(self, body: bytes, headers: Mapping[str, str]) -> int:
        """Return the status of the answer; 0 if there was none."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)) as connection:
            try:
                connection.request("POST", "/events", body, dict(headers))
                return connection.getresponse().status
            except ConnectionError:
                return 0

    def query(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self._database)) as database, database:
            return database.execute(sql, parameters).fetchall()

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()

    def wait_until_it_listens(self) -> None:
        while self.process.poll() is None:
            with socket.socket() as attempt:
                if attempt.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.01)  # between two looks; nothing tells when it listens
        raise AssertionError("the receiver has ended")


@contextmanager
def running(command: Sequence[str], database: Path, secret: str = FIRST) -> Iterator[Program]:
    """Run a receiver that knows two secrets."""
    port = free_port()
    own = {"CRM_SECRET": secret, "CRM_SECRET_NEXT": NEXT if secret else ""}
    own |= {"CRM_DATABASE": str(database), "PORT": str(port)}
    with subprocess.Popen(
        command,
        env=os.environ | own,
        cwd=database.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        program = Program(process, port, database)
        try:
            program.wait_until_it_listens()
            yield program
        finally:
            program.stop()
