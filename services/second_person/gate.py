"""The gate of a running service, before it goes by another version of rules and texts."""

from collections.abc import Awaitable, Callable

from services.config.loader import LoadedConfig
from services.config.reload import ActiveVersion
from services.postgres.database import ANSWER_SECONDS, DATABASE_ERRORS, Pool
from services.second_person.judgement import PERSONS, count_missing_persons
from services.second_person.table import read_standing
from services.tasks import with_timeout

AWAY = "whether it counts is not known, as the database does not answer"
WAITS = {1: "it waits for a second person to stand for it", PERSONS: "it waits for two persons"}
"""Number of persons who are missing -> why a version does not count."""


class NotInForce(Exception):
    """This process started with a version that does not count, while the database was away. At its
    next start it takes the one in force."""


async def _note_nothing(_: LoadedConfig) -> None:
    """Services but the router keep no version that waits."""


class VersionGate:
    """`note` is called with each version that waits, once its files were read."""

    def __init__(
        self,
        pool: Pool,
        active: ActiveVersion,
        note: Callable[[LoadedConfig], Awaitable[None]] = _note_nothing,
    ) -> None:
        self._pool, self.active, self.note = pool, active, note
        self._asks: bool | None = None
        """The version in force asked for a second person at the last look; None before one."""
        self._is_verified = False

    async def why_waiting(self, version: str) -> str:
        """Return why a version does not count yet; '' if it does. While the database is away, one
        counts only where nobody asked for a second person before."""
        try:
            standing = await with_timeout(ANSWER_SECONDS, read_standing(self._pool, version))
        except (TimeoutError, *DATABASE_ERRORS):
            return "" if self._asks is False else AWAY
        self._asks = standing.in_force is not None and standing.in_force.asks
        return WAITS.get(count_missing_persons(version, standing), "")

    async def verify(self) -> None:
        """Raise NotInForce if what this process started with does not count. Once that is known, do
        nothing."""
        if self._is_verified:
            return
        version = self.active.loaded.version
        why = await self.why_waiting(version)
        if why and why != AWAY:
            raise NotInForce(f"version {version}: {why}")
        self._is_verified = not why
