"""Versions of RabbitMQ and PostgreSQL that Postkamer can be run with. Pure."""

import re

FIRST_SOUND = {(4, 1): 8, (4, 2): 9}
"""Line of RabbitMQ -> its first version without the faults in quorum queues that lose confirmed
messages or block a publisher. Earlier lines have no such version, later lines have only such."""
OLDEST_POSTGRESQL = 15
"""Major version; the tables use features that it introduced."""
UNSOUND = (
    "its quorum queues can lose confirmed messages: for trial only."
    " For real citizens run 4.1.8, 4.2.9 or newer"
)


def parse_version(text: str) -> tuple[int, int, int] | None:
    """Return major, minor and patch; those that are not given are 0. None if it is no version."""
    found = re.match(r"(\d+)(?:\.(\d+))?(?:\.(\d+))?", text)
    return (int(found[1]), int(found[2] or 0), int(found[3] or 0)) if found else None


def describe_broker_fault(text: str) -> str:
    """Return the reason why this version of RabbitMQ is for trial only; '' if it is not."""
    version = parse_version(text)
    if version is None:
        return f"the broker gives no version ({text!r}); RabbitMQ must be 4.1.8, 4.2.9 or newer"
    line = version[:2]
    is_sound = version[2] >= FIRST_SOUND[line] if line in FIRST_SOUND else line > max(FIRST_SOUND)
    return "" if is_sound else f"RabbitMQ {text}: {UNSOUND}"


def describe_database_fault(text: str) -> str:
    """Return the reason why Postkamer does not run on this version of PostgreSQL; '' if it does."""
    version = parse_version(text)
    if version and version[0] >= OLDEST_POSTGRESQL:
        return ""
    return f"PostgreSQL {text}: must be {OLDEST_POSTGRESQL} or newer"
