"""Numbers, destinations and departments that are added while a deliverer runs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from deliverer import running_destinations
from deliverer.credentials import load_credentials
from deliverer.crm.destination_kind import Credentials
from deliverer.current_config import CurrentConfig
from deliverer.meta.accounts import load_accounts
from deliverer.running_destinations import RunningDestination, run_destinations
from services.config import loader
from services.config.organisation import CloudEventsDestination, Destination
from services.config.rules_status import RefusedChange
from services.config.secret_files import LiveSettings
from services.config.settings import DelivererSettings, SettingsError, load
from services.tasks import background_task
from tests.support.cli.command_line import SETTINGS
from tests.support.config_files import ONE_DEPARTMENT

KEYED = ONE_DEPARTMENT.replace(
    'url = "https://crm.example/events"', 'url = "https://crm.example/"\nsecret = "env:CRM_SECRET"'
)
ADDED = """
[[numbers]]
id = "10000002"
tenant = "almelo"
fallback = "markt"
access_token = "env:MARKET_TOKEN"
[[departments]]
id = "markt"
tenant = "almelo"
name = "Markt"
destination = "markt"
[[destinations]]
id = "markt"
kind = "cloudevents"
url = "https://markt.example/"
secret = "env:MARKET_SECRET"
"""


def current_config(file: Path, environ: dict[str, str]) -> CurrentConfig:
    settings, loaded = load(DelivererSettings, environ), loader.load(file)
    credentials = load_credentials(loaded.config, file.parent, environ)
    accounts = load_accounts(settings, loaded.config, environ)
    return CurrentConfig(LiveSettings(settings, environ), loaded, credentials, accounts)


def test_added_entries_are_known_to_all_parts_at_once_or_refused_with_their_secrets(
    tmp_path: Path,
) -> None:
    file = tmp_path / "postkamer.toml"
    file.write_text(KEYED)
    environ = SETTINGS | {"POSTKAMER_CONFIG": str(file)}
    current = current_config(file, environ)
    accounts, credentials, names = current.accounts, current.credentials, current.names
    kept, departments = credentials["crm"], current.departments
    file.write_text(KEYED + ADDED)
    new = loader.load(file).config
    with pytest.raises(SettingsError, match="MARKET_TOKEN: is missing"):
        current.prepare(new)
    environ["MARKET_TOKEN"] = "token"
    with pytest.raises(SettingsError, match=r"MARKET_SECRET \(destination markt\): is missing"):
        current.prepare(new)
    assert (list(accounts), list(credentials), len(departments())) == (["10000001"], ["crm"], 1)
    environ["MARKET_SECRET"] = "key"
    found, apply = current.prepare(new)
    assert found.keys() == {"10000001", "10000002"} and accounts.keys() != found.keys()
    apply()
    assert accounts == found and names["10000002"] == "meta:10000002"
    assert [each.id for each in departments()] == ["kcc", "markt"]
    assert current.department("almelo", "markt") == departments()[1]
    assert credentials["crm"] is kept and credentials["markt"].secrets.keys == (b"key",)
    environ["MARKET_SECRET"] = "next"
    current.prepare_secrets(current.live.current)()
    assert credentials["markt"].secrets.keys == (b"next",)


def test_deliverer_that_refuses_its_files_does_not_know_all(tmp_path: Path) -> None:
    file = tmp_path / "postkamer.toml"
    file.write_text(KEYED)
    current = current_config(file, SETTINGS | {"POSTKAMER_CONFIG": str(file)})
    assert current.knows_all()
    current.version.show_refusal(RefusedChange(str(file), 0, "secrets: X: is missing"))
    assert not current.knows_all()


async def test_added_destination_that_breaks_ends_the_service_as_the_others_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    breaks = {id: asyncio.Event() for id in ("crm", "markt")}
    begun: list[str] = []

    @asynccontextmanager
    async def run(_: Any, destination: Destination, __: Any) -> AsyncIterator[RunningDestination]:
        begun.append(destination.id)
        async with background_task(breaks[destination.id].wait()) as task:
            yield RunningDestination(cast(Any, destination.id), cast(Any, None), [task])

    monkeypatch.setattr(running_destinations, "run_destination", run)
    url = "https://crm.example/"
    crm, added = (
        CloudEventsDestination.model_validate({"id": id, "kind": "cloudevents", "url": url})
        for id in breaks
    )
    credentials = cast(dict[str, Credentials], dict.fromkeys(breaks))
    async with run_destinations(cast(Any, None), [crm], credentials) as running:
        consumers, receivers = running.consumers, running.receivers
        await running.add([crm, added])
        await running.add([crm, added])
        assert begun == consumers == list(receivers) == ["crm", "markt"]
        assert not running.task.done()
        breaks["markt"].set()
        await asyncio.wait([running.task], timeout=5)
        assert "a part ended by itself" in str(running.task.exception())
