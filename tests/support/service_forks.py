"""Processes of services for tests, forked from interpreters that have imported the services."""

import atexit
import functools
import json
import os
import shutil
import signal
import socket
import sys
import tempfile
from pathlib import Path

from deploy.local.process import Process, Program, Running, spawn
from tests.support import fork_server

ROOT = Path(__file__).parents[2]
MOST_BYTES = 32
"""Most bytes of a pid or an exit code."""


class Fork:
    """A forked process, as much of `Popen` as `Process` asks."""

    def __init__(self, answer: socket.socket) -> None:
        self._answer = answer
        self._code: int | None = None
        self.pid = int(answer.recv(MOST_BYTES))

    def poll(self) -> int | None:
        try:
            return self._read_code(socket.MSG_DONTWAIT)
        except BlockingIOError:
            return None

    def wait(self) -> int:
        return self._read_code()

    def _read_code(self, flags: int = 0) -> int:
        if self._code is None:
            # Without a server there is no answer, and the fork has ended with it.
            self._code = int(self._answer.recv(MOST_BYTES, flags) or -signal.SIGKILL)
            self._answer.close()
        return self._code

    def send_signal(self, number: int, /) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)


def fork(program: Program, output: int) -> Running:
    """Start a service. One with libraries of its own, such as another clock, is not forked."""
    if "LD_PRELOAD" in program.environment:
        return spawn(program, output)
    _, _, module, *arguments = program.arguments
    assert module == fork_server.COMMAND
    request = {
        "cwd": str(program.cwd),
        "environment": dict(program.environment),
        "arguments": arguments,
    }
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        files = [output, theirs.fileno()]
        socket.send_fds(_servers[arguments[0]], [json.dumps(request).encode()], files)
    return Fork(ours)


def start_servers(*names: str) -> None:
    """Start the servers of these services, side by side; they end with this process."""
    for name in names:
        if name not in _servers:
            _servers[name] = _start_server(name)


_servers: dict[str, socket.socket] = {}
"""Service -> the way to its server. They are started before and not by `fork`, because `fork` runs
in the one thread that starts processes."""


def _start_server(name: str) -> socket.socket:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    program = Program(
        name=name,
        arguments=(sys.executable, "-m", fork_server.__name__, str(theirs.fileno()), name),
        environment={"PATH": "/usr/bin:/bin", "PYTHONUNBUFFERED": "1"},
        folder=_folder(),
        cwd=ROOT,
        descriptors=(theirs.fileno(),),
    )
    server = Process(program)
    with theirs:
        server.start()
    atexit.register(server.kill)
    atexit.register(ours.close)
    return ours


@functools.cache
def _folder() -> Path:
    """Folder of the servers' logs."""
    folder = Path(tempfile.mkdtemp(prefix="postkamer-forks-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
