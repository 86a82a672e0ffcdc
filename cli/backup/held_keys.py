"""The keys and the configuration that are given, held against this database.

Nothing of a key is told.
"""

import os

from archiver.encryption.key_store import KeyStore
from cli.backup.finding import Finding
from cli.support.configuration import path_in_environment
from cli.support.output import count
from services import clock
from services.config import loader, settings
from services.config.model import ConfigError
from services.keys import working_keys
from services.keys.oldest_archive_key import OtherOldestKey, check_oldest_archive_key
from services.postgres.database import Pool
from services.sealing.wrapping import CannotDecrypt, fingerprint

ARCHIVE, WORKING, CONFIG = "POSTKAMER_ARCHIVE_KEY", "POSTKAMER_WORKING_KEY", "POSTKAMER_CONFIG"


async def check_keys(pool: Pool) -> list[Finding]:
    """Return what the keys of the environment do not open. SettingsError for one that is none."""
    archive = await _count_archive_keys(pool) if is_given(ARCHIVE) else (0, 0)
    working = await _count_working_keys(pool) if is_given(WORKING) else (0, 0)
    names = ((ARCHIVE, archive), (WORKING, working))
    findings = [_shut(name, shut, of) for name, (shut, of) in names if shut]
    return findings + await _check_oldest(pool) if is_given(ARCHIVE) else findings


async def _check_oldest(pool: Pool) -> list[Finding]:
    masters = settings.load(settings.ArchiveSettings, os.environ).archive_key
    try:
        await check_oldest_archive_key(pool, settings.key_bytes(masters[-1]))
    except OtherOldestKey as error:
        return [Finding(owner="keys", sentence=str(error))]
    return []


def is_given(name: str) -> bool:
    """Return True if a key, or the configuration, is in the environment."""
    return settings.read(name, os.environ) is not None


def _shut(name: str, shut: int, of: int) -> Finding:
    sentence = f"{name} does not open {shut} of {count(of, 'key|keys')} of this database"
    return Finding(owner="keys", sentence=sentence)


async def _count_archive_keys(pool: Pool) -> tuple[int, int]:
    """Return the number of keys of municipalities that do not open, and of all."""
    masters = settings.load(settings.ArchiveSettings, os.environ).archive_key
    keys = KeyStore(pool, [settings.key_bytes(key) for key in masters])
    rows, shut = await pool.fetch(_ARCHIVE_KEYS), 0
    for row in rows:
        try:
            keys.municipality_key_of_row(row)
        except CannotDecrypt:
            shut += 1
    return shut, len(rows)


async def _count_working_keys(pool: Pool) -> tuple[int, int]:
    given = settings.load(settings.WorkingKeySettings, os.environ)
    masters = working_keys.working_masters(given)
    rows = await pool.fetch(_WORKING_KEYS)
    known = {fingerprint(master) for master in masters}
    shut = sum(row["count"] for row in rows if row["master"] not in known)
    of = sum(row["count"] for row in rows)
    try:
        await working_keys.read_ring(pool, masters, clock.now().date())
    except working_keys.WrongWorkingKey:
        shut = of
    return shut, of


async def check_configuration(pool: Pool) -> Finding | None:
    """Compare the configuration that is given with the versions that the router has run."""
    path = path_in_environment()
    if path is None:
        return None
    try:
        version = loader.load(path).version
    except ConfigError as error:
        sentence = f"{CONFIG}: {len(error.faults)} faults: see postkamer check"
        return Finding(owner="configuration", sentence=sentence)
    rows = [row["version"] for row in await pool.fetch(_VERSIONS)]
    if rows and version not in rows:
        sentence = f"{CONFIG}: no router has run its version, {version}; the newest is {rows[0]}"
        return Finding(owner="configuration", is_retryable=True, sentence=sentence)
    return None


_ARCHIVE_KEYS = """
select tenant, purpose, version, wrapped, master from archiver.municipality_key
where wrapped is not null
"""
_WORKING_KEYS = """
select master, count(*) from sealing.working_key where wrapped is not null group by master
"""
_VERSIONS = "select version from router.version order by first_at desc"
