"""Files are read again while a service runs: all of them are taken, or none and it is told why."""

import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from services import metrics
from services.config import loader
from services.config.loader import LoadedConfig
from services.config.model import ConfigError
from services.config.reload import Snapshot, WatchedFiles, watch_config
from services.tasks import background_task
from services.toml.errors import ConfigFault
from tests.support.config_files import RULE, TOML, replaced, two_files
from tests.support.observer import until

PHONE = "+31612345678"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return two_files(tmp_path)


def metric(name: str, **labels: str) -> float:
    return metrics.REGISTRY.get_sample_value(f"postkamer_rules_{name}", labels) or 0.0


class Town:
    """A service that follows its files; what it took."""

    def __init__(self, path: Path) -> None:
        self.path, self.held = path, loader.load(path)
        self.taken: list[LoadedConfig] = []
        self.loads = 0
        self.refuses: Exception | None = None

    def load(self, path: Path) -> LoadedConfig:
        self.loads += 1
        return loader.load(path)

    async def take(self, new: LoadedConfig) -> None:
        if self.refuses:
            raise self.refuses
        self.taken.append(new)

    @asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        async with background_task(
            watch_config(self.path, self.held, self.load, self.take)
        ) as task:
            # Until then a SIGHUP would end these tests.
            await until(self._hears, bool, 5)
            yield
            assert not task.done()

    async def _hears(self) -> bool:
        return signal.getsignal(signal.SIGHUP) not in (signal.SIG_DFL, None)

    async def count(self) -> int:
        return len(self.taken)

    async def loaded(self) -> int:
        return self.loads


@pytest.fixture
def town(path: Path, monkeypatch: pytest.MonkeyPatch) -> Town:
    monkeypatch.setattr("services.config.reload.POLL_SECONDS", 0.02)
    return Town(path)


class Looks:
    """How often the files were looked at."""

    def __init__(self) -> None:
        self.count = 0

    async def __call__(self) -> int:
        return self.count


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Looks:
    looks, look = Looks(), WatchedFiles.poll

    def counted(files: WatchedFiles) -> Snapshot:
        looks.count += 1
        return look(files)

    monkeypatch.setattr(WatchedFiles, "poll", counted)
    return looks


async def test_what_changed_and_lies_still_is_taken_and_shown(town: Town, path: Path) -> None:
    async with town.following():
        await until(town.loaded, lambda n: n == 1, 5)  # what it was started with, once more
        assert metric("version", version=town.held.version) == 1
        replaced(path.parent / "rules" / "afval.toml", RULE.format("bank"))
        await until(town.count, lambda n: n == 1, 5)
        [new] = town.taken
        assert new.config.rules[0].words == ("bank",)
        await until(shown, lambda seen: seen == {new.version}, 5)
        (path.parent / "rules" / "straat.toml").write_text(
            RULE.format("stoep").replace("afval", "straat")
        )
        await until(town.count, lambda n: n == 2, 5)
        assert [rule.id for rule in town.taken[1].config.rules] == ["afval", "straat"]
        (path.parent / "rules" / "straat.toml").unlink()
        await until(town.count, lambda n: n == 3, 5)
        assert town.taken[2].version == new.version
        await until(shown, lambda seen: seen == {new.version}, 5)
    assert metric("loaded_timestamp_seconds") > 0


async def shown() -> set[str]:
    """The versions that the metric has a label for."""
    return {
        sample.labels["version"]
        for family in metrics.rules_version.collect()
        for sample in family.samples
    }


async def test_a_file_with_faults_changes_nothing_and_is_told_once(
    town: Town, path: Path, looks: Looks
) -> None:
    refused = metric("reads_total", outcome="refused")
    faulty = f'[[contacts]]\ntenant = "borne"\ntag = "pers"\nphones = ["{PHONE}-"]\n'
    with capture_logs() as logs:
        async with town.following():
            replaced(path, TOML + faulty)
            await until(refusal, lambda said: said == 1, 5)
            loads, seen = town.loads, looks.count
            await until(looks, lambda count: count > seen + 9, 5)
            assert town.loads == loads
            replaced(path, TOML)
            await until(refusal, lambda said: said == 0, 5)
    assert town.taken == [] and await shown() == {town.held.version}
    assert metric("reads_total", outcome="refused") == refused + 1
    said = [line for line in logs if line["event"] == "rules.fault"]
    assert [line["field"] for line in said] == ["contacts.0.tenant", "contacts.0.phones.0"]
    assert said[0]["what"] == "there is no tenant 'borne'"
    assert [line["count"] for line in logs if line["event"] == "rules.refused"] == [2]
    assert PHONE[1:] not in str(logs)


@pytest.mark.parametrize(
    ("top", "more", "field"),
    [
        ('include = ["/etc/hostname"]\n', "", "include"),
        ("", '[[menus]]\nid = ["a"]\n', "menus.0.id"),
    ],
)
async def test_what_no_file_may_hold_is_refused_with_its_fault(
    town: Town, path: Path, top: str, more: str, field: str
) -> None:
    own = TOML.split("\n", 1)[1] if top else TOML
    with capture_logs() as logs:
        async with town.following():
            replaced(path, top + own + more)
            await until(refusal, lambda said: said == 1, 5)
            replaced(path, TOML)
            await until(refusal, lambda said: said == 0, 5)
    assert field in [line["field"] for line in logs if line["event"] == "rules.fault"]
    assert "rules.unread" not in [line["event"] for line in logs]


async def refusal() -> float:
    return metric("refused")


async def test_what_cannot_change_is_refused_with_a_sentence_that_says_so(
    town: Town, path: Path
) -> None:
    with capture_logs() as logs:
        async with town.following():
            replaced(path, "partitions = 4\n" + TOML)
            await until(refusal, lambda said: said == 1, 5)
    [told] = [line for line in logs if line["event"] == "rules.fault"]
    assert (told["field"], told["path"]) == ("partitions", f"{path}:0")
    assert told["what"] == "cannot change while services run: restart all of them"
    assert town.taken == []


async def test_sighup_reads_at_once_and_again_what_was_refused(
    town: Town, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with town.following():
        await until(town.loaded, lambda n: n == 1, 5)
        monkeypatch.setattr("services.config.reload.POLL_SECONDS", 3600.0)
        os.kill(os.getpid(), signal.SIGHUP)  # ends the short wait that began before
        await until(town.loaded, lambda n: n >= 2, 5)
        town.refuses = ConfigError([ConfigFault("x", 1, "y", "is wrong")])
        replaced(path.parent / "rules" / "afval.toml", RULE.format("bank"))
        os.kill(os.getpid(), signal.SIGHUP)
        await until(refusal, lambda said: said == 1, 5)
        town.refuses = None
        os.kill(os.getpid(), signal.SIGHUP)
        await until(refusal, lambda said: said == 0, 5)
    assert [each.config.rules[0].words for each in town.taken] == [("bank",)]


async def test_a_fault_of_ours_in_reading_ends_nothing(town: Town, path: Path) -> None:
    town.refuses = RuntimeError("a fault")
    async with town.following():
        replaced(path.parent / "rules" / "afval.toml", RULE.format("bank"))
        await until(refusal, lambda said: said == 1, 5)
        town.refuses = None
        replaced(path.parent / "rules" / "afval.toml", RULE.format("kast"))
        await until(town.count, lambda n: n == 1, 5)
        await until(refusal, lambda said: said == 0, 5)


async def test_what_is_written_while_it_is_read_is_read_again(town: Town, path: Path) -> None:
    file = path.parent / "rules" / "afval.toml"
    half, whole = RULE.format("half"), RULE.format("heel")

    def load(path: Path) -> LoadedConfig:
        """Somebody goes on writing just after this file was read."""
        found = loader.load(path)
        if found.config.rules[0].words == ("half",):
            replaced(file, whole)
        return found

    town.load = load  # type: ignore[method-assign]
    async with town.following():
        replaced(file, half)
        await until(town.count, lambda n: n == 1, 5)
    assert [each.config.rules[0].words for each in town.taken] == [("heel",)]
