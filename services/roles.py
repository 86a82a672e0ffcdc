"""Roles of those who call the APIs. Pure."""

from typing import Literal, get_args

Role = Literal[
    "send", "care", "kcc", "read", "rules", "records", "archivist", "privacy", "operator"
]
ROLES: tuple[Role, ...] = get_args(Role)
"""send: send messages to citizens, handle conversations for a department, and recover what was sent
to a destination of its own. care: confirm alarms and nothing else. kcc: set notices on numbers,
release withheld events and merge conversations, for the contact centre. read: call the archiver's
API. rules: try and read the rules and stand for them, at the router's. With it and the others a
person's token runs commands (`cli.support.person.PERSONAL`)."""
