"""A configuration of which two versions were in force, with a database and the command line."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import Result

from router.model.hashes import keyed_hash
from router.ruleset.context import create_version
from router.store.store import Store
from services.config import loader
from services.config.loader import LoadedConfig
from services.config.reload import ActiveVersion
from services.postgres.database import Pool
from services.postgres.taken_version import is_taken
from tests.support.cli.command_line import postkamer
from tests.support.config_files import approved_rules, replaced
from tests.support.integration.parked_deliveries import on
from tests.support.observer import until_true

TEST = """
[[tests]]
tenant = "almelo"
table = "tabel.csv"
at_least = 0.5
"""
"""A table of messages by which a router judges."""
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
            await Store(pool).versions.store(create_version(version, at, keyed_hash(b"k")))

        on(self.url, work)

    def __call__(self, *arguments: str, **env: str) -> Result:
        env = {"POSTKAMER_CONFIG": str(self.path), "POSTKAMER_DATABASE_URL": self.url} | env
        return postkamer("rules", *arguments, env=env)


def note_questions(monkeypatch: pytest.MonkeyPatch, service: str) -> list[str]:
    """Return a list of the versions of which a service asks if they are on record."""
    asked: list[str] = []

    async def ask(pool: Pool, version: str) -> bool:
        asked.append(version)
        return await is_taken(pool, version)

    monkeypatch.setattr(f"{service}.service.is_taken", ask)
    return asked


async def takes_a_judged_version(
    pool: Pool, file: Path, active: ActiveVersion, asked: list[str]
) -> None:
    """Add a table of messages; the service goes by the new version once a router stored it."""
    replaced(file, loader.read_text(file) + TEST)
    new = loader.load(file)
    await until_true(lambda: asked.count(new.version) > 1)
    assert active.loaded.version != new.version
    await Store(pool).versions.store(create_version(new, NOON, keyed_hash(b"k")))
    await until_true(lambda: active.loaded.version == new.version)
