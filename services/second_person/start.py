"""The configuration that a service starts with: its files, or the version in force while these wait
for a second person."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import structlog

from services.config import loader
from services.config.loader import LoadedConfig
from services.config.model import ConfigError
from services.config.settings import DatabaseSettings
from services.postgres.database import ANSWER_SECONDS, DATABASE_ERRORS, connection_pool
from services.second_person.judgement import count_missing_persons
from services.second_person.stored_files import files_in_folder
from services.second_person.table import load_files_in_force, read_standing
from services.tasks import with_timeout
from services.toml.errors import ConfigFault

StoredVersion = tuple[str, dict[str, str]]
"""A version, and the text of each of its files by its name."""
CHANGED = "what is kept of version {}, which is in force, is not what it was"

log = structlog.get_logger()


def load_counted(
    options: DatabaseSettings, file: Path, load: Callable[[Path], LoadedConfig]
) -> LoadedConfig:
    """Load the files, or those of the version in force where they do not count yet; ConfigError if
    those were altered. If the database does not answer, load the files: a running service asks
    again."""
    loaded = load(file)
    try:
        asked = with_timeout(ANSWER_SECONDS, _find_in_force(options, loaded.version))
        stored = asyncio.run(asked)
    except (TimeoutError, *DATABASE_ERRORS):
        return loaded
    if stored is None:
        return loaded
    version, files = stored
    log.warning("rules.waiting", version=loaded.version, reason=f"version {version} is in force")
    if loader.version(files) != version:
        raise ConfigError([ConfigFault(str(file), 0, "file", CHANGED.format(version))])
    with files_in_folder(files) as folder:
        return load(folder / file.name)


async def _find_in_force(options: DatabaseSettings, version: str) -> StoredVersion | None:
    """Return the version in force if it is another one, and this one does not count."""
    url = options.database_url.get_secret_value()
    async with connection_pool(url, "postkamer start", 1) as pool:
        if not count_missing_persons(version, await read_standing(pool, version)):
            return None
        return await load_files_in_force(pool)
