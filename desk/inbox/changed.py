"""News of changes, by which open pages hear that they should fetch what they show. It quotes
nothing."""

import msgspec

from desk.access import Access
from services.postgres.database import Connection

CHANNEL = "desk"
"""Channel on which PostgreSQL tells of changes."""


class Changed(msgspec.Struct, frozen=True):
    """News that a conversation has changed."""

    id: str
    source: str
    departments: tuple[str, ...]
    """The departments that have it, and had it before; none for an alarm."""
    is_alarm: bool = False
    """True if the alarm about it has changed, which concerns those on duty."""

    def concerns(self, access: Access) -> bool:
        """Return True if an employee is shown what has changed."""
        is_on_duty = access.is_on_duty and self.source == access.tenant.source
        is_reached = any(access.reaches(self.source, each) for each in self.departments)
        return is_reached or (self.is_alarm and is_on_duty)


async def announce(connection: Connection, news: Changed) -> None:
    await connection.execute(
        "select pg_notify($1, $2)", CHANNEL, msgspec.json.encode(news).decode()
    )
