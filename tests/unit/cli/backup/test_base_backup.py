"""Base back-ups of pg_basebackup and pgBackRest, and what is wrong with them."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from cli.backup.base_backup import (
    BaseBackup,
    judge_bases,
    read_folder_backup,
    read_pgbackrest,
)

NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)
DAYS = timedelta(days=2)
LABEL = """START WAL LOCATION: 0/2000028 (file 000000010000000000000002)
BACKUP METHOD: streamed
START TIME: 2026-12-01 03:00:05 {}
LABEL: pg_basebackup base backup
"""
MANIFEST = b'{"PostgreSQL-Backup-Manifest-Version": 2, "System-Identifier": 7643, "Files": []}'


def test_time_of_a_folder_is_that_of_its_label() -> None:
    at_three = datetime(2026, 12, 1, 3, 0, 5, tzinfo=UTC)
    utc = read_folder_backup("base", LABEL.format("UTC"), MANIFEST, NOW)
    assert utc == BaseBackup(name="base", at=at_three, cluster="7643")
    dutch = read_folder_backup("base", LABEL.format("CET"), b"no JSON", NOW)
    assert (dutch.at, dutch.cluster) == (at_three - timedelta(hours=1), "")
    assert read_folder_backup("base", LABEL.format("XYZ"), MANIFEST, NOW).at == NOW
    assert read_folder_backup("base", None, MANIFEST, NOW).at == NOW  # a tar has its label inside
    assert not read_folder_backup("base", LABEL.format("UTC"), None, NOW).is_whole


INFO = [
    {
        "name": "postkamer",
        "status": {"code": 0, "message": "ok", "lock": {"backup": {"held": False}}},
        "db": [{"id": 1, "system-id": 7643, "version": "17"}],
        "backup": [
            {
                "label": "20261201-030000F",
                "type": "full",
                "error": False,
                "timestamp": {"start": 1796094000, "stop": 1796094060},
            }
        ],
    }
]


def test_pgbackrest_is_read() -> None:
    report = read_pgbackrest(msgspec.json.encode(INFO))
    at = datetime.fromtimestamp(1796094000, UTC)
    assert report.faults == []
    assert report.backups == [BaseBackup(name="20261201-030000F", at=at, cluster="7643")]
    bare = [{"name": "postkamer", "status": {"code": 2, "message": "no valid backups"}}]
    assert read_pgbackrest(msgspec.json.encode(bare)).faults == [
        "stanza postkamer: no valid backups"
    ]
    assert read_pgbackrest(b"[]").faults == ["there is no stanza"]
    for output in (b"", b"ERROR: [037]", b"{}"):
        with pytest.raises(ValueError, match="its output is not that of"):
            read_pgbackrest(output)


GOOD = BaseBackup(name="new", at=NOW - timedelta(hours=6), cluster="7643")
OLD = BaseBackup(name="old", at=NOW - timedelta(days=9), cluster="7643")
CUT = BaseBackup(name="cut", at=NOW, is_whole=False)
BENT = msgspec.structs.replace(OLD, name="bent", has_errors=True)
OTHER = msgspec.structs.replace(GOOD, name="other", cluster="8")
CASES = [
    ([OLD, GOOD], []),
    ([], ["there is no base back-up that is whole"]),
    ([OLD], ["the newest base back-up is 9 d old"]),
    ([GOOD, CUT], ["the base back-up cut has no manifest: it did not end, or still runs"]),
    ([CUT], ["the base back-up cut has no man", "there is no base back-up that is whole"]),
    ([BENT, GOOD], ["the base back-up bent has pages with a wrong checksum: look at the disk"]),
    ([OTHER], ["the base back-up other is of another cluster than this database"]),
    ([msgspec.structs.replace(GOOD, cluster="")], []),
]


@pytest.mark.parametrize(("bases", "sentences"), CASES)
def test_newest_base_backup_is_judged(bases: list[BaseBackup], sentences: list[str]) -> None:
    found = [each.sentence for each in judge_bases(bases, "7643", DAYS, NOW)]
    assert len(found) == len(sentences)
    assert all(a.startswith(b) for a, b in zip(found, sentences, strict=True))
