"""Settings of one service among several: the settings that all share, and those in its own file."""

import re
from collections.abc import Mapping

from deploy.local.errors import Refusal
from deploy.local.plan import Service

LINE = re.compile(
    r"""(?P<name>[A-Za-z_][A-Za-z0-9_]*)=
        (?: (?P<plain>[\w@%+=:,./?*-]*) | '(?P<single>[^']*)' | "(?P<double>[^"$`\\]*)" )""",
    re.VERBOSE | re.ASCII,
)
"""A setting, written so that a shell and systemd's `EnvironmentFile` read the same in it."""
OF_THE_SUPERVISOR = ("NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC", "LISTEN_PID", "LISTEN_FDS")
"""Variables by which a service manager and the supervisor know one another, and nobody else."""


def environment_of(
    service: Service, shared: Mapping[str, str], own: Mapping[str, str]
) -> dict[str, str]:
    """Return the environment of a service: what is its own wins. It has address and port of its
    health, with their defaults."""
    defaults = {"POSTKAMER_BIND": "127.0.0.1", service.port.variable: str(service.port.default)}
    chosen = defaults | dict(shared) | dict(own)
    return {name: value for name, value in chosen.items() if name not in OF_THE_SUPERVISOR}


def parse_settings(text: str, file: str) -> dict[str, str]:
    """Return the settings of a file: lines `NAME=value`, a value with other than letters, digits
    and @%+=:,./?*- in quotes, and comments. Refusal names the line, and no value.
    """
    settings = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = LINE.fullmatch(line.strip())
        if match is None:
            raise Refusal(f"{file}:{number}: expected NAME=value, most values in single quotes")
        settings[match["name"]] = match["plain"] or match["single"] or match["double"] or ""
    return settings
