"""A configuration of which two versions were in force, with a database and the command line."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from click.testing import Result

from router.model.hashes import keyed_hash
from router.ruleset.context import create_version
from router.store.store import Store
from services.config import loader
from services.config.loader import LoadedConfig
from services.postgres.database import Pool
from tests.support.cli.command_line import postkamer
from tests.support.config_files import approved_rules
from tests.support.integration.parked_deliveries import on

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


class Town:
    """The second of two versions, without an approval, is the present one."""

    def __init__(self, path: Path, url: str) -> None:
        self.path, self.url = path, url
        self.first, self.second = (self.write(name) for name in ("De secretaris", ""))
        for n, each in enumerate((self.first, self.second)):
            self.store(each, NOON + n * timedelta(days=1))

    def write(self, approved_by: str) -> LoadedConfig:
        self.path.write_text(approved_rules(approved_by))
        return loader.load(self.path)

    def store(self, version: LoadedConfig, at: datetime) -> None:
        """Store a version as the router does before it decides anything by it."""

        async def work(pool: Pool) -> None:
            await Store(pool).store_version(create_version(version, at, keyed_hash(b"k")))

        on(self.url, work)

    def __call__(self, *arguments: str, **env: str) -> Result:
        env = {"POSTKAMER_CONFIG": str(self.path), "POSTKAMER_DATABASE_URL": self.url} | env
        return postkamer("rules", *arguments, env=env)
