"""One tampering: by whom, what was done, and by what it is found after how long."""

from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import TypeAlias

import msgspec

from tests.support.tamperings.laboratory import Laboratory

Deed: TypeAlias = Callable[[Laboratory], Awaitable[object]]


class Who(StrEnum):
    """Attackers, as the page heads their tables."""

    DATABASE = "All rights on the database, and no key"
    STORE = "All rights on the object store"
    SIGNING_KEY = "The database and the signing key"
    ALL_BUT_WITNESS = "All of these, but not the witness"


VERIFY = "archive verify"
INDEX = "archive verify --index"
MEDIA = "archive verify --media"
WITNESS = "archive verify --witness KEY"
"""With the key of a witness, whose address is in the settings."""
LOOK, CHECKPOINT, QUARTER, HOUR = (
    "at the next look",
    "within a minute",
    "after 15 minutes",
    "after an hour",
)
"""After how long: `archive verify` runs every night, or whenever somebody wants to know."""


class Tampering(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    who: Who = Who.DATABASE
    what: str
    """One sentence of the page."""
    act: str | Deed
    """SQL as the owner of the tables, with names such as `:place`, or a function."""
    found_by: str = VERIFY
    """A command of `postkamer`, or an alarm; "" if nothing finds it."""
    after: str = LOOK
    says: str = ""
    """Part of what the command prints."""
    code: int = 1
    """Exit code of the command: 3 if what was done keeps it from looking, which it says."""
    at: str = ""
    """Name of the position that the command prints before it."""
    why_not: str = ""
    """Reason for which nothing finds it."""
