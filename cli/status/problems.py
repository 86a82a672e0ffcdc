"""Problems of an installation: each a sentence, with the command to run next. Pure.

A problem is what a person should look at. A short pause, an answer that waits for its citizen and a
number that the contact centre closed are none.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

from cli.status.snapshot import Destination, Number, Problem, Queue, Snapshot
from cli.status.words import count_of, format_bytes, format_span
from cli.support.unlimited_tokens import narrowing_command
from deliverer.meta.health.finding import MUST_BE_SHOWN
from services.config.rules_status import BELOW

SHORT_PAUSE = timedelta(minutes=1)
"""A destination that was restarted is probed again within half a minute, and a person who has just
paused one knows it."""
LATE_SEND = timedelta(minutes=15)
"""A message waits ten minutes for one to the same citizen of which Meta said nothing."""
LATE_ARCHIVE = timedelta(minutes=5)
LATE = {
    True: "The archive is {} behind.",
    False: "The newest record was {} old when it was written; how many wait is not known.",
}
"""If the length of its queue is known -> the sentence of a late archive."""
LATE_CHECKPOINT = timedelta(minutes=10)
"""These, and those of files and time-outs, are the limits of the alarms in
`deploy/prometheus/rules.yml`."""
WHOLE = "total"
"""Row of the balance as a whole."""
NOUNS = {
    "receipt": "receipt|receipts",
    "item": "item|items",
    "record": "record|records",
    "delivery": "delivery|deliveries",
    "quarantine": "quarantined item|quarantined items",
    "send": "send|sends",
    "entry": "entry of the record|entries of the record",
    "batch": "batch|batches",
}
"""Equation of the balance -> one and several of its things."""
LATE_BALANCE = timedelta(minutes=15)
LEAST_FREE = 0.10
"""Share of a volume that must be free."""
ROOM_OF_LIMITS = 2
"""The broker takes nothing in below its limit, so twice as much must be free."""
CHECK_LIVE = "postkamer check --live"
MOVE = "postkamer tenant start --help"
DESTINATIONS = "postkamer destination list"
LOG = "read the log of that service, and start it again"
WAITING = {
    "file": (timedelta(days=1), "The oldest file has waited for {}.", "postkamer files list"),
    "quarantined": (
        timedelta(),
        "An item that could not be decided has waited for a person for {}.",
        "postkamer quarantine list",
    ),
    "timer": (timedelta(minutes=5), "A time-out is late by {}.", "read the log of the router"),
}
"""Kind of what waits -> how long it may, the sentence if it waits longer, and the command."""
CHECK_COMMANDS = {"silence": "postkamer silence show", "trial": "postkamer guests list"}
"""Check of a number -> the command that shows more than `check --live` does."""
LONG_IN_HAND = 30
"""Seconds from which a router or an archiver has a message in hand for too long: all that it may
have at once takes it a few."""
UNWELL = {"warning": "it needs attention", "wrong": "it is wrong"}
"""State of a check of a number that is a problem -> the words for one without a sentence."""


def list_problems(snapshot: Snapshot) -> tuple[Problem, ...]:
    """Return everything that a person should look at, what is wrong before the warnings."""
    found = (problem for find in PROBLEMS for problem in find(snapshot))
    return tuple(sorted(found, key=lambda problem: problem.level != "wrong"))


def _sources(snapshot: Snapshot) -> Iterator[Problem]:
    for fault in snapshot.faults:
        yield Problem("source", f"{fault}.", CHECK_LIVE)


def _services(snapshot: Snapshot) -> Iterator[Problem]:
    for each in snapshot.services:
        about = f"service {each.name} {each.address}"
        if not each.live:
            yield Problem(about, f"{each.name} is not live: {each.reason}.", LOG)
        elif not each.ready:
            yield Problem(about, f"{each.name} is not ready: {each.reason}.", CHECK_LIVE)
    versions = sorted({each.version for each in snapshot.services if each.version})
    if len(versions) > 1:
        text = f"The services run different versions: {', '.join(versions)}."
        yield Problem("versions", text, "start the older ones again with the newer version")


def _rules(snapshot: Snapshot) -> Iterator[Problem]:
    rules = [service.rules for service in snapshot.services if service.rules]
    for refused in dict.fromkeys(each.refused for each in rules if each.refused):
        what = BELOW if refused.in_force else "A change of the rules is not in force"
        text = f"{what}: {refused}"
        yield Problem("rules", text, "postkamer check")
    waiting = {each.waiting.version: str(each.waiting) for each in rules if each.waiting}
    for version, what in waiting.items():
        text = f"A change of the rules does not count yet: {what}."
        yield Problem("rules", text, f"postkamer rules approve {version}", "warning")
    for version in snapshot.lone_rules:
        text = f"One person alone put version {version} of the rules in force."
        yield Problem("rules", text, f"postkamer rules approve {version}", "warning")
    if len({each.version for each in rules}) > 1:
        text = "Not all services go by the same version of the rules."
        yield Problem("rules", text, "postkamer rules list")
    for version in snapshot.unapproved_rules:
        text = f"No proven person stands for version {version} of the rules."
        yield Problem("rules", text, f"postkamer rules approve {version}", "warning")


def _partitions(snapshot: Snapshot) -> Iterator[Problem]:
    for each in snapshot.partitions:
        about, queue = f"partition {each.partition}", each.queue
        yield from _queue(about, queue)
        yield from _in_hand(about, queue)


def _in_hand(about: str, queue: Queue) -> Iterator[Problem]:
    """Yield a process that works on messages for long. A deliverer may: its destination waits."""
    seconds = queue.in_hand_seconds or 0
    if seconds >= LONG_IN_HAND:
        messages = count_of(queue.in_hand, "message|messages")
        span = format_span(timedelta(seconds=seconds))
        text = f"{queue.owner or 'A process'} has had {messages} of {about} for {span}."
        yield Problem(about, text, CHECK_LIVE)


def _queue(about: str, queue: Queue) -> Iterator[Problem]:
    if queue.fault:
        text = f"The broker does not tell about the queue of {about}: {queue.fault}."
        yield Problem(about, text, "postkamer topology declare")
    elif queue.consumers == 0:
        waiting = f" ({queue.ready:,} wait)" if queue.ready else ""
        yield Problem(about, f"No process reads the queue of {about}{waiting}.", LOG)


def _destinations(snapshot: Snapshot) -> Iterator[Problem]:
    for each in snapshot.destinations:
        about = f"destination {each.id}"
        yield from _queue(about, each.queue)
        yield from _pause(about, each, snapshot.at)
        if each.waiting:
            yield _overflow(about, each, each.waiting)
        if each.parked:
            text = f"Parked for {each.id}: {count_of(each.parked, 'delivery|deliveries')}."
            yield Problem(about, text, f"postkamer parked list --destination {each.id}")


def _overflow(about: str, destination: Destination, waiting: int) -> Problem:
    """Return why events wait outside a queue: one that is empty cannot be full."""
    events = "1 event" if waiting == 1 else f"{waiting:,} events"
    if destination.queue.ready == 0:
        text = f"{events} for {destination.id} cannot enter its queue, which is empty."
        return Problem(about, text, "postkamer topology declare")
    text = f"{events} for {destination.id} found no room in its queue."
    return Problem(about, text, DESTINATIONS)


def _pause(about: str, destination: Destination, at: datetime) -> Iterator[Problem]:
    id, since, reason = destination.id, destination.paused_since, destination.reason
    if since is None or at - since < SHORT_PAUSE:
        return
    span = format_span(at - since)
    if destination.paused_by == "person":
        text = f"A person paused {id} {span} ago: {reason}."
        yield Problem(about, text, f"postkamer destination resume {id}")
    else:
        yield Problem(about, f"{id} has failed for {span}: {reason}.", DESTINATIONS)


def _numbers(snapshot: Snapshot) -> Iterator[Problem]:
    for each in snapshot.numbers:
        about = f"number {each.id}"
        yield from _sending(about, each, snapshot.at)
        for check in each.checks:
            if check.state == "unknown" and check.name in MUST_BE_SHOWN:
                text = f"Number {each.id}, {check.name} is not known: {check.detail}."
                yield Problem(about, text, CHECK_LIVE, "warning")
            if words := UNWELL.get(check.state):
                text = f"Number {each.id}, {check.name}: {check.detail or words}."
                command = CHECK_COMMANDS.get(check.name, CHECK_LIVE)
                yield Problem(about, text, command, check.state)


def _sending(about: str, number: Number, at: datetime) -> Iterator[Problem]:
    if number.moves_since:
        since = format_span(at - number.moves_since)
        text = f"Nothing goes in or out at {about} for {since}: its municipality moves."
        yield Problem(about, text, MOVE)
    elif number.stopped:
        text = f"The provider of {about} lets nothing go; its messages wait."
        yield Problem(about, text, CHECK_LIVE)
    elif number.due_since and at - number.due_since >= LATE_SEND:
        late = format_span(at - number.due_since)
        yield Problem(about, f"A message from {about} is late by {late}.", CHECK_LIVE)
    if number.in_doubt:
        messages = count_of(number.in_doubt, "message|messages")
        text = f"{messages} from {about} may or may not have gone."
        yield Problem(about, text, f"postkamer sends list --number {number.id}")


def _waiting(snapshot: Snapshot) -> Iterator[Problem]:
    for each in snapshot.waiting:
        limit, text, command = WAITING.get(each.kind, (timedelta.max, "", ""))
        if each.since and snapshot.at - each.since >= limit:
            span = format_span(snapshot.at - each.since)
            yield Problem(f"waiting {each.kind}", text.format(span), command)


def _archive(snapshot: Snapshot) -> Iterator[Problem]:
    archive = snapshot.archive
    yield from _queue("archive", archive.queue)
    yield from _in_hand("archive", archive.queue)
    lag = timedelta(seconds=archive.lag_seconds or 0)
    # An old record may be written last, after a pause; without a queue nothing is behind.
    if lag >= LATE_ARCHIVE and archive.queue.ready != 0:
        is_known = archive.queue.ready is not None
        yield Problem("archive", LATE[is_known].format(format_span(lag)), CHECK_LIVE)
    unsigned = snapshot.at - (archive.unsigned_since or snapshot.at)
    if unsigned >= LATE_CHECKPOINT:
        text = f"The records of the last {format_span(unsigned)} are not signed."
        yield Problem("archive", text, "postkamer archive checkpoint")
    if archive.aside:
        text = f"{count_of(archive.aside, 'message|messages')} could not become a record."
        yield Problem("archive", text, "postkamer archive aside list")


def _disk(snapshot: Snapshot) -> Iterator[Problem]:
    for each in snapshot.disk:
        least = int((each.total or 0) * LEAST_FREE)
        if each.limit is not None:
            least = ROOM_OF_LIMITS * each.limit
        if each.free is not None and each.free < least:
            text = f"The volume of the {each.name} has only {format_bytes(each.free)} free."
            yield Problem(f"disk {each.name}", text, "make room, or enlarge the volume")


def _balance(snapshot: Snapshot) -> Iterator[Problem]:
    for each in snapshot.balance:
        if not each.closes:
            text = f"{count_of(each.missing, NOUNS[each.name])} cannot be found."
            yield Problem(f"balance {each.name}", text, "postkamer balance")
    drawn_up = [each.drawn_up_at for each in snapshot.balance if each.drawn_up_at]
    age = snapshot.at - min(drawn_up, default=snapshot.at)
    if age >= LATE_BALANCE:
        text = f"The balance was drawn up {format_span(age)} ago, and not since."
        yield Problem(f"balance {WHOLE}", text, "read the log of the archiver")


def _tokens(snapshot: Snapshot) -> Iterator[Problem]:
    if names := snapshot.unlimited_tokens:
        yield unlimited_problem(names, narrowing_command(names[0]))
    for name in snapshot.unconfirmed_tokens:
        text = f"Token {name} is refused: no command of this installation made it."
        yield Problem("tokens", text, f"postkamer token confirm {name}")


def unlimited_problem(names: Sequence[str], command: str) -> Problem:
    """Return the warning about tokens that name no department."""
    listed = ", ".join(names)
    text = f"These tokens name no department and read all, confidential ones too: {listed}."
    return Problem("tokens", text, command, "warning")


PROBLEMS: tuple[Callable[[Snapshot], Iterator[Problem]], ...] = (
    _sources,
    _services,
    _partitions,
    _destinations,
    _numbers,
    _waiting,
    _archive,
    _disk,
    _balance,
    _rules,
    _tokens,
)
"""In the order of the screen; what stops most comes first."""
