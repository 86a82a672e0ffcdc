"""The archiver follows the configuration without a restart: what it calls confidential leaves the
tokens, and a number that is added has the account by which its files are fetched."""

from datetime import datetime
from pathlib import Path

import pytest

from archiver.service import follow_config, load_accounts, run_tokens
from cli.tokens import TokenRequest, add_token
from services import clock
from services.config import loader
from services.config.reload import ActiveVersion
from services.config.secret_files import LiveSettings
from services.config.settings import ArchiverSettings, load
from services.http.rights import Rights
from services.postgres.database import Pool
from tests.support.citizens import NUMBER
from tests.support.cli.command_line import SETTINGS
from tests.support.installation import EXAMPLE
from tests.support.integration.rule_versions import note_questions, takes_a_judged_version
from tests.support.observer import until

ADDED = """
[[numbers]]
id = "306540352242924"
tenant = "almelo"
fallback = "klantcontact"
"""
DEPARTMENT = 'id = "belastingen"\n'


async def test_department_that_becomes_confidential_leaves_a_token_for_all(
    pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.config.reload.POLL_SECONDS", 0.02)
    asked = note_questions(monkeypatch, "archiver")
    file, text = tmp_path / "postkamer.toml", EXAMPLE.read_text()
    file.write_text(text)
    version = ActiveVersion(loader.load(file))
    request = TokenRequest(name="desk", tenant="almelo", roles=["read"], all_departments=True)
    token = await add_token(pool, request)
    settings = load(ArchiverSettings, SETTINGS | {"POSTKAMER_CONFIG": str(file)})
    accounts, secrets = load_accounts(settings, version.loaded.config, SETTINGS)
    async with (
        run_tokens(settings, version.loaded.config, pool) as ring,
        follow_config(LiveSettings(settings, SETTINGS), version, pool, ring, accounts, secrets),
    ):
        await ring.refresh()
        now: datetime = clock.now()

        async def rights() -> Rights | None:
            return ring.find(token, now)

        def reaches(found: Rights | None) -> bool:
            return found is not None and found.handles("belastingen")

        assert reaches(await rights())
        confidential = text.replace(DEPARTMENT, f"{DEPARTMENT}confidential = true\n")
        file.write_text(confidential + ADDED)
        found = await until(rights, lambda found: not reaches(found), 20)
        assert found and found.handles("burgerzaken")
        assert version.loaded.config.confidential("almelo", ["belastingen"])
        assert accounts["306540352242924"].headers == accounts[NUMBER].headers
        await takes_a_judged_version(pool, file, version, asked)
