"""Names of all departments of the municipality, also of those that an employee does not reach."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from desk.postkamer.client import Refused, Unanswered

KEPT_SECONDS = 300.0
"""Time for which names are used: a new department is called by its id so long."""
AWAY_SECONDS = 60.0
"""The same after a refusal, or none, so that no list waits for the gateway again."""

Ask = Callable[[str], Awaitable[Mapping[str, str]]]
"""Returns the names by id, for an access token. Raises Refused and Unanswered."""


class DepartmentNames:
    """Names of one municipality: a desk serves one."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._names: Mapping[str, str] = {}
        self._until = 0.0

    async def get(self, token: str) -> Mapping[str, str]:
        """Return the names by id, as far as they are known."""
        now = asyncio.get_running_loop().time()
        if now >= self._until:
            self._until = now + AWAY_SECONDS  # others go on with what there is meanwhile
            try:
                self._names = await self._ask(token)
            except (Refused, Unanswered):
                return self._names
            self._until = now + KEPT_SECONDS
        return self._names
