"""Listening on a channel of PostgreSQL (NOTIFY), with the gaps told.

A notice comes at the commit of what it tells of. A lost connection loses notices, so the listener
is told of each gap, and looks for itself.
"""

import asyncio
import random
from collections.abc import Callable, Mapping

import structlog

from services.backoff import Backoff
from services.postgres.database import FIRST_WAIT, LONGEST_WAIT, is_transient
from services.postgres.primary import Address, Primary

CHECK_SECONDS = 5.0
"""Pause between questions to the server: a connection that is cut off says nothing by itself."""
ANSWER_SECONDS = 3.0

log = structlog.get_logger()


async def listen(
    url: Address,
    channel: str,
    settings: Mapping[str, str],
    *,
    on_notice: Callable[[str], None],
    on_gap: Callable[[], None],
) -> None:
    """Call `on_notice` with the payload of each notice, and `on_gap` whenever a connection was made
    anew, for as long as this runs."""
    backoff = Backoff(FIRST_WAIT, LONGEST_WAIT, random.random)
    while True:
        try:
            connection = await Primary(url).connect(server_settings=dict(settings))
            try:
                await connection.add_listener(channel, lambda *given: on_notice(str(given[-1])))
                on_gap()
                backoff = Backoff(FIRST_WAIT, LONGEST_WAIT, random.random)
                while True:
                    await asyncio.sleep(CHECK_SECONDS)
                    await connection.execute("select 1", timeout=ANSWER_SECONDS)
            finally:
                connection.terminate()
        except Exception as error:
            if not is_transient(error):
                raise
            log.warning("database.away", what="channel", exc_info=error)
        await asyncio.sleep(backoff.next_delay())
