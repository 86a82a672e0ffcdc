"""Versions of Open Klant, told by the header `API-version` of its answers. Pure.

A server may be upgraded, or set back, between two calls: the last answer counts.
"""

import re

RELEASES = {(0, 6): "2.15", (0, 7): "2.16", (0, 8): "2.17", (0, 9): "2.18"}
"""First two parts of the API's version -> release of Open Klant that has it."""
FIRST_WITHOUT_NUMBERS = (0, 7)
"""From this version on, Open Klant numbers no contact and no task by itself; we draw the number.
Before it, a number of ours would move the counter of the whole register."""

Version = tuple[int, int]


def parse_version(header: str) -> Version | None:
    """Return the first two parts of an `API-version`; None if it is no version."""
    found = re.match(r"(\d{1,4})\.(\d{1,4})(?!\d)", header)
    return (int(found[1]), int(found[2])) if found else None


def describe_version(version: Version | None) -> str:
    """Return the release in words."""
    if version is None:
        return "unknown"
    return RELEASES.get(version) or f"unknown (API {version[0]}.{version[1]})"


def takes_numbers(version: Version | None) -> bool:
    """True if we give objects their number. An unknown server is asked without one, and its answer
    shows if it drew one."""
    return version is not None and version >= FIRST_WITHOUT_NUMBERS
