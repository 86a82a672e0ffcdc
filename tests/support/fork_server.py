"""An interpreter that has imported a service and forks one process for each that a test starts.

    python -m tests.support.fork_server SOCKET NAME

A fork starts in some milliseconds where an import takes up to a second, and is then what `python -m
cli.main NAME` is: a session, directory, environment, log and memory of its own. Requests come
through the socket of that number, each with the log of the new process and a socket that gets its
pid and, at its end, its exit code. The server ends when the other side has closed.
"""

import contextlib
import ctypes
import importlib
import json
import os
import runpy
import selectors
import signal
import socket
import sys
from typing import Any

import msgspec

from tests.support.faults import line_kills
from tests.support.known_types import remember_types

COMMAND = "cli.main"
MOST_BYTES = 64 * 1024
"""Most bytes of a request: the environment of a service has some 3,000."""
PR_SET_PDEATHSIG = 1


class Child(msgspec.Struct):
    """A process that was forked, and the socket that waits for its exit code."""

    pid: int
    end: int
    """Descriptor that can be read when the process has ended."""
    answer: socket.socket
    """Its other side is closed when the exit code was read."""

    def go_on(self, ready: int) -> int | None:
        """Tell its exit code once it has ended, and free its pid once the code was read: until then
        a signal still finds it, as with `Popen`. Return what to wait for next."""
        if ready == self.end:
            self._tell_exit_code()
            return self.answer.fileno()
        os.waitpid(self.pid, 0)
        self.close()
        return None

    def _tell_exit_code(self) -> None:
        found = os.waitid(os.P_PIDFD, self.end, os.WEXITED | os.WNOWAIT)
        assert found
        code = found.si_status if found.si_code == os.CLD_EXITED else -found.si_status
        with contextlib.suppress(BrokenPipeError):  # nobody waits for it any more
            self.answer.send(str(code).encode())

    def close(self) -> None:
        os.close(self.end)
        self.answer.close()


def serve(control: socket.socket) -> dict[str, Any] | None:
    """Fork for each request. Return it in the new process; None in the server, at its end."""
    children: dict[int, Child] = {}
    with selectors.DefaultSelector() as selector:
        selector.register(control, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if child := children.pop(key.fd, None):
                    selector.unregister(key.fd)
                    if next_end := child.go_on(key.fd):
                        children[next_end] = child
                        selector.register(next_end, selectors.EVENT_READ)
                    continue
                message, files, _, _ = socket.recv_fds(control, MOST_BYTES, 2)
                if not message:
                    return None
                log, answer = files[0], socket.socket(fileno=files[1])
                if not (pid := os.fork()):
                    for sibling in children.values():
                        sibling.close()
                    _set_apart(log, answer)
                    return dict(json.loads(message))
                os.close(log)
                end = os.pidfd_open(pid)
                children[end] = Child(pid, end, answer)
                selector.register(end, selectors.EVENT_READ)


def _set_apart(log: int, answer: socket.socket) -> None:
    """Lead a session that ends with the server, write to `log`, and tell the pid."""
    os.setsid()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for file, number in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(file, number)
    os.close(nothing)
    os.close(log)
    with answer:
        answer.send(str(os.getpid()).encode())


def run(request: dict[str, Any]) -> None:
    """Be the process that was asked for."""
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.argv = [COMMAND, *request["arguments"]]
    if line := int(os.environ.pop(line_kills.VARIABLE, "0")):
        line_kills.die_at(line)
    runpy.run_module(COMMAND, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _, number, name = sys.argv
    for module in ("cli.services", "cli.support.command_line", "uvloop", f"{name}.service"):
        importlib.import_module(module)
    remember_types()
    with socket.socket(fileno=int(number)) as control:
        request = serve(control)
    if request:
        run(request)
