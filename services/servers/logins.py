"""Logins that stand apart from the address of a server: a file holds a password alone."""

import re
from urllib.parse import quote

LOGINS = {
    "amqp_url": "AMQP",
    "broker_management_url": "BROKER_MANAGEMENT",
    "database_url": "DATABASE",
}
"""Setting with an address -> the beginning of its `_USER` and `_PASSWORD`."""
WITHOUT_PASSWORD = re.compile(
    r"(?P<scheme>(?:^|,)\s*[a-z]+://)(?![^/?#]*:[^/?#@]*@)(?:(?P<user>[^/?#:@,]*)@)?"
)
"""Beginning of an address up to its host, if there is no password in it. Commas separate addresses,
and also the hosts of one database."""


def add_login(addresses: str, user: str, password: str) -> str:
    """Return addresses with `password` in each that has none, and `user` in each that names
    nobody. Any sign may stand in both. Pure."""

    def complete(found: re.Match[str]) -> str:
        name = found["user"] or quote(user, safe="")
        return f"{found['scheme']}{name}:{quote(password, safe='')}@"

    return WITHOUT_PASSWORD.sub(complete, addresses)
