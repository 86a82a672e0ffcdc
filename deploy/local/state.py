"""Ports and secrets that are chosen once, in one file that only its owner can read."""

import errno
import json
import os
import random
import secrets
import socket
from collections.abc import Callable
from pathlib import Path

from deploy.local.errors import Refusal

PORTS = range(20_000, 32_768)
"""Ports to choose from. Below Linux's ephemeral range (32768 and up), in which a client's socket
could occupy a port that we chose in an earlier run."""


def token() -> str:
    """Return a secret of 192 bits that needs no quoting in a URL, a file or SQL."""
    return secrets.token_hex(24)


class State:
    """JSON file of names and values. A missing value is made and stored on first use."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._values: dict[str, str] = {}
        if path.exists():
            try:
                self._values = json.loads(path.read_text())
            except ValueError as error:
                raise Refusal(
                    f"{path} is no JSON; put it back, or run `make clean` to start afresh."
                ) from error

    def secret(self, name: str, make: Callable[[], str] = token) -> str:
        """Return the secret of this name, made on the first call."""
        if name not in self._values:
            self._store(name, make())
        return self._values[name]

    def port(self, name: str) -> int:
        """Return a free port, the same as last time if that is free."""
        previous = self._values.get(name)
        if previous is None or obstacle("127.0.0.1", int(previous)):
            self._store(name, str(free_port()))
        return int(self._values[name])

    def is_own(self, url: str) -> bool:
        """Return True if a URL is that of a server of an earlier run, at one of these ports."""
        return any(f"@127.0.0.1:{value}/" in url for value in self._values.values())

    def _store(self, name: str, value: str) -> None:
        self._values[name] = value
        write_private(self._path, json.dumps(self._values, indent=2))


def write_private(path: Path, text: str) -> None:
    """Replace a file atomically by one that only we can read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def obstacle(bind: str, port: int) -> str:
    """Return why a server cannot listen there now, as the end of a sentence; '' if it can."""
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((bind, port))
            trial.listen(1)  # with SO_REUSEADDR two may bind, only one may listen
        except OSError as error:
            return REASONS.get(error.errno or 0, f"cannot be had ({error.strerror})")
    return ""


REASONS = {
    errno.EADDRINUSE: "is in use",
    errno.EACCES: "needs root (it is below 1024)",
    errno.EADDRNOTAVAIL: "cannot be had (this machine has no such address)",
}


def free_port() -> int:
    """Return a free port that no other caller of this function gets until this process ends.

    The port is bound but not listened on. A server can still take it, because servers bind with
    SO_REUSEADDR; this function binds without, and fails.
    """
    for port in random.sample(PORTS, 200):
        bound = socket.socket()
        try:
            bound.bind(("127.0.0.1", port))
        except OSError:
            bound.close()
            continue
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.detach()  # the port stays bound; some ten per installation that this process starts
        return port
    raise Refusal("No free port was found between 20000 and 32767 on 127.0.0.1.")
