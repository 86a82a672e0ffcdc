"""Watched configuration files: which are polled, when they are stable, what of them may change."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from services.config import loader
from services.config.reload import (
    FIXED,
    ChangeDetector,
    WatchedFiles,
    included_patterns,
    message_tables,
    non_reloadable_changes,
)
from tests.support.config_files import RULE, TOML, replaced, two_files


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return two_files(tmp_path)


def test_snapshot_is_new_and_stable_when_seen_twice_and_not_processed() -> None:
    detector = ChangeDetector()
    one, other = {"a": (1, 2, 3)}, {"a": (1, 2, 4)}
    assert [detector.is_new_and_stable(each) for each in (one, one)] == [False, True]
    detector.processed = one
    assert [detector.is_new_and_stable(each) for each in (one, other, one, one)] == [False] * 4
    assert [detector.is_new_and_stable(each) for each in (other, other)] == [False, True]
    assert detector.is_new_and_stable(other), "until it is processed, it is new"


def test_poll_returns_each_file_that_would_be_read_and_no_other(path: Path) -> None:
    rules, texts = path.parent / "rules", path.parent / "texts"
    files = WatchedFiles(path)
    seen = files.poll()
    assert seen.keys() == {str(path), str(rules / "afval.toml")}
    assert files.poll() == seen
    (rules / "leeg.txt").touch()
    texts.mkdir()
    (texts / "nl.toml").touch()
    assert files.poll() == seen
    (rules / "straat.toml").touch()
    replaced(path, 'texts = "texts"\n' + TOML)
    new = files.poll()
    assert new.keys() - seen.keys() == {str(rules / "straat.toml"), str(texts / "nl.toml")}
    (texts / "nl.toml").unlink()
    assert files.poll().keys() == new.keys() - {str(texts / "nl.toml")}


@pytest.mark.parametrize("change", ["text", "mode", "link"])
def test_poll_notices_new_text_mode_or_link_of_a_file(path: Path, change: str) -> None:
    file = path.parent / "rules" / "afval.toml"
    same = file.with_suffix(".other")
    same.write_text(RULE.format("containes"))
    files = WatchedFiles(path)
    seen = files.poll()
    match change:
        case "text":  # as long as before, and as old
            times = file.stat().st_atime_ns, file.stat().st_mtime_ns
            file.write_text(RULE.format("containes"))
            os.utime(file, ns=times)
        case "mode":
            file.chmod(0o600)
        case "link":  # as containers mount a folder
            file.unlink()
            file.symlink_to(same)
    assert files.poll().keys() == seen.keys()
    assert files.poll() != seen


@pytest.mark.parametrize("broken", ["include = [", "", None])
def test_included_files_are_polled_while_the_first_file_is_unreadable(
    path: Path, broken: str | None
) -> None:
    files = WatchedFiles(path)
    files.poll()
    if broken is None:
        path.unlink()
    else:
        path.write_text(broken)
    known = str(path.parent / "rules" / "afval.toml") in files.poll()
    assert known is (broken != "")  # an empty one can be read, and names nothing


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({}, []),
        ({"include": ["a.toml", "b/*.toml"], "texts": "t"}, ["a.toml", "b/*.toml", "t/*.toml"]),
        ({"include": ["a.toml", 7, "\0"], "texts": "[a]"}, ["a.toml", "[[]a]/*.toml"]),
        ({"include": "a.toml", "texts": 7}, []),
    ],
)
def test_included_patterns_are_read_from_a_partly_wrong_file(
    given: dict[str, object], found: list[str]
) -> None:
    assert list(included_patterns(given)) == found


TEST = '[[tests]]\ntenant = "almelo"\ntable = "[a].csv"\nat_least = 0.5\n'


def test_table_of_messages_is_polled_and_is_no_part_of_the_version(path: Path) -> None:
    table = path.with_name("[a].csv")
    path.write_text(TOML + TEST)
    files = WatchedFiles(path)
    seen = files.poll()
    assert files.has_tables and str(table) not in seen
    table.write_text("text;department\nvol;groen\n")
    assert files.poll().keys() - seen.keys() == {str(table)}
    assert files.read_version() == loader.load(path).version
    path.write_text(TOML)
    assert files.poll().keys() == seen.keys() and not files.has_tables


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({}, []),
        ({"tests": [{"table": " a.csv "}, {"table": "b*.csv"}]}, ["a.csv", "b[*].csv"]),
        ({"tests": [{"table": "\0"}, {"table": 7}, {}, 7]}, []),
        ({"tests": {"table": "a.csv"}}, []),
    ],
)
def test_tables_of_messages_are_read_from_a_partly_wrong_file(
    given: dict[str, object], found: list[str]
) -> None:
    assert list(message_tables(given)) == found


CHANGES: dict[str, Callable[[str], str]] = {
    "partitions": lambda toml: "partitions = 4\n" + toml,
    "environment": lambda toml: 'environment = "production"\n' + toml,
    "tenants": lambda toml: toml + '[[tenants]]\nid = "borne"\nname = "Borne"\n',
    "numbers": lambda toml: toml.replace('id = "10000001"\n', 'id = "10000001"\nwaba = "12345"\n'),
    "destinations": lambda toml: toml.replace("crm.example", "crm2.example"),
}


@pytest.mark.parametrize("table", FIXED)
def test_fixed_table_cannot_be_reloaded(path: Path, table: str) -> None:
    held = loader.load(path).config
    path.write_text(CHANGES[table](TOML))
    assert non_reloadable_changes(held, loader.load(path).config) == [table]


def test_all_other_settings_and_the_order_of_tables_can_be_reloaded(path: Path) -> None:
    second = '[[destinations]]\nid = "a"\nkind = "cloudevents"\nurl = "https://a.example"\n'
    path.write_text(TOML + second)
    held = loader.load(path).config
    new = TOML.replace('fallback = "kcc"', 'fallback = "park"').replace("Almelo", "ALMELO")
    new = new.replace("[[destinations]]", second + "[[destinations]]").replace("groen", "park")
    path.write_text(new)
    (path.parent / "rules" / "afval.toml").write_text(RULE.format("x").replace("groen", "park"))
    assert non_reloadable_changes(held, loader.load(path).config) == []
