"""Secrets in files, exchanged while a service runs: taken whole, or refused with a reason."""

import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from services import metrics
from services.config.secret_files import (
    AT_START,
    LiveSettings,
    changed_names,
    database_url,
    split_changes,
)
from services.config.settings import (
    DatabaseSettings,
    DelivererSettings,
    GatewaySettings,
    SettingsError,
    load,
    resolve_env,
)
from tests.support.kubernetes.mounted_secrets import MountedSecrets
from tests.support.observer import until_true
from tests.unit.services.config.test_settings import GOOD, KEY

NAME = "POSTKAMER_DATABASE_URL"
URL = "postgresql://gateway:{}@localhost/postkamer"
OTHER_KEY = "B" * 43 + "="
APP, CRM = "POSTKAMER_META_APP_SECRETS", "CRM_SECRET"


ODD = {
    "a mark of Windows": (APP, "\ufeffnew", ""),
    "two lines": (APP, "new\nold", "POSTKAMER_META_APP_SECRETS: expected one line"),
    "a sign that no header has": ("POSTKAMER_META_ACCESS_TOKEN", "a b",
        "POSTKAMER_META_ACCESS_TOKEN: expected a token: printable ASCII without spaces"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "text", "fault"), ODD.values(), ids=ODD.keys())
def test_file_of_a_secret_is_read_as_people_write_it(
    tmp_path: Path, name: str, text: str, fault: str
) -> None:
    file = tmp_path / "secret"
    file.write_text(text, encoding="utf-8")
    environ = {key: value for key, value in GOOD.items() if key != name}
    environ[f"{name}_FILE"] = str(file)
    kind = GatewaySettings if name == APP else DelivererSettings
    if not fault:
        assert load(GatewaySettings, environ).meta_app_secrets[0].get_secret_value() == "new"
        return
    with pytest.raises(SettingsError) as wrong:
        load(kind, environ)
    assert fault in wrong.value.faults


def test_password_apart_from_its_address_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    environ = GOOD | {NAME: "postgresql://gateway@localhost/postkamer"}
    environ["POSTKAMER_DATABASE_PASSWORD_FILE"] = str(tmp_path / "none")
    with pytest.raises(SettingsError) as wrong:
        load(GatewaySettings, environ)
    [fault] = wrong.value.faults
    assert fault.startswith("POSTKAMER_DATABASE_PASSWORD_FILE: cannot be read")


def test_secret_that_the_configuration_names_is_one_line() -> None:
    with pytest.raises(ValueError, match="CRM_SECRET: expected one line"):
        resolve_env("env:CRM_SECRET", {CRM: "new\nold"})


def test_pipe_gives_its_secret_once_and_is_not_followed(tmp_path: Path) -> None:
    os.mkfifo(pipe := tmp_path / "pipe")
    environ = GOOD | {f"{CRM}_FILE": str(pipe)}
    with capture_logs() as logs:
        live = LiveSettings(load(GatewaySettings, GOOD), environ)
    assert (live.files, [each["what"] for each in logs]) == ({}, [f"{CRM}_FILE"])


def refused() -> float:
    return metrics.REGISTRY.get_sample_value("postkamer_secrets_refused") or 0.0


class Door:
    """A gateway's settings in files, a secret that its configuration names, and what it uses."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        environ = dict(GOOD)
        for name, value in (
            (NAME, URL.format("old")), (APP, "old"), (CRM, "crm-old"),
            ("POSTKAMER_WORKING_KEY", KEY),
        ):  # fmt: skip
            environ.pop(name, None)
            environ[f"{name}_FILE"] = str(folder / name)
            self.put(name, value)
        self.live = LiveSettings(load(GatewaySettings, environ), environ)
        self.used: list[tuple[str, str]] = []

    def put(self, name: str, value: str) -> None:
        """Replace the file whole: another file takes its name."""
        new = self._folder / f"{name}.new"
        new.write_text(value)
        new.replace(self._folder / name)

    def prepare(self, settings: GatewaySettings) -> Callable[[], None]:
        secrets = ",".join(each.get_secret_value() for each in settings.meta_app_secrets)
        crm = resolve(f"env:{CRM}", self.live.environ)
        return lambda: self.used.append((secrets, crm))

    @property
    def password(self) -> str:
        return database_url(self.live)().split(":")[2].partition("@")[0]


def resolve(name: str, environ: Mapping[str, str]) -> str:
    try:
        return resolve_env(name, environ)
    except ValueError as error:
        raise SettingsError([str(error)]) from None


@pytest.fixture
async def door(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Door]:
    monkeypatch.setattr("services.config.secret_files.POLL_SECONDS", 0.02)
    door = Door(tmp_path)
    async with following(door):
        yield door


@asynccontextmanager
async def following(door: Door) -> AsyncIterator[None]:
    async with door.live.following():
        yield
        assert not door.live.task.done()


async def test_changed_files_are_taken_without_a_restart(door: Door) -> None:
    door.live.use(door.prepare)
    await until_true(lambda: door.used == [("old", "crm-old")])
    with capture_logs() as logs:
        door.put(APP, "new,old")
        await until_true(lambda: door.used[-1] == ("new,old", "crm-old"))
        door.put(CRM, "crm-new")
        await until_true(lambda: door.used[-1] == ("new,old", "crm-new"))
    taken = [line["what"] for line in logs if line["event"] == "secrets.taken"]
    assert taken == [f"{APP}_FILE", f"{CRM}_FILE"]
    assert "crm-new" not in str(logs)


async def test_service_that_waits_for_its_database_takes_a_new_password(door: Door) -> None:
    assert door.password == "old"
    door.put(NAME, URL.format("new"))
    await until_true(lambda: door.password == "new")
    assert door.used == []
    door.live.use(door.prepare)
    await until_true(lambda: door.used == [("old", "crm-old")])


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        (NAME, "mysql://gateway:secret@localhost", f"{NAME}: expected a postgresql:// or"),
        (APP, "", f"{APP}: is missing"),
        (CRM, "", f"{CRM}: is missing"),
    ],
)
async def test_faulty_file_is_refused_with_all_others_and_shown(
    door: Door, name: str, value: str, sentence: str
) -> None:
    door.live.use(door.prepare)
    await until_true(lambda: door.used == [("old", "crm-old")])
    with capture_logs() as logs:
        door.put(name, value)
        await until_true(lambda: refused() == 1)
    [line] = [each for each in logs if each["event"] == "secrets.refused"]
    assert line["what"].startswith(sentence) and "secret@" not in str(logs)
    assert door.used == [("old", "crm-old")] and door.password == "old"
    door.put(name, {NAME: URL.format("new"), APP: "new", CRM: "crm-new"}[name])
    await until_true(lambda: refused() == 0)
    taken = {NAME: ("old", "crm-old"), APP: ("new", "crm-old"), CRM: ("old", "crm-new")}
    assert door.used[-1] == taken[name]


async def test_key_that_is_read_at_the_start_is_left_and_shown(door: Door) -> None:
    door.live.use(door.prepare)
    other = KEY.replace("A", "B", 1)
    with capture_logs() as logs:
        door.put("POSTKAMER_WORKING_KEY", f"{KEY},{other}")
        door.put(APP, "new")
        await until_true(lambda: ("new", "crm-old") in door.used)
        await until_true(lambda: refused() == 1)
    assert [each.get_secret_value() for each in door.live.current.working_key] == [KEY]
    said = {each["what"] for each in logs}
    assert said == {f"{APP}_FILE", f"POSTKAMER_WORKING_KEY: {AT_START}"}
    door.put("POSTKAMER_WORKING_KEY", KEY)
    await until_true(lambda: refused() == 0)


async def test_file_that_is_gone_is_a_fault_and_another_takes_its_place(
    door: Door, tmp_path: Path
) -> None:
    os.unlink(tmp_path / NAME)
    await until_true(lambda: refused() == 1)
    assert door.password == "old"
    door.put(NAME, URL.format("new"))
    await until_true(lambda: door.password == "new" and refused() == 0)


async def test_error_in_what_is_prepared_ends_nothing(door: Door) -> None:
    def fail(_: GatewaySettings) -> Callable[[], None]:
        raise RuntimeError

    door.live.use(fail)
    await until_true(lambda: refused() == 1)
    door.live.use(door.prepare)
    await until_true(lambda: refused() == 0 and door.used == [("old", "crm-old")])


def test_settings_that_no_service_follows_stay_as_they_were() -> None:
    old = load(GatewaySettings, GOOD)
    changed = GOOD | {NAME: URL.format("new"), "POSTKAMER_GATEWAY_PORT": "1"}
    new, left = split_changes(old, load(GatewaySettings, changed))
    assert new.gateway_port == old.gateway_port
    assert new.database_url.get_secret_value() == URL.format("new")
    assert left == ["POSTKAMER_GATEWAY_PORT"]
    only = load(DatabaseSettings, GOOD)
    assert split_changes(only, only) == (only, [])


def test_names_of_changed_files_are_those_that_differ() -> None:
    before, after = {"A": (1, 1, 1), "B": (2, 1, 1)}, {"A": (1, 1, 1), "C": (2, 1, 1)}
    assert changed_names(before, after) == ["B", "C"]


async def test_secrets_that_kubernetes_exchanges_are_taken_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All files are links through one that is turned, as in a mounted volume. The password of the
    database is a file of its own, with signs in it that an address cannot hold."""
    monkeypatch.setattr("services.config.secret_files.POLL_SECONDS", 0.02)
    password, key = "POSTKAMER_DATABASE_PASSWORD", "POSTKAMER_WORKING_KEY"
    secrets = {APP: "old", password: "p@ss/old", key: KEY}
    mounted = MountedSecrets(tmp_path)
    mounted.put(secrets)
    environ = {name: value for name, value in GOOD.items() if name not in secrets}
    environ |= {f"{name}_FILE": str(tmp_path / name) for name in secrets}
    environ[NAME] = "postgresql://gateway@localhost/postkamer"
    live = LiveSettings(load(GatewaySettings, environ), environ)
    former = live.current
    assert former.database_url.get_secret_value() == URL.format("p%40ss%2Fold")
    async with live.following():
        with capture_logs() as logs:
            mounted.put({APP: "new", password: "new", key: OTHER_KEY})
            await until_true(lambda: live.current is not former)
    assert database_url(live)() == URL.format("new")
    assert [each.get_secret_value() for each in live.current.meta_app_secrets] == ["new"]
    assert live.current.working_key == former.working_key
    said = {line["event"]: line["what"] for line in logs}
    assert said["secrets.taken"] == f"{password}_FILE, {APP}_FILE"
    assert said["secrets.refused"] == f"{key}: {AT_START}"
