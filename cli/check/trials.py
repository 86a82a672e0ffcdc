"""`postkamer check --live`: numbers that are on trial by the record."""

import asyncio
from collections.abc import Mapping

from cli.check.servers import ServerCheck
from services.config import settings
from services.postgres.database import DATABASE_ERRORS, reading_connection

SECONDS = 5.0
ON_TRIAL = "number {number}: is on trial; it sends only to its guest list ({guests} on it)"

_TRIALS = """
select t.number, count(g.number) as guests
from deliverer.trial t left join deliverer.guest g on g.number = t.number
where t.live_at is null group by t.number order by t.number
"""


def check_trials(environ: Mapping[str, str]) -> ServerCheck:
    """Return a warning for each number on trial. `check_servers` reports a database that does not
    answer, and `migrate` one without the table."""
    try:
        url = settings.load(settings.DatabaseSettings, environ).database_url.get_secret_value()
        rows = asyncio.run(_read(url))
    except (settings.SettingsError, *DATABASE_ERRORS):
        return ServerCheck()
    return ServerCheck(warnings=[ON_TRIAL.format(**row) for row in rows])


async def _read(url: str) -> list[dict[str, object]]:
    async with reading_connection(url, "postkamer-check", SECONDS) as connection:
        return [dict(row) for row in await connection.fetch(_TRIALS)]
