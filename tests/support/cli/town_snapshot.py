"""Snapshots of a town with four services, two partitions, three destinations and two numbers."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from cli.status.problems import list_problems
from cli.status.snapshot import (
    Archive,
    Balance,
    Destination,
    Number,
    Partition,
    Queue,
    Service,
    Snapshot,
    Volume,
    Waiting,
)
from services.config.rules_status import RulesStatus

AT = datetime(2026, 12, 1, 9, 30, tzinfo=UTC)
RULES = RulesStatus("266f4218f27f")
GIGABYTE = 10**9
UNREAD = "no consumer on router.partition.1"
ARCHIVER, SILENT = "http://archiver:9083", "does not answer within 1 s"
REASON = {"reason": "the destination answered 503"}


def ago(**span: float) -> datetime:
    return AT - timedelta(**span)


def service(name: str, **fields: Any) -> Service:
    known: dict[str, Any] = {
        "live": True,
        "ready": True,
        "version": "0.1.0",
        "instance": f"web1/{len(name)}11",
    }
    known |= {"instance": f"web1/{len(name)}11", "started_at": ago(days=3, hours=2)}
    return Service(name=name, address=f"http://{name}:9080", **known | fields)


def read(owner: str, ready: int = 0) -> Queue:
    return Queue(ready=ready, consumers=1, owner=owner)


def destination(id: str, **fields: Any) -> Destination:
    known = {"window": 16, "parked": 0, "aside": 0, "replaying": 0, "waiting": 0}
    return Destination(id=id, **{"queue": read("deliverer web1/911")} | known | fields)


def number(id: str, **fields: Any) -> Number:
    return Number(id=id, **{"state": "open", "queued": 0, "held": 0, "in_doubt": 0} | fields)


TOWN = Snapshot(
    at=AT,
    services=(
        service("gateway", rules=RULES),
        service("router", rules=RULES),
        service("deliverer"),
        service("archiver"),
    ),
    partitions=tuple(
        Partition(partition=n, queue=read("router web1/611"), epoch=4 + n) for n in range(2)
    ),
    destinations=(destination("crm"), destination("ita"), destination("piket")),
    numbers=(number("106540352242922"), number("106540352242923", queued=3, held=1)),
    waiting=(
        Waiting(kind="delivery", count=0),
        Waiting(kind="send", count=3, since=ago(seconds=2)),
        Waiting(kind="file", count=1, since=ago(seconds=9)),
        Waiting(kind="timer", count=0),
        Waiting(kind="quarantined", count=0),
    ),
    archive=Archive(
        queue=read("archiver web1/811"),
        lag_seconds=0.1,
        entries=1_204_811,
        checkpoint_at=ago(seconds=40),
        checkpoint_entries=1_204_790,
        aside=0,
    ),
    disk=(
        Volume(name="files", free=77 * GIGABYTE, total=96 * GIGABYTE),
        Volume(name="database", used=4 * GIGABYTE, note="PostgreSQL does not tell"),
        Volume(name="broker", free=30 * GIGABYTE, limit=2 * GIGABYTE),
    ),
    balance=tuple(
        Balance(name=name, closes=True, drawn_up_at=ago(seconds=12))
        for name in ("receipt", "item", "record", "delivery", "send", "batch")
    ),
)


def town(**fields: Any) -> Snapshot:
    """Return the town with other fields, and its problems."""
    changed = msgspec.structs.replace(TOWN, **fields)
    return msgspec.structs.replace(changed, problems=list_problems(changed))


def unwell_town() -> Snapshot:
    """Return the town on a bad day."""
    failing = {"paused_by": "failures", "paused_since": ago(hours=2, minutes=5)} | REASON
    paused = {"paused_by": "person", "paused_since": ago(days=1), "reason": "upgrade until 18:00"}
    return town(
        services=(
            service("gateway", rules=RULES),
            service("router", rules=RULES, ready=False, reason=UNREAD),
            service("deliverer", version="0.0.9"),
            Service(name="archiver", address=ARCHIVER, reason=f"{ARCHIVER} {SILENT}"),
        ),
        partitions=(
            Partition(partition=0, queue=read("router web1/611"), epoch=4),
            Partition(partition=1, queue=Queue(ready=812, consumers=0), epoch=5),
        ),
        destinations=(
            destination(
                "crm",
                window=1,
                queue=read("deliverer web1/911", 20_411),
                **failing,
            ),
            destination("ita", parked=12),
            destination("piket", **paused),
        ),
        numbers=(
            number("106540352242922", stopped=True, queued=40),
            number("106540352242923", in_doubt=2),
        ),
        waiting=(
            Waiting(
                kind="delivery",
                count=20_412,
                since=ago(hours=2, minutes=6),
                destination="crm",
            ),
            *TOWN.waiting[1:],
        ),
        disk=(
            Volume(name="files", note="the archiver does not answer"),
            Volume(name="database", used=4 * GIGABYTE, free=3 * GIGABYTE, total=96 * GIGABYTE),
            Volume(name="broker", note="no POSTKAMER_BROKER_METRICS_URL"),
        ),
    )
