"""This process among the others of an installation: its name, and the version that it runs."""

import os
import socket
from importlib.metadata import version

LONGEST_HOST = 30
"""Characters of the host's name: PostgreSQL shows 63 of the name of a session."""
VERSION = version("postkamer")


def instance_name() -> str:
    """Return the name of this process, such as `web1/2211`; others see it in the database too."""
    return f"{socket.gethostname().partition('.')[0][:LONGEST_HOST]}/{os.getpid()}"


def session_name(service: str) -> str:
    """Return the name by which PostgreSQL shows the sessions of this process."""
    return f"postkamer-{service} {instance_name()}"
