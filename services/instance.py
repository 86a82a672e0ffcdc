"""This process among the others of an installation: its name, the version that it runs, and what it
leaves behind."""

import ctypes
import os
import resource
import socket
from contextlib import suppress
from importlib.metadata import version

LONGEST_HOST = 30
"""Characters of the host's name: PostgreSQL shows 63 of the name of a session."""
VERSION = version("postkamer")
PR_SET_DUMPABLE = 4
"""Number of the option in Linux, prctl(2)."""


def instance_name() -> str:
    """Return the name of this process, such as `web1/2211`; others see it in the database too."""
    return f"{socket.gethostname().partition('.')[0][:LONGEST_HOST]}/{os.getpid()}"


def session_name(service: str) -> str:
    """Return the name by which PostgreSQL shows the sessions of this process."""
    return f"postkamer-{service} {instance_name()}"


def forbid_core_dumps() -> None:
    """Leave no memory on a disk when this process crashes: it holds open text and keys.

    The limit of a size is not enough where the kernel pipes dumps to a program, so the process is
    also marked as not to be dumped (PR_SET_DUMPABLE), as far as the kernel has that.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


def give_back_free_memory() -> None:
    """Return the pages that the allocator holds free to the system, as far as the C library can."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
