"""Configuration files read again while a service runs: all of them are taken, or none and why."""

import os
import signal
import weakref
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from structlog.testing import capture_logs

from services import metrics
from services.config import loader
from services.config.loader import LoadedConfig
from services.config.model import ConfigError
from services.config.reload import ActiveVersion, WatchedFiles, watch_config
from services.config.rules_status import RefusedChange, RulesStatus
from services.config.settings import SettingsError
from services.tasks import background_task
from services.toml.errors import ConfigFault
from tests.support.config_files import RULE, TOML, replaced, two_files
from tests.support.observer import until_true

PHONE = "+31612345678"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return two_files(tmp_path)


@pytest.fixture
def rule(path: Path) -> Path:
    """The file of the only rule."""
    return path.parent / "rules" / "afval.toml"


def metric(name: str, **labels: str) -> float:
    return metrics.REGISTRY.get_sample_value(f"postkamer_rules_{name}", labels) or 0.0


def refused() -> float:
    return metric("refused")


def shown_versions() -> set[str]:
    families = metrics.rules_version.collect()
    return {sample.labels["version"] for family in families for sample in family.samples}


class HalfOpenGate:
    """Lets versions count that nobody keeps waiting."""

    def __init__(self, active: ActiveVersion) -> None:
        self.active = active
        self.why: dict[str, str] = {}
        """Why a version waits."""
        self.noted: list[LoadedConfig] = []
        self.wrong: Exception | None = None

    async def why_waiting(self, version: str) -> str:
        return self.why.get(version, "")

    async def verify(self) -> None:
        if self.wrong:
            raise self.wrong

    async def note(self, loaded: LoadedConfig) -> None:
        self.noted.append(loaded)


class Town:
    """A service that follows its files, and the configurations that it took."""

    def __init__(self, path: Path) -> None:
        self.path, self.held = path, loader.load(path)
        self.taken: list[LoadedConfig] = []
        self.loads, self.looks = 0, 0
        self.error: Exception | None = None
        self.faults: list[ConfigFault] | Exception = []
        self.judged = 0
        self.on_record: set[str] | None = None

    def load(self, path: Path) -> LoadedConfig:
        self.loads += 1
        return loader.load(path)

    def look(self, files: WatchedFiles, read: Callable[[WatchedFiles], str]) -> str:
        found = read(files)
        self.looks += 1
        return found

    async def take(self, new: LoadedConfig) -> None:
        if self.error:
            raise self.error
        self.taken.append(new)

    async def judge(self) -> list[ConfigFault]:
        self.judged += 1
        if isinstance(self.faults, Exception):
            raise self.faults
        return self.faults

    async def may_take(self, version: str) -> bool:
        return self.on_record is None or version in self.on_record

    def words(self) -> list[tuple[str, ...]]:
        """Words of the first rule, in each configuration that was taken."""
        return [each.config.rules[0].words for each in self.taken]

    @asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        self.active = ActiveVersion(self.held)
        self.gate = HalfOpenGate(self.active)
        watching = watch_config(
            self.path, self.load, self.take, self.gate, judge=self.judge, may_take=self.may_take
        )
        async with background_task(watching) as task:
            # Until then a SIGHUP would end these tests.
            await until_true(lambda: signal.getsignal(signal.SIGHUP) not in (signal.SIG_DFL, None))
            self.task = task
            yield
            assert not task.done()


@pytest.fixture
def town(path: Path, monkeypatch: pytest.MonkeyPatch) -> Town:
    monkeypatch.setattr("services.config.reload.POLL_SECONDS", 0.02)
    town, read = Town(path), WatchedFiles.read_version
    monkeypatch.setattr(WatchedFiles, "read_version", lambda files: town.look(files, read))
    return town


async def test_changed_files_are_taken_and_their_version_is_shown(town: Town, rule: Path) -> None:
    second = rule.with_name("straat.toml")
    async with town.following():
        await until_true(lambda: town.looks == 1)  # what it was started with, once more
        assert town.loads == 0
        assert metric("version", version=town.held.version) == 1
        replaced(rule, RULE.format("bank"))
        await until_true(lambda: town.words() == [("bank",)])
        version = town.taken[0].version
        await until_true(lambda: shown_versions() == {version})
        second.write_text(RULE.format("stoep").replace("afval", "straat"))
        await until_true(lambda: len(town.taken) == 2)
        assert [rule.id for rule in town.taken[1].config.rules] == ["afval", "straat"]
        second.unlink()
        await until_true(lambda: len(town.taken) == 3)
        assert town.taken[2].version == version
        await until_true(lambda: shown_versions() == {version})
        held = town.active.loaded
        assert (held.files, held.sources) == ({}, ())
    assert metric("loaded_timestamp_seconds") > 0


async def test_faulty_file_changes_nothing_and_is_reported_once(
    town: Town, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    polls, poll = 0, WatchedFiles.poll

    def counted(files: WatchedFiles) -> object:
        nonlocal polls
        polls += 1
        return poll(files)

    monkeypatch.setattr(WatchedFiles, "poll", counted)
    refusals = metric("reads_total", outcome="refused")
    faulty = f'[[contacts]]\ntenant = "borne"\ntag = "pers"\nphones = ["{PHONE}-"]\n'
    with capture_logs() as logs:
        async with town.following():
            replaced(path, TOML + faulty)
            await until_true(refused)
            what = "contacts.0.tenant: there is no tenant 'borne'"
            change = RefusedChange(str(path), 25, what, 2)
            assert town.active.status == RulesStatus(town.held.version, change)
            assert str(change) == f"{path}:25: {what} (and 1 more)"
            loads, seen = town.loads, polls
            await until_true(lambda: polls > seen + 9)
            assert town.loads == loads
            replaced(path, TOML)
            await until_true(lambda: not refused())
    assert town.taken == [] and shown_versions() == {town.held.version}
    assert town.active.status == RulesStatus(town.held.version)
    assert metric("reads_total", outcome="refused") == refusals + 1
    faults = [line for line in logs if line["event"] == "rules.fault"]
    assert [line["field"] for line in faults] == ["contacts.0.tenant", "contacts.0.phones.0"]
    assert faults[0]["what"] == "there is no tenant 'borne'"
    assert [line["count"] for line in logs if line["event"] == "rules.refused"] == [2]
    assert PHONE[1:] not in str(logs)


class Files(dict[str, str]):
    """Files that can be referred to weakly."""


async def test_former_version_and_files_in_force_are_freed(town: Town, rule: Path) -> None:
    files: list[weakref.ref[Files]] = []

    def load(path: Path) -> LoadedConfig:
        found = loader.load(path)
        kept = Files(found.files)
        files.append(weakref.ref(kept))
        return msgspec.structs.replace(found, files=kept)

    town.load = load  # type: ignore[method-assign]
    async with town.following():
        former = weakref.ref(town.held.config)
        del town.held
        replaced(rule, RULE.format("bank"))
        await until_true(lambda: town.taken)
        town.taken.clear()
        await until_true(lambda: former() is None)
        await until_true(lambda: [each() for each in files] == [None])


FIXED = "cannot change while services run: restart all of them"
ADDED = """
[[numbers]]
id = "10000002"
tenant = "almelo"
fallback = "markt"
[[departments]]
id = "markt"
tenant = "almelo"
name = "Markt"
destination = "markt"
[[destinations]]
id = "markt"
kind = "cloudevents"
url = "https://markt.example/events"
"""


async def test_number_department_and_destination_are_added_and_then_stay(
    town: Town, path: Path
) -> None:
    async with town.following():
        replaced(path, TOML + ADDED)
        await until_true(lambda: town.taken)
        assert [number.id for number in town.taken[0].config.numbers] == ["10000001", "10000002"]
        replaced(path, TOML)
        await until_true(refused)
        assert str(town.active.status.refused) == f"{path}:0: destinations: {FIXED} (and 1 more)"
        replaced(path, TOML + ADDED)
        await until_true(lambda: not refused())
    assert len(town.taken) == 1


async def test_version_of_which_a_secret_is_missing_is_refused_with_each_of_its_sentences(
    town: Town, path: Path
) -> None:
    faults = ["CRM_SECRET: is missing (number 10000002)", "KEY: is missing (destination markt)"]
    town.error = SettingsError(faults)
    with capture_logs() as logs:
        async with town.following():
            replaced(path, TOML + ADDED)
            await until_true(refused)
            what = f"{path}:0: secrets: {faults[0]} (and 1 more)"
            assert str(town.active.status.refused) == what
            replaced(path, TOML)
            await until_true(lambda: not refused())
    assert town.taken == []
    assert [each["what"] for each in logs if each["event"] == "rules.fault"] == faults
    assert {each["event"] for each in logs} == {"rules.refused", "rules.fault"}


@pytest.mark.parametrize(
    ("text", "line", "field", "what"),
    [
        (TOML.replace("rules/*.toml", "/etc/hostname"), 1, "include", "named from here"),
        (TOML + '[[menus]]\nid = ["a"]\n', 25, "menus.0.id", "a text in quotes"),
        ("partitions = 4\n" + TOML, 0, "partitions", FIXED),
        (TOML.replace("10000001", "10000002"), 0, "numbers", FIXED),
        (TOML.replace('fallback = "kcc"', 'fallback = "kcc"\nper_second = 9'), 0, "numbers", FIXED),
        (TOML.replace("crm.example", "other.example"), 0, "destinations", FIXED),
        (TOML.replace('"crm"', '"zaak"'), 0, "destinations", FIXED),
        (TOML + '[[tenants]]\nid = "borne"\nname = "Borne"\n', 0, "tenants", FIXED),
    ],
)
async def test_refused_file_is_logged_with_its_fault(
    town: Town, path: Path, text: str, line: int, field: str, what: str
) -> None:
    with capture_logs() as logs:
        async with town.following():
            replaced(path, text)
            await until_true(refused)
            replaced(path, TOML)
            await until_true(lambda: not refused())
    faults = [each for each in logs if each["event"] == "rules.fault" and each["field"] == field]
    assert {each["path"] for each in faults} == {f"{path}:{line}"}
    assert [each for each in faults if what in each["what"]]
    assert "rules.unread" not in [each["event"] for each in logs]
    assert town.taken == []


async def test_sighup_reads_at_once_and_again_what_was_refused(
    town: Town, rule: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with town.following():
        await until_true(lambda: town.looks == 1)
        monkeypatch.setattr("services.config.reload.POLL_SECONDS", 3600.0)
        os.kill(os.getpid(), signal.SIGHUP)  # ends the short wait that began before
        await until_true(lambda: town.looks >= 2)
        assert town.loads == 0  # files that did not change
        town.error = ConfigError([ConfigFault("x", 1, "y", "is wrong")])
        replaced(rule, RULE.format("bank"))
        os.kill(os.getpid(), signal.SIGHUP)
        await until_true(refused)
        town.error = None
        os.kill(os.getpid(), signal.SIGHUP)
        await until_true(lambda: not refused())
    assert town.words() == [("bank",)]


TEST = '[[tests]]\ntenant = "almelo"\ntable = "tabel.csv"\nat_least = 0.5\n'
BELOW = ConfigFault("tabel.csv", 0, "test of almelo", "1 of 3 messages go to their department")


async def test_version_in_force_below_its_table_is_shown_and_stays(town: Town, path: Path) -> None:
    table = path.with_name("tabel.csv")
    replaced(path, TOML + TEST)
    town.held, town.faults = loader.load(path), [BELOW]
    with capture_logs() as logs:
        async with town.following():
            await until_true(refused)  # as it starts
            change = town.active.status.refused
            assert change and change.in_force and str(change) == str(BELOW)
            town.faults = []
            replaced(table, "text;department\nvol;groen\n")
            await until_true(lambda: not refused())
            town.faults = RuntimeError("a fault")
            replaced(table, "text;department\nleeg;groen\n")
            await until_true(refused)
            assert "see rules.unread" in str(town.active.status.refused)
    assert (town.judged, town.taken, town.loads) == (3, [], 0)
    assert shown_versions() == {town.held.version}
    events = [each["event"] for each in logs if each["event"].startswith("rules.")]
    assert events == ["rules.below", "rules.fault", "rules.unread"]


async def test_version_with_a_table_waits_until_it_is_on_record(
    town: Town, path: Path, rule: Path
) -> None:
    town.on_record = set()
    async with town.following():
        replaced(rule, RULE.format("bank"))
        await until_true(lambda: town.words() == [("bank",)])  # no table, so no one judges
        replaced(path, TOML + TEST)
        replaced(rule, RULE.format("kast"))
        looks = town.looks
        await until_true(lambda: town.looks > looks + 3)
        assert (len(town.taken), town.loads, refused()) == (1, 1, 0)
        town.on_record.add(loader.load(path).version)
        await until_true(lambda: town.words() == [("bank",), ("kast",)])


async def test_unexpected_error_in_reading_does_not_end_the_watch(town: Town, rule: Path) -> None:
    town.error = RuntimeError("a fault")
    async with town.following():
        replaced(rule, RULE.format("bank"))
        await until_true(refused)
        assert "see rules.unread in the log" in str(town.active.status.refused)
        town.error = None
        replaced(rule, RULE.format("kast"))
        await until_true(lambda: town.taken and not refused())


async def test_file_written_during_a_read_is_read_again(town: Town, rule: Path) -> None:
    def load(path: Path) -> LoadedConfig:
        """The file is written once more just after this one read it."""
        found = loader.load(path)
        if found.config.rules[0].words == ("half",):
            replaced(rule, RULE.format("heel"))
        return found

    town.load = load  # type: ignore[method-assign]
    async with town.following():
        replaced(rule, RULE.format("half"))
        await until_true(lambda: town.taken)
    assert town.words() == [("heel",)]


async def test_version_that_waits_is_shown_and_taken_when_it_counts(town: Town, rule: Path) -> None:
    async with town.following():
        await until_true(lambda: town.looks == 1)
        text = RULE.format("bank")
        new = loader.version(town.held.files | {"rules/afval.toml": text})
        town.gate.why[new] = "it waits for a second person to stand for it"
        replaced(rule, text)
        await until_true(lambda: town.active.status.waiting is not None)
        status, loads = town.active.status, town.loads
        assert status.waiting and status.waiting.version == new
        assert str(status.waiting).endswith("it waits for a second person to stand for it")
        assert (status.version, status.refused) == (town.held.version, None)
        assert (metric("waiting"), refused()) == (1, 0)
        assert [each.version for each in town.gate.noted] == [new]
        town.gate.why[new] = "it waits for nobody"
        await until_true(lambda: "nobody" in str(town.active.status.waiting))
        assert town.active.waiting and town.active.waiting.since == status.waiting.since
        assert (town.loads, town.taken) == (loads, [])  # asked again, not read again
        del town.gate.why[new]
        await until_true(lambda: town.words() == [("bank",)])
        await until_true(lambda: town.active.status.waiting is None)
    assert metric("waiting") == 0


async def test_version_that_waits_is_gone_with_its_files(town: Town, rule: Path) -> None:
    """A change that needs a restart is found once it counts."""
    async with town.following():
        await until_true(lambda: town.looks == 1)
        text = town.path.read_text()
        replaced(town.path, f"partitions = 4\n{text}")
        town.gate.why[loader.load(town.path).version] = "it waits"
        await until_true(lambda: town.active.status.waiting is not None)
        town.gate.why.clear()
        await until_true(lambda: town.active.status.refused is not None)
        assert town.active.status.waiting is None
        replaced(town.path, text)
        await until_true(lambda: town.active.status.refused is None)
    assert town.taken == []


async def test_watch_ends_where_the_version_of_the_start_does_not_count(town: Town) -> None:
    with pytest.raises(RuntimeError, match="it waits"):
        async with town.following():
            town.gate.wrong = RuntimeError("it waits")
            await until_true(lambda: town.task.done())
            await town.task
