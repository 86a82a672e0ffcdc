"""Work of destinations that the configuration has no more: it ends, and is seen.

Nobody delivers to such a destination and nobody polls its tasks. Without an end their rows would
stay for ever, and no metric has them. They end in small batches, since there may be many.
"""

import asyncio
from collections.abc import Callable, Collection

from deliverer.crm.destination_kind import Destinations
from deliverer.crm.resends import SET_FINISHED
from services import clock
from services.clearing import Clearing, clear_ended_rows
from services.postgres.database import Pool

ROUND_SECONDS = 3600.0
"""Interval between rounds: a twenty-fourth of the patience."""
PATIENCE = {"patience_days": 1}
"""Time for which such work is left as it is: a destination that one deliverer has already and
another has not yet is no removed one, and one that was removed by mistake is put back."""
REMOVED = "its destination was removed from the configuration"


async def end_removed_destinations(
    pool: Pool, destinations: Destinations, knows_all: Callable[[], bool]
) -> None:
    """End the work of removed destinations for as long as this runs. While this process refuses the
    configuration as it is now, another may have destinations that are not known here: then it ends
    nothing."""
    while True:
        if knows_all():
            await end_work(pool, [each.id for each in destinations()])
        await asyncio.sleep(ROUND_SECONDS)


async def end_work(pool: Pool, configured: Collection[str]) -> None:
    """Park the deliveries that wait for other destinations than these, and end their tasks, the
    commands that wait for them, the orders of their owners, and their secrets."""
    await clear_ended_rows(pool, clearings(configured), PATIENCE, clock.now())


def clearings(configured: Collection[str]) -> list[Clearing]:
    """Return what ends where these destinations are configured, in the order in which it does."""
    known = ", ".join(f"'{id}'" for id in configured)
    gone = f"destination <> all(array[{known}]::text[])"
    return [each._replace(ended=f"{gone} and {each.ended}") for each in _ENDINGS]


# A row without a body is an accepted event that was to be sent again: it was delivered once, and
# there is nothing to park.
_PARK = f"""
set state = case when body is null then 'settled' else 'parked' end,
    reason = case when body is null then reason else '{REMOVED}' end,
    at = case when body is null then at else now() end, told = told and body is null,
    resend = case when body is null then null else resend end,
    due_at = null
"""
_STATE = "of no destination"
_ENDINGS = (
    Clearing(
        "deliverer.delivery",
        "patience_days",
        since="due_at",
        ended="state in ('aside', 'replay')",
        action="update",
        setting=_PARK,
        state=_STATE,
    ),
    # The objects stay in the register of Open Klant, where the task is not touched.
    Clearing(
        "deliverer.internetaak",
        "patience_days",
        since="greatest(looked_at, asked_at, changing_at)",
        ended="not ended",
        action="update",
        setting="set ended = true, ended_at = now()",
        state=_STATE,
    ),
    # A closing that waits for the result of an answer: the result would come to this destination.
    # The conversation stays open, and closes as others do when nobody writes.
    Clearing(
        "deliverer.found_command",
        "patience_days",
        since="found_at",
        ended="waits_for is not null",
        state=_STATE,
    ),
    Clearing(
        "deliverer.resend",
        "patience_days",
        since="greatest(ordered_at, next_at)",
        ended="finished_at is null",
        action="update",
        setting=f"r {SET_FINISHED}",
        state=_STATE,
    ),
    Clearing(
        "deliverer.secret",
        "patience_days",
        since="known_at",
        ended="source = 'api' and (sealed is not null or ends_at is null)",
        action="update",
        setting="set sealed = null, ends_at = least(ends_at, now())",
        state=_STATE,
    ),
    # One that was ended stays, so that it does not revive when its destination is put back.
    Clearing(
        "deliverer.secret",
        "patience_days",
        since="known_at",
        ended="source = 'configuration' and ends_at is null",
        state=f"{_STATE}, configured",
    ),
)
