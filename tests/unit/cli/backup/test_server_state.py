"""Judgement on WAL archiving, replication slots and durability."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from cli.backup.server_state import ServerState, Slot, bytes_behind, judge_server

NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)
MB = 1024**2
GOOD = ServerState(
    archive_mode="on",
    archive_command="cp %p /backup/%f",
    archive_library="",
    archive_timeout=60,
    wal_level="replica",
    synchronous_commit="on",
    fsync="on",
    full_page_writes="on",
    data_checksums="on",
    last_archived_wal="0000000100000002000000FE",
    last_archived_at=NOW - timedelta(minutes=1),
    last_failed_at=None,
    failed=0,
    position=(2 * 256 + 255) * 16 * MB + 100 * 1024,
    segment_bytes=16 * MB,
    cluster="7",
    now=NOW,
)
LONG_AGO = {"last_archived_at": NOW - timedelta(hours=3)}
FAILED = {"last_failed_at": NOW - timedelta(seconds=5), "failed": 7}
CASES: dict[str, tuple[dict[str, Any], str]] = {
    "all is right": ({}, ""),
    "a failure of before": (FAILED | {"last_failed_at": NOW - timedelta(hours=1)}, ""),
    "nothing was written since": (LONG_AGO | {"position": (2 * 256 + 255) * 16 * MB + 40}, ""),
    "no archive": ({"archive_mode": "off"}, "fault database archive_mode is off"),
    "no command": ({"archive_command": ""}, "fault database archive_command is empty"),
    "a library": ({"archive_command": "", "archive_library": "basic_archive"}, ""),
    "it fails": (FAILED, "fault back-up! archiving WAL fails (7 times so far); the last segment"),
    "it failed from the first": (
        FAILED | {"last_archived_wal": "", "last_archived_at": None, "failed": 1},
        "fault back-up! archiving WAL fails (once); none was",
    ),
    "it is late": (LONG_AGO, "fault back-up! 102400 bytes of WAL are not archived; the last segme"),
    "no limit": ({"archive_timeout": 0}, "warning database archive_timeout is without a limit"),
    "a long limit": ({"archive_timeout": 3600}, "warning database archive_timeout is 3600 s"),
    "minimal": ({"wal_level": "minimal"}, "fault database wal_level is minimal"),
    "no fsync": ({"fsync": "off"}, "fault database fsync is off: a loss of power"),
    "torn pages": ({"full_page_writes": "off"}, "fault database full_page_writes is off"),
    "no checksums": ({"data_checksums": "off"}, "warning database data_checksums is off"),
    "early commits": ({"synchronous_commit": "off"}, "warning database synchronous_commit is off"),
}


def told(state: ServerState, *slots: Slot) -> list[str]:
    return [
        f"{f.weight} {f.owner}{'!' * f.is_retryable} {f.sentence}"
        for f in judge_server(state, list(slots))
    ]


@pytest.mark.parametrize("case", CASES)
def test_state_of_the_server_is_judged(case: str) -> None:
    change, sentence = CASES[case]
    found = told(msgspec.structs.replace(GOOD, **change))
    assert len(found) == bool(sentence), found
    assert all(each.startswith(sentence) for each in found), found


def test_bytes_behind_are_those_after_the_segment_whatever_file_was_archived_last() -> None:
    history = msgspec.structs.replace(GOOD, last_archived_wal="00000002.history")
    assert bytes_behind(history) == GOOD.position
    label = msgspec.structs.replace(GOOD, last_archived_wal=f"{GOOD.last_archived_wal}.0028.backup")
    assert bytes_behind(label) == bytes_behind(GOOD) == 100 * 1024
    ahead = msgspec.structs.replace(GOOD, position=GOOD.position - 17 * MB)
    assert bytes_behind(ahead) == 0


def test_slot_that_nobody_reads_is_named_before_the_disk_is_full() -> None:
    idle, lost = Slot("old", False, "extended", 3 * 1024 * MB), Slot("gone", False, "lost", 0)
    fine = Slot("standby", True, "reserved", 5 * 1024 * MB), Slot("new", False, "reserved", MB)
    assert told(GOOD, *fine) == []
    held, gone = told(GOOD, idle, lost)
    assert held.startswith("fault database! the replication slot old holds back 3.2 GB of WAL")
    assert gone.startswith("fault database the replication slot gone has lost its WAL")
