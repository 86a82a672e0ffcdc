"""Free ports: given to one process at a time, for its own servers."""

import os
import random
import socket
import subprocess
import sys
from contextlib import ExitStack

import pytest

from deploy.local.state import free_port, obstacle

SEED = os.getpid()
"""Other runs of these tests look through other ports."""
ANOTHER = f"import random; from deploy.local.state import free_port; random.seed({SEED}); "


def another(then: str) -> str:
    """Output of another process that looks through the same ports in the same order."""
    command = [sys.executable, "-c", ANOTHER + then]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def the_same_again() -> int:
    random.seed(SEED)
    return free_port()


def test_free_port_is_given_once_until_its_process_ends() -> None:
    theirs = another("print(free_port(), free_port())").split()
    assert len(set(theirs)) == 2
    ours = the_same_again()
    assert str(ours) == theirs[0], "its process has ended"
    assert the_same_again() != ours
    assert int(another("print(free_port())")) != ours


def test_port_with_a_listener_is_not_given() -> None:
    port = int(another("print(free_port())"))
    with socket.create_server(("127.0.0.1", port)):
        assert the_same_again() != port


@pytest.mark.parametrize("shared", [False, True])
def test_server_may_listen_on_a_free_port_twice(shared: bool) -> None:
    port = free_port()
    for _ in range(2):
        assert obstacle("127.0.0.1", port) == ""
        with ExitStack() as servers:
            for _ in range(1 + shared):
                server = socket.create_server(("127.0.0.1", port), reuse_port=shared)
                servers.enter_context(server)
            socket.create_connection(("127.0.0.1", port)).close()
        assert obstacle("127.0.0.1", port) == ""
