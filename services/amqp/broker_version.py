"""Version that a broker gives itself."""

import logging

from yarl import URL

from services.amqp.connection import CONNECT_SECONDS, open_connection


async def read_broker_version(url: str) -> str:
    """Return the version of the node at `url`; '' if it gives none."""
    # The library also logs each error that it raises, which would print it twice.
    logging.getLogger("aiormq.connection").setLevel(logging.CRITICAL)
    async with await open_connection(URL(url), CONNECT_SECONDS) as connection:
        properties = connection.transport.connection.server_properties  # type: ignore[union-attr]
        version = properties.get("version", "")
        return version.decode() if isinstance(version, bytes) else str(version)
