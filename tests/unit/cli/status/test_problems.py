"""Problems of an installation: each a sentence, with a command that exists."""

import shlex
from typing import Any

import pytest

from cli.main import main
from cli.status.snapshot import (
    Archive,
    Balance,
    Check,
    Partition,
    Queue,
    Service,
    Snapshot,
    Volume,
    Waiting,
)
from services.config.rules_status import RefusedChange, RulesStatus, WaitingChange
from tests.support.cli.command_tree import walk_commands
from tests.support.cli.town_snapshot import (
    GIGABYTE,
    ago,
    destination,
    number,
    service,
    town,
    unwell_town,
)

REFUSED = RefusedChange("/etc/rules/afval.toml", 3, "rule afval: words: is missing")
SHORT = RefusedChange("/etc/tabel.csv", 0, "test of almelo: 1 of 3 messages", in_force=True)
OLD, NEW = RulesStatus("a1"), RulesStatus("b2")
WAITS = WaitingChange("b2", "it waits for two persons", ago(hours=1))
LIVE = "postkamer check --live"

IN_HAND = Queue(ready=0, consumers=1, owner="router web1/2", in_hand=8, in_hand_seconds=61.5)

CASES: list[tuple[dict[str, Any], str, str]] = [
    (
        {"unlimited_tokens": ("crm", "desk")},
        "These tokens name no department and read all, confidential ones too: crm, desk.",
        "postkamer token narrow crm --all-departments",
    ),
    (
        {"services": [Service(name="router", address="http://x", reason="no answer")]},
        "router is not live: no answer.",
        "read the log of that service, and start it again",
    ),
    (
        {"services": [service("router", ready=False, reason="no database")]},
        "router is not ready: no database.",
        LIVE,
    ),
    (
        {"services": [service("router", version="1.0"), service("gateway", version="1.1")]},
        "The services run different versions: 1.0, 1.1.",
        "start the older ones again with the newer version",
    ),
    (
        {"services": [service(name, rules=RulesStatus("a1", REFUSED)) for name in ("a", "b")]},
        f"A change of the rules is not in force: {REFUSED}",
        "postkamer check",
    ),
    (
        {"services": [service("router", rules=RulesStatus("a1", SHORT))]},
        f"The rules in force fall below a table of messages: {SHORT}",
        "postkamer check",
    ),
    (
        {"services": [service("router", rules=OLD), service("gateway", rules=NEW)]},
        "Not all services go by the same version of the rules.",
        "postkamer rules list",
    ),
    (
        {"unconfirmed_tokens": ("crm",)},
        "Token crm is refused: no command of this installation made it.",
        "postkamer token confirm crm",
    ),
    (
        {"unapproved_rules": ("a1",)},
        "No proven person stands for version a1 of the rules.",
        "postkamer rules approve a1",
    ),
    (
        {"services": [service(n, rules=RulesStatus("a1", waiting=WAITS)) for n in ("a", "b")]},
        "A change of the rules does not count yet: version b2: it waits for two persons.",
        "postkamer rules approve b2",
    ),
    (
        {"lone_rules": ("a1",)},
        "One person alone put version a1 of the rules in force.",
        "postkamer rules approve a1",
    ),
    (
        {"partitions": [Partition(partition=1, queue=Queue(ready=812, consumers=0))]},
        "No process reads the queue of partition 1 (812 wait).",
        "read the log of that service, and start it again",
    ),
    (
        {"partitions": [Partition(partition=0, queue=IN_HAND)]},
        "router web1/2 has had 8 messages of partition 0 for 1 min.",
        LIVE,
    ),
    (
        {"archive": Archive(queue=Queue(ready=0, consumers=1, in_hand=1, in_hand_seconds=40))},
        "A process has had 1 message of archive for 40 s.",
        LIVE,
    ),
    (
        {"numbers": [number("1065", checks=(Check("payment", "unknown", "Meta shows none"),))]},
        "Number 1065, payment is not known: Meta shows none.",
        LIVE,
    ),
    (
        {"partitions": [Partition(partition=0, queue=Queue(fault="there is no such queue"))]},
        "The broker does not tell about the queue of partition 0: there is no such queue.",
        "postkamer topology declare",
    ),
    (
        {
            "destinations": [
                destination(
                    "crm",
                    paused_by="person",
                    paused_since=ago(hours=1, minutes=5),
                    reason="upgrade until 18:00",
                )
            ]
        },
        "A person paused crm 1 h 5 min ago: upgrade until 18:00.",
        "postkamer destination resume crm",
    ),
    (
        {
            "destinations": [
                destination(
                    "crm",
                    paused_by="failures",
                    paused_since=ago(seconds=61),
                    reason="the destination answered 503",
                )
            ]
        },
        "crm has failed for 1 min: the destination answered 503.",
        "postkamer destination list",
    ),
    (
        {"destinations": [destination("crm", parked=10_001)]},
        "Parked for crm: 10,000+ deliveries.",
        "postkamer parked list --destination crm",
    ),
    (
        {"destinations": [destination("crm", queue=Queue(ready=0, consumers=1), waiting=1)]},
        "1 event for crm cannot enter its queue, which is empty.",
        "postkamer topology declare",
    ),
    (
        {"destinations": [destination("crm", queue=Queue(ready=9, consumers=1), waiting=7)]},
        "7 events for crm found no room in its queue.",
        "postkamer destination list",
    ),
    (
        {"numbers": [number("1065", stopped=True, due_since=ago(hours=1))]},
        "The provider of number 1065 lets nothing go; its messages wait.",
        LIVE,
    ),
    (
        {"numbers": [number("1065", moves_since=ago(hours=2), due_since=ago(hours=3))]},
        "Nothing goes in or out at number 1065 for 2 h: its municipality moves.",
        "postkamer tenant start --help",
    ),
    (
        {"numbers": [number("1065", due_since=ago(minutes=16))]},
        "A message from number 1065 is late by 16 min.",
        LIVE,
    ),
    (
        {"numbers": [number("1065", in_doubt=2)]},
        "2 messages from number 1065 may or may not have gone.",
        "postkamer sends list --number 1065",
    ),
    (
        {"numbers": [number("1065", checks=(Check("token", "warning", "it ends in 9 days"),))]},
        "Number 1065, token: it ends in 9 days.",
        LIVE,
    ),
    (
        {"waiting": [Waiting(kind="file", count=1, since=ago(days=1, hours=2))]},
        "The oldest file has waited for 1 d 2 h.",
        "postkamer files list",
    ),
    (
        {"waiting": [Waiting(kind="quarantined", count=1, since=ago(minutes=2))]},
        "An item that could not be decided has waited for a person for 2 min.",
        "postkamer quarantine list",
    ),
    (
        {"waiting": [Waiting(kind="timer", count=1, since=ago(minutes=5))]},
        "A time-out is late by 5 min.",
        "read the log of the router",
    ),
    (
        {"archive": Archive(queue=Queue(ready=3, consumers=1), lag_seconds=301)},
        "The archive is 5 min behind.",
        LIVE,
    ),
    (
        {"archive": Archive(lag_seconds=301)},
        "The newest record was 5 min old when it was written; how many wait is not known.",
        LIVE,
    ),
    (
        {"archive": Archive(unsigned_since=ago(minutes=10))},
        "The records of the last 10 min are not signed.",
        "postkamer archive checkpoint",
    ),
    (
        {"archive": Archive(aside=1)},
        "1 message could not become a record.",
        "postkamer archive aside list",
    ),
    (
        {"disk": [Volume(name="files", free=9 * GIGABYTE, total=96 * GIGABYTE)]},
        "The volume of the files has only 9.0 GB free.",
        "make room, or enlarge the volume",
    ),
    (
        {"disk": [Volume(name="broker", free=3 * GIGABYTE, limit=2 * GIGABYTE)]},
        "The volume of the broker has only 3.0 GB free.",
        "make room, or enlarge the volume",
    ),
    (
        {"balance": [Balance(name="delivery", closes=False, missing=3)]},
        "3 deliveries cannot be found.",
        "postkamer balance",
    ),
    (
        {"balance": [Balance(name="item", closes=True, drawn_up_at=ago(minutes=15))]},
        "The balance was drawn up 15 min ago, and not since.",
        "read the log of the archiver",
    ),
    (
        {"numbers": [number("1065", checks=(Check("silence", "wrong", "for 3 h"),))]},
        "Number 1065, silence: for 3 h.",
        "postkamer silence show",
    ),
    (
        {"faults": ["The broker does not answer (OSError)"]},
        "The broker does not answer (OSError).",
        LIVE,
    ),
]


@pytest.mark.parametrize(("fields", "text", "command"), CASES)
def test_problem_is_one_sentence_with_the_command_to_run_next(
    fields: dict[str, Any], text: str, command: str
) -> None:
    assert [(each.text, each.next) for each in town(**fields).problems] == [(text, command)]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"not_asked": ["The broker is not asked: POSTKAMER_AMQP_URL is missing"]},
        {"destinations": [destination("crm", paused_by="failures", paused_since=ago(seconds=59))]},
        {"destinations": [destination("crm", paused_by="person", paused_since=ago(seconds=59))]},
        {"destinations": [destination("crm", aside=3, replaying=9)]},
        {"numbers": [number("1065", state="closed", held=40, queued=9_000)]},
        {"numbers": [number("1065", checks=(Check("payment", "not_offered"),))]},
        {"numbers": [number("1065", checks=(Check("fields", "unknown", "no app secret"),))]},
        {"partitions": [Partition(partition=0, queue=Queue())]},
        {"partitions": [Partition(partition=0, queue=Queue(in_hand=9_000, in_hand_seconds=5))]},
        {"destinations": [destination("crm", queue=Queue(in_hand=16, in_hand_seconds=900))]},
        {"archive": Archive(lag_seconds=4_000, queue=Queue(ready=0, consumers=1))},
        {"archive": Archive(checkpoint_at=ago(days=9), unsigned_since=ago(minutes=1))},
        {"waiting": [Waiting(kind="send", count=9, since=ago(days=2))]},
    ],
)
def test_ordinary_states_are_no_problem(fields: dict[str, Any]) -> None:
    assert town(**fields).problems == ()


def test_commands_to_run_next_exist() -> None:
    snapshots: list[Snapshot] = [unwell_town(), *(town(**fields) for fields, *_ in CASES)]
    commands = {problem.next for each in snapshots for problem in each.problems}
    known = {path for path, _ in walk_commands(main)}
    for words in (shlex.split(each)[1:] for each in commands if each.startswith("postkamer ")):
        names = [word for word in words if not word.startswith("-")]
        assert any(" ".join(names[:n]) in known for n in range(1, 4)), words
