"""The session of a person who logged in. Pure."""

from datetime import datetime, timedelta

import msgspec

from sandbox.identity.people import Person

SESSION_TIME = timedelta(hours=8)
"""Length of a session, and so of its last refresh token: a working day."""


class Session(msgspec.Struct, frozen=True):
    id: str
    person: Person
    issuer: str
    """Address of the provider at which the person logged in."""
    scope: str
    nonce: str
    began: datetime
    refresh: str = ""
    """Refresh token that is valid now; '' before the code was used."""

    @property
    def ends(self) -> datetime:
        return self.began + SESSION_TIME
