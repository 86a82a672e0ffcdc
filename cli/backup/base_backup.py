"""Base back-ups, as pg_basebackup leaves them in a folder and as pgBackRest tells of them. Pure."""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from cli.backup.finding import Finding, format_age

STARTED = re.compile(r"^START TIME: (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (\S+)$", re.MULTILINE)
BEGINS = re.compile(r"^START WAL LOCATION: ([0-9A-F]+/[0-9A-F]+) ", re.MULTILINE)
TIMELINE = re.compile(r"^START TIMELINE: (\d+)$", re.MULTILINE)
OFFSETS = {"UTC": 0, "GMT": 0, "CET": 1, "CEST": 2}
"""Zone of a server's log in the Netherlands -> hours east of Greenwich."""
FINE = 0
"""Status of a stanza of pgBackRest that lacks nothing."""


class BaseBackup(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    at: datetime
    """Time from which on WAL is needed."""
    is_whole: bool = True
    """True if it ended: pg_basebackup writes its manifest last."""
    has_errors: bool = False
    """True if the tool met pages with a wrong checksum."""
    cluster: str = ""
    """Number of the cluster that it is of; '' if the tool does not say."""
    begins: tuple[int, int] | None = None
    """Time line, and byte of its WAL, from which on a restore needs it; None if it is not told."""


def read_folder_backup(
    name: str, label: str | None, manifest: bytes | None, changed_at: datetime
) -> BaseBackup:
    """Return the base back-up with this backup_label and this manifest; None for one that is not
    there. `changed_at` is when the newer of both was written, for a label without a time."""
    found = STARTED.search(label or "")
    at = changed_at
    if found and found[2] in OFFSETS:
        local = datetime.fromisoformat(found[1]).replace(tzinfo=UTC)
        at = local - timedelta(hours=OFFSETS[found[2]])
    cluster = str(_read_manifest(manifest).get("System-Identifier", ""))
    whole, begins = manifest is not None, _find_begin(label or "", manifest)
    return BaseBackup(name=name, at=at, is_whole=whole, cluster=cluster, begins=begins)


def read_position(text: str) -> int:
    """Return the byte of the WAL that PostgreSQL calls `2/A000028`."""
    high, low = text.split("/")
    return int(high, 16) * (1 << 32) + int(low, 16)


def _find_begin(label: str, manifest: bytes | None) -> tuple[int, int] | None:
    """Return where the WAL of a back-up begins: by its label, or by its manifest where the label is
    inside an archive."""
    position, timeline = BEGINS.search(label), TIMELINE.search(label)
    if position and timeline:
        return int(timeline[1]), read_position(position[1])
    try:
        ranges = _read_manifest(manifest).get("WAL-Ranges", [])
        found = [(int(each["Timeline"]), read_position(each["Start-LSN"])) for each in ranges]
    except (ArithmeticError, KeyError, TypeError, ValueError):
        return None
    return min(found, key=lambda each: each[1], default=None)


def _read_manifest(manifest: bytes | None) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(manifest or b"{}")
    except msgspec.DecodeError:
        return {}
    return found if isinstance(found, dict) else {}


class _Times(msgspec.Struct):
    start: int


class _Backup(msgspec.Struct):
    label: str
    timestamp: _Times
    error: bool | None = None


class _Cluster(msgspec.Struct, rename={"system_id": "system-id"}):
    system_id: int = 0


class _Status(msgspec.Struct):
    code: int
    message: str = ""


class _Stanza(msgspec.Struct):
    name: str
    status: _Status
    backup: list[_Backup] = []
    db: list[_Cluster] = []


class StanzaReport(msgspec.Struct, frozen=True):
    backups: list[BaseBackup]
    faults: list[str]
    """Sentences of the tool about what is wrong with a stanza."""


def read_pgbackrest(output: bytes) -> StanzaReport:
    """Return what `pgbackrest info --output=json` says. Raises ValueError if it is nothing of the
    kind."""
    try:
        stanzas = msgspec.json.decode(output, type=list[_Stanza])
    except msgspec.DecodeError:
        raise ValueError("its output is not that of pgbackrest info --output=json") from None
    faults = [f"stanza {s.name}: {s.status.message}" for s in stanzas if s.status.code != FINE]
    backups = [_from_stanza(stanza, each) for stanza in stanzas for each in stanza.backup]
    return StanzaReport(backups, faults if stanzas else ["there is no stanza"])


def _from_stanza(stanza: _Stanza, backup: _Backup) -> BaseBackup:
    return BaseBackup(
        name=backup.label,
        at=datetime.fromtimestamp(backup.timestamp.start, UTC),
        has_errors=bool(backup.error),
        cluster=str(stanza.db[-1].system_id or "") if stanza.db else "",
    )


def judge_bases(
    bases: Sequence[BaseBackup], cluster: str, oldest: timedelta, now: datetime
) -> Iterator[Finding]:
    """Yield what is wrong with the newest base back-up: a restore begins with it."""
    for each in bases:
        if each.has_errors:
            bent = f"the base back-up {each.name} has pages with a wrong checksum: look at the disk"
            yield Finding(owner="database", sentence=bent)
        if not each.is_whole:
            cut = f"the base back-up {each.name} has no manifest: it did not end, or still runs"
            yield Finding(weight="warning", owner="back-up", is_retryable=True, sentence=cut)
    whole = [each for each in bases if each.is_whole]
    if not whole:
        yield Finding(owner="back-up", sentence="there is no base back-up that is whole")
        return
    newest = max(whole, key=lambda each: each.at)
    if now - newest.at > oldest:
        old = f"the newest base back-up is {format_age(now - newest.at)} old"
        yield Finding(owner="back-up", sentence=old)
    if newest.cluster and newest.cluster != cluster:
        other = f"the base back-up {newest.name} is of another cluster than this database"
        yield Finding(owner="back-up", sentence=other)
