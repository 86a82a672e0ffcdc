"""Puts the answers of all sources together into a snapshot. Pure."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from archiver.balance.sheet import MISSABLE
from cli.status.answers import Answers
from cli.status.snapshot import (
    Archive,
    Balance,
    Check,
    Destination,
    Number,
    OtherInstance,
    Partition,
    Queue,
    Service,
    Snapshot,
    Volume,
    Waiting,
)
from cli.status.words import count_of, format_span
from router.silence.detection import TOO_FEW, UNATTENDED, UNHEARD
from services.amqp import topology
from services.calendar.opening_hours import AMSTERDAM
from services.http.service_status import DestinationStatus, ServiceParts

LATE_LOOK = timedelta(hours=3)
"""The limit of the alarm PostkamerNumberUnchecked: a look is due every hour."""
NO_VOLUME = "the archiver does not answer"
BUCKET = "a bucket, or not measured yet"
DATABASE_ELSEWHERE = "PostgreSQL does not tell"
NO_METRICS = "no POSTKAMER_BROKER_METRICS_URL"
METRICS_SILENT = "its metrics do not answer"


def build_snapshot(answers: Answers, at: datetime) -> Snapshot:
    """Return the installation as the answers tell it."""
    services = tuple(_services(answers))
    partitions = tuple(_partitions(answers))
    destinations = tuple(_destinations(answers))
    numbers = tuple(_numbers(answers, at))
    return Snapshot(
        at=at,
        services=services,
        others=tuple(_others(answers, services)),
        partitions=partitions,
        destinations=destinations,
        numbers=numbers,
        waiting=tuple(_waiting(answers, destinations)),
        archive=_archive(answers),
        disk=tuple(_disk(answers)),
        balance=tuple(_balance(answers)),
        unlimited_tokens=_names(answers, "unlimited_tokens"),
        unconfirmed_tokens=_names(answers, "unconfirmed_tokens"),
        unapproved_rules=tuple(_unapproved_rules(answers)),
        lone_rules=_names(answers, "alone"),
        faults=tuple(answers.faults),
        not_asked=tuple(answers.not_asked),
    )


def _names(answers: Answers, query: str) -> tuple[str, ...]:
    return tuple(row["name"] for row in answers.rows.get(query, []))


def _unapproved_rules(answers: Answers) -> Iterator[str]:
    rules = [answer.status.rules for answer in answers.services if answer.status]
    in_force = {each.version: None for each in rules if each and each.production}
    if "approved" in answers.rows:
        approved = {row["version"] for row in answers.rows["approved"]}
        yield from (version for version in in_force if version not in approved)


def _services(answers: Answers) -> Iterator[Service]:
    for answer in answers.services:
        name, address, status = answer.name, answer.address, answer.status
        if status is None:
            yield Service(name=name, address=address, reason=answer.fault)
            continue
        yield Service(
            name=name,
            address=address,
            live=True,
            ready=status.ready,
            reason="; ".join(status.obstacles),
            rules=status.rules,
            version=status.version,
            instance=status.instance,
            started_at=status.started_at,
        )


def _others(answers: Answers, services: Sequence[Service]) -> Iterator[OtherInstance]:
    known = {(service.name, service.instance) for service in services}
    for row in answers.rows.get("sessions", []):
        name = row["service"].removeprefix("postkamer-")
        if (name, row["instance"]) not in known:
            yield OtherInstance(name, row["instance"])


def _parts(answers: Answers) -> Iterator[tuple[str, ServiceParts]]:
    for answer in answers.services:
        if answer.status:
            yield f"{answer.name} {answer.status.instance}".rstrip(), answer.status.parts


def _queue(answers: Answers, name: str) -> Queue:
    length = answers.queues.get(name)
    consumers = [
        (process, consumer)
        for process, parts in _parts(answers)
        for consumer in parts.consumers
        if consumer.queue == name
    ]
    readers = _sharing(answers, name)
    readers |= {process: each.active for process, each in consumers if each.confirmed}
    ages = [each.in_hand_seconds for _, each in consumers if each.in_hand_seconds is not None]
    # Until a message comes, a process does not know if it is the one; a single one is.
    owner = next((each for each, is_active in readers.items() if is_active), "")
    if len(readers) == 1:
        owner = next(iter(readers))
    is_told = length is not None and not length.fault
    return Queue(
        ready=length.ready if length and is_told else None,
        in_hand=sum(each.in_hand for _, each in consumers),
        in_hand_seconds=max(ages, default=None),
        consumers=length.consumers if length and is_told else None,
        owner=owner,
        stand_by=tuple(each for each in readers if each != owner),
        fault=length.fault if length else "",
    )


def _sharing(answers: Answers, queue: str) -> dict[str, bool]:
    """Return each process that reads a queue, as it tells the others in the database, and whether
    it gets the messages. What a process tells us itself is newer."""
    return {
        f"{row['service']} {row['name']}": queue in row["holds"]
        for row in answers.rows.get("sharing", [])
        if queue in row["reads"]
    }


def _partitions(answers: Answers) -> Iterator[Partition]:
    epochs = {row["partition"]: row["epoch"] for row in answers.rows.get("leases", [])}
    for number in range(answers.scope.partitions):
        queue = _queue(answers, topology.partition_queue(number))
        yield Partition(partition=number, queue=queue, epoch=epochs.get(number))


def _destinations(answers: Answers) -> Iterator[Destination]:
    tables = _by(answers, "destinations", "id")
    pauses = _by(answers, "pauses", "destination")
    waiting = _by(answers, "waiting_events", "destination")
    undelivered = _by(answers, "undelivered", "destination")
    states = _delivery_states(answers)
    for id in dict.fromkeys([*answers.scope.destinations, *states, *tables, *waiting]):
        row, pause, state = tables.get(id, {}), pauses.get(id), states.get(id)
        queue = _queue(answers, topology.destination_queue(id))
        yield Destination(
            id=id,
            queue=queue,
            **_pause(pause, state),
            window=state.window if state else None,
            parked=row.get("parked"),
            aside=row.get("aside"),
            replaying=row.get("replaying"),
            waiting=_count(answers, "waiting_events", "destination", id, "waiting"),
            oldest_at=_earliest(
                row.get("oldest"),
                waiting.get(id, {}).get("since"),
                # The balance looks again only now and then: of an empty queue it is out of date.
                undelivered.get(id, {}).get("since") if queue.ready else None,
            ),
        )


def _delivery_states(answers: Answers) -> dict[str, DestinationStatus]:
    """Return the state of each destination, as the process tells that delivers to it: a stand-by
    knows of no failure. Where it is not known which one that is, a failure counts."""
    ranked: dict[str, tuple[bool, bool, DestinationStatus]] = {}
    for process, parts in _parts(answers):
        for each in parts.destinations:
            owner = _queue(answers, topology.destination_queue(each.id)).owner
            rank = (process != owner, each.paused_since is None)
            if each.id not in ranked or rank < ranked[each.id][:2]:
                ranked[each.id] = (*rank, each)
    return {id: state for id, (_, _, state) in ranked.items()}


def _pause(pause: Mapping[str, Any] | None, state: DestinationStatus | None) -> dict[str, Any]:
    if pause:
        since, reason = pause["since"], pause["reason"]
        return {"paused_by": "person", "paused_since": since, "reason": reason}
    if state and state.paused_since:
        since, reason = state.paused_since, state.reason
        return {"paused_by": "failures", "paused_since": since, "reason": reason}
    return {}


def _numbers(answers: Answers, at: datetime) -> Iterator[Number]:
    lines = _by(answers, "numbers", "id")
    for id in answers.scope.numbers:
        row = lines.get(id, {})
        due_at = row.get("due_at")
        yield Number(
            id=id,
            state=row.get("state", ""),
            queued=row.get("queued"),
            stopped=row.get("stopped", False),
            moves_since=row.get("moves_since"),
            held=_count(answers, "held", "number", id, "held"),
            in_doubt=_count(answers, "in_doubt", "number", id, "in_doubt"),
            due_since=due_at if due_at and due_at < at else None,
            checks=tuple(_checks(answers, id, at)),
        )


def _checks(answers: Answers, number: str, at: datetime) -> Iterator[Check]:
    """Yield the checks of a number, of each query in CHECKS."""
    for query, make_check in CHECKS.items():
        for row in answers.rows.get(query, []):
            if row["number"] == number:
                yield make_check(row, at)


def _silence(row: Mapping[str, Any], at: datetime) -> Check:
    if row["silent_since"]:
        silent, usual = row["silent_seconds"], row["usual_gap_seconds"] or 0
        spans = [format_span(timedelta(seconds=seconds)) for seconds in (silent, usual)]
        return Check("silence", "wrong", "{} in opening hours; usual is {}".format(*spans))
    if at - row["looked_at"] > UNATTENDED:
        return Check("silence", "warning", f"no look for {format_span(at - row['looked_at'])}")
    if row["counts_from"] is None:
        return Check("silence", "unknown", UNHEARD)
    if row["usual_gap_seconds"] is None:
        return Check("silence", "unknown", TOO_FEW)
    if row["counts_from"] > at:
        day = row["counts_from"].astimezone(AMSTERDAM).date()
        return Check("silence", "unknown", f"counts from {day}")
    return Check("silence", "fine")


def _health(row: Mapping[str, Any], at: datetime) -> Check:
    if at - row["looked_at"] > LATE_LOOK:
        span = format_span(at - row["looked_at"])
        return Check(row["name"], "warning", f"no look brought an answer for {span}")
    return Check(row["name"], row["state"], row["detail"].removesuffix("."), row["until"])


def _trial(row: Mapping[str, Any], at: datetime) -> Check:
    guests = count_of(row["guests"], "guest|guests")
    return Check("trial", "warning", f"it sends only to its guest list ({guests})")


CHECKS: dict[str, Callable[[Mapping[str, Any], datetime], Check]] = {
    "silence": _silence,
    "health": _health,
    "trials": _trial,
}
"""Query -> the check of a number that one of its rows is."""


def _balance(answers: Answers) -> Iterator[Balance]:
    missing = {row["equation"]: row["missing"] for row in answers.rows.get("missing", [])}
    for row in answers.rows.get("balance", []):
        since = row["round_at"] or row["begun_at"]
        for name in MISSABLE:
            count = missing.get(name, 0)
            yield Balance(name=name, closes=not count, missing=count, drawn_up_at=since)


KINDS = {"file": "files", "timer": "timers", "quarantined": "quarantine"}
"""Kind of what waits -> the query whose only row counts it."""


def _waiting(answers: Answers, destinations: Sequence[Destination]) -> Iterator[Waiting]:
    if "destinations" in answers.rows:
        yield _undelivered(destinations)
    if lines := answers.rows.get("numbers"):
        since = _earliest(*(row["oldest"] for row in lines))
        yield Waiting(kind="send", count=sum(row["queued"] for row in lines), since=since)
    for kind, name in KINDS.items():
        for row in answers.rows.get(name, []):
            yield Waiting(kind=kind, count=row["count"], since=row["since"])


def _undelivered(destinations: Sequence[Destination]) -> Waiting:
    """Return the oldest delivery; its count is not known if the length of a queue is not."""
    tables = sum(
        (each.aside or 0) + (each.replaying or 0) + (each.waiting or 0) for each in destinations
    )
    queues = [each.queue.ready for each in destinations if not each.queue.fault]
    in_queues = sum(ready or 0 for ready in queues)
    dated = [(each.oldest_at, each.id) for each in destinations if each.oldest_at]
    since, id = min(dated, default=(None, ""))
    count = None if None in queues else tables + in_queues
    return Waiting(kind="delivery", count=count, since=since, destination=id)


def _archive(answers: Answers) -> Archive:
    lags = [parts.lag_seconds for _, parts in _parts(answers) if parts.lag_seconds is not None]
    row = next(iter(answers.rows.get("archive", [])), {})
    queue = _queue(answers, topology.ARCHIVE_QUEUE)
    return Archive(queue=queue, lag_seconds=max(lags, default=None), **row)


def _disk(answers: Answers) -> Iterator[Volume]:
    yield _object_store(answers)
    yield _database(answers)
    if disk := answers.broker_disk:
        yield Volume(name="broker", free=disk.free, limit=disk.limit)
    else:
        missing = not any("metrics" in fault for fault in answers.faults)
        yield Volume(name="broker", note=NO_METRICS if missing else METRICS_SILENT)


def _object_store(answers: Answers) -> Volume:
    spaces = [parts.object_store for _, parts in _parts(answers)]
    if space := next((space for space in spaces if space), None):
        return Volume(name="files", free=space.free, total=space.total)
    is_up = any(each.name == "archiver" and each.status for each in answers.services)
    return Volume(name="files", note=BUCKET if is_up else NO_VOLUME)


def _database(answers: Answers) -> Volume:
    used = next((row["used"] for row in answers.rows.get("database", [])), None)
    if disk := answers.database_disk:
        return Volume(name="database", used=used, free=disk.free, total=disk.total)
    return Volume(name="database", used=used, note=DATABASE_ELSEWHERE)


def _count(answers: Answers, query: str, key: str, id: str, column: str) -> int | None:
    """Return a count of a query that has rows for those with any; None if it was not answered."""
    if query not in answers.rows:
        return None
    count: int = _by(answers, query, key).get(id, {}).get(column, 0)
    return count


def _by(answers: Answers, query: str, key: str) -> dict[str, dict[str, Any]]:
    return {row[key]: row for row in answers.rows.get(query, [])}


def _earliest(*times: datetime | None) -> datetime | None:
    return min((time for time in times if time), default=None)
