"""A snapshot from the answers of the sources, and from what is left when some are silent."""

from datetime import timedelta
from typing import Any

import pytest

from cli.status.answers import Answers, BrokerDisk, Scope, ServiceAnswer
from cli.status.assembly import build_snapshot
from cli.status.collect import parse_broker_disk, scope_of_services
from cli.status.problems import NOUNS, list_problems
from cli.status.snapshot import Check, OtherInstance, Queue, Waiting
from cli.status.words import format_bytes, format_count, format_span
from services.amqp.queue_status import ConsumerStatus, QueueLength
from services.config.rules_status import RulesStatus
from services.disk_space import DiskSpace
from services.http.service_status import (
    DestinationStatus,
    PartitionStatus,
    ServiceParts,
    ServiceStatus,
)
from tests.support.cli.town_snapshot import AT, ago

QUEUE = "router.partition.0"
SCOPE = Scope(partitions=1, destinations=["crm"], numbers=["1065"])


def answer(name: str, instance: str, parts: ServiceParts) -> ServiceAnswer:
    status = ServiceStatus(True, instance=instance, started_at=AT, version="0.1.0", parts=parts)
    return ServiceAnswer(name, f"http://{name}", status)


def router(instance: str, *, active: bool) -> ServiceAnswer:
    parts = ServiceParts(
        (ConsumerStatus(QUEUE, True, active),), partitions=(PartitionStatus(0, 7),)
    )
    return answer("router", instance, parts)


def deliverer(**state: Any) -> ServiceAnswer:
    destinations = (DestinationStatus("crm", window=16, **state),)
    return answer("deliverer", "web1/3", ServiceParts(destinations=destinations, numbers=("1065",)))


@pytest.mark.parametrize(
    ("active", "owner", "stand_by"),
    [
        ([True, False], "router web1/0", ("router web1/1",)),
        ([False, True], "router web1/1", ("router web1/0",)),
        ([False, False], "", ("router web1/0", "router web1/1")),
        ([False], "router web1/0", ()),
        ([], "", ()),
    ],
)
def test_owner_of_a_partition_is_the_process_that_gets_its_messages(
    active: list[bool], owner: str, stand_by: tuple[str, ...]
) -> None:
    routers = [router(f"web1/{n}", active=each) for n, each in enumerate(active)]
    answers = Answers(services=routers, scope=SCOPE)
    answers.queues = {QUEUE: QueueLength(QUEUE, 3, len(active))}
    answers.rows = {"leases": [{"partition": 0, "epoch": 7}]}
    [partition] = build_snapshot(answers, AT).partitions
    assert partition.epoch == 7
    assert partition.queue == Queue(ready=3, consumers=len(active), owner=owner, stand_by=stand_by)


def test_process_that_was_not_asked_is_known_by_its_row() -> None:
    row = {"service": "router", "name": "web2/9", "reads": [QUEUE], "holds": [QUEUE]}
    other = row | {"name": "web3/4", "reads": ["router.partition.1"], "holds": []}
    answers = Answers(services=[router("web1/0", active=False)], scope=SCOPE)
    answers.rows = {"sharing": [row, other]}
    [partition] = build_snapshot(answers, AT).partitions
    assert partition.queue.owner == "router web2/9"
    assert partition.queue.stand_by == ("router web1/0",)


def test_messages_in_hand_are_those_of_all_processes_and_as_old_as_the_oldest() -> None:
    consumers = [ConsumerStatus(QUEUE, True, True, 8, 61.5), ConsumerStatus(QUEUE, True, False)]
    services = [
        answer("router", f"web1/{n}", ServiceParts((each,))) for n, each in enumerate(consumers)
    ]
    [partition] = build_snapshot(Answers(services=services, scope=SCOPE), AT).partitions
    assert (partition.queue.in_hand, partition.queue.in_hand_seconds) == (8, 61.5)


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("is_known", [True, False])
def test_destination_is_as_the_process_tells_that_delivers_to_it(
    order: int, is_known: bool
) -> None:
    queue = "deliverer.destination.crm"
    failing = DestinationStatus("crm", window=1, paused_since=ago(minutes=5), reason="503")
    told = (("web1/3", failing, is_known), ("web2/7", DestinationStatus("crm", window=4), False))
    answers = Answers(
        services=[
            answer(
                "deliverer",
                instance,
                ServiceParts((ConsumerStatus(queue, True, active),), destinations=(state,)),
            )
            for instance, state, active in told[::order]
        ],
        scope=SCOPE,
    )
    [crm] = build_snapshot(answers, AT).destinations
    assert (crm.paused_by, crm.reason, crm.window) == ("failures", "503", 1)


def test_person_who_paused_a_destination_goes_before_its_failures() -> None:
    failing = deliverer(paused_since=ago(minutes=5), reason="503")
    answers = Answers(services=[failing], scope=SCOPE)
    [crm] = build_snapshot(answers, AT).destinations
    assert (crm.paused_by, crm.reason, crm.window) == ("failures", "503", 16)
    pause = {"destination": "crm", "since": ago(hours=1), "reason": "upgrade"}
    answers.rows = {"pauses": [pause]}
    [crm] = build_snapshot(answers, AT).destinations
    assert (crm.paused_by, crm.reason, crm.paused_since) == ("person", "upgrade", ago(hours=1))


def test_destination_with_parked_deliveries_is_shown_after_it_left_the_configuration() -> None:
    rows = [
        {"id": id, "parked": 1, "aside": 0, "replaying": 0, "oldest": None}
        for id in ("crm", "gone")
    ]
    answers = Answers(scope=SCOPE, rows={"destinations": rows})
    assert [each.id for each in build_snapshot(answers, AT).destinations] == ["crm", "gone"]


def test_oldest_delivery_may_wait_in_the_queue_of_its_destination() -> None:
    row = {"parked": 0, "aside": 1, "replaying": 0, "oldest": ago(minutes=3)}
    answers = Answers(scope=Scope(destinations=["crm", "ita"]))
    answers.rows = {
        "destinations": [row | {"id": "crm"}, row | {"id": "ita", "aside": 0, "oldest": None}],
        "undelivered": [
            {"destination": "crm", "since": ago(hours=2)},
            {"destination": "ita", "since": ago(hours=9)},
        ],
    }
    queues = {f"deliverer.destination.{id}": id for id in ("crm", "ita")}
    lengths = {name: QueueLength(name, 43 if id == "crm" else 0) for name, id in queues.items()}
    answers.queues = lengths
    snapshot = build_snapshot(answers, AT)
    assert [each.oldest_at for each in snapshot.destinations] == [ago(hours=2), None]
    oldest = Waiting(kind="delivery", count=44, since=ago(hours=2), destination="crm")
    assert snapshot.waiting == (oldest,)
    answers.queues = {}
    [waiting] = build_snapshot(answers, AT).waiting
    assert (waiting.count, waiting.since) == (None, ago(minutes=3))


def test_figures_of_silent_sources_are_not_known_and_no_zeros() -> None:
    snapshot = build_snapshot(Answers(scope=SCOPE), AT)
    [crm], [number] = snapshot.destinations, snapshot.numbers
    assert (crm.parked, crm.window, crm.queue) == (None, None, Queue())
    assert (number.queued, number.held, number.in_doubt) == (None, None, None)
    assert snapshot.waiting == () and snapshot.archive.entries is None
    assert [each.free for each in snapshot.disk] == [None, None, None]
    assert all(each.note for each in snapshot.disk)


def test_process_in_the_database_that_was_not_asked_is_named() -> None:
    sessions = [
        {"service": f"postkamer-{name}", "instance": instance}
        for name, instance in (("router", "web1/0"), ("router", "web2/33"), ("gateway", "web1/0"))
    ]
    answers = Answers(services=[router("web1/0", active=True)], rows={"sessions": sessions})
    others = build_snapshot(answers, AT).others
    assert others == (OtherInstance("router", "web2/33"), OtherInstance("gateway", "web1/0"))


def test_number_is_late_only_after_its_time() -> None:
    row = {"id": "1065", "queued": 2, "stopped": False, "oldest": ago(hours=9), "state": "open"}
    for due_at, late in ((AT + timedelta(hours=8), None), (ago(minutes=1), ago(minutes=1))):
        answers = Answers(scope=SCOPE, rows={"numbers": [row | {"due_at": due_at}]})
        snapshot = build_snapshot(answers, AT)
        assert snapshot.numbers[0].due_since == late
        assert snapshot.waiting[0].since == ago(hours=9)


def test_number_on_trial_needs_attention_until_it_is_live() -> None:
    answers = Answers(scope=SCOPE, rows={"trials": [{"number": "1065", "guests": 1}]})
    snapshot = build_snapshot(answers, AT)
    detail = "it sends only to its guest list (1 guest)"
    assert snapshot.numbers[0].checks == (Check("trial", "warning", detail),)
    problem = next(p for p in list_problems(snapshot) if p.about == "number 1065")
    assert (problem.text, problem.next) == (
        f"Number 1065, trial: {detail}.",
        "postkamer guests list",
    )


def test_disk_is_told_by_the_archiver_and_the_metrics_of_the_broker() -> None:
    parts = ServiceParts(object_store=DiskSpace(7, 96))
    answers = Answers(services=[answer("archiver", "web1/8", parts)])
    answers.rows = {"database": [{"used": 4, "address": None, "folder": None}]}
    answers.database_disk, answers.broker_disk = DiskSpace(5, 6), BrokerDisk(30, 2)
    files, database, broker = build_snapshot(answers, AT).disk
    assert (files.free, files.total) == (7, 96)
    assert (database.used, database.free, database.total) == (4, 5, 6)
    assert (broker.free, broker.limit) == (30, 2)


def test_metrics_of_the_broker_are_read_with_and_without_labels() -> None:
    page = 'rabbitmq_disk_space_available_bytes{node="a"} 8.2e10\n' + "# HELP x\n"
    assert parse_broker_disk(page) is None
    page += "rabbitmq_disk_space_available_limit_bytes 50000000\n"
    assert parse_broker_disk(page) == BrokerDisk(82_000_000_000, 50_000_000)


def test_services_tell_what_to_ask_about() -> None:
    silent = ServiceAnswer("gateway", "http://gateway", fault="it does not answer")
    answers = [router("web1/0", active=True), router("web2/0", active=False), deliverer(), silent]
    assert scope_of_services(answers) == SCOPE
    assert scope_of_services([silent]) == Scope(destinations=[], numbers=[])


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.4, "0 s"),
        (59, "59 s"),
        (61, "1 min"),
        (3_600, "1 h"),
        (9_000, "2 h 30 min"),
        (266_400, "3 d 2 h"),
    ],
)
def test_spans_have_two_units_at_most(seconds: float, words: str) -> None:
    assert format_span(timedelta(seconds=seconds)) == words


def test_figures_fit_a_column() -> None:
    assert [format_count(n) for n in (None, 0, 10_000, 10_001)] == ["?", "0", "10,000", "10,000+"]
    sizes = [format_bytes(n) for n in (999, 1_500, 82_000_000_000, 4 * 10**12)]
    assert sizes == ["999 B", "1.5 kB", "82 GB", "4.0 TB"]


def test_checks_of_a_number_are_the_rows_of_others() -> None:
    silent = {"silent_since": ago(days=2), "silent_seconds": 10_800.0, "usual_gap_seconds": 1200.0}
    silent["counts_from"] = ago(days=9)
    new = {"silent_since": None, "counts_from": None, "usual_gap_seconds": None}
    new["looked_at"] = ago(minutes=1)
    rare = new | {"counts_from": ago(days=9)}
    soon = new | {"counts_from": ago(days=-9), "usual_gap_seconds": 60.0}
    known = soon | {"counts_from": ago(days=9)}
    look = {"number": "1065", "looked_at": ago(hours=1), "until": None}
    token = look | {"name": "token", "state": "warning", "detail": "It ends in 9 days."}
    limit = look | {"name": "limit", "state": "fine", "detail": "", "looked_at": ago(hours=4)}
    others = [new, rare, soon, known, known | {"looked_at": ago(hours=1)}]
    scope = Scope(numbers=["1065", *map(str, range(len(others)))])
    answers = Answers(scope=scope, rows={"health": [token, limit]})
    answers.rows["silence"] = [row | {"number": str(n)} for n, row in enumerate(others)]
    answers.rows["silence"].append(silent | {"number": "1065"})
    first, *rest = build_snapshot(answers, AT).numbers
    assert first.checks == (
        Check("silence", "wrong", "3 h in opening hours; usual is 20 min"),
        Check("token", "warning", "It ends in 9 days"),
        Check("limit", "warning", "no look brought an answer for 4 h"),
    )
    assert [check for each in rest for check in each.checks] == [
        Check("silence", "unknown", "no citizen has written yet"),
        Check("silence", "unknown", "too few messages to judge"),
        Check("silence", "unknown", f"counts from {ago(days=-9).date()}"),
        Check("silence", "fine"),
        Check("silence", "warning", "no look for 1 h"),
    ]


def test_balance_has_all_equations_and_the_time_of_its_last_round() -> None:
    answers = Answers(rows={"balance": [{"begun_at": ago(days=1), "round_at": ago(seconds=9)}]})
    answers.rows["missing"] = [{"equation": "delivery", "missing": 2}]
    balance = build_snapshot(answers, AT).balance
    assert {each.name for each in balance} == set(NOUNS)
    assert [each.name for each in balance if not each.closes] == ["delivery"]
    assert {each.drawn_up_at for each in balance} == {ago(seconds=9)}


@pytest.mark.parametrize(
    ("rows", "unapproved"),
    [({"approved": []}, ("a1",)), ({"approved": [{"version": "a1"}]}, ()), ({}, ())],
)
def test_rules_in_production_without_a_proven_person_are_told_if_the_database_tells(
    rows: dict[str, Any], unapproved: tuple[str, ...]
) -> None:
    services = [
        ServiceAnswer("router", "http://router", ServiceStatus(True, rules=rules))
        for rules in (RulesStatus("a1", production=True), RulesStatus("b2"), None)
    ]
    answers = Answers(services=services, scope=SCOPE, rows=rows)
    assert build_snapshot(answers, AT).unapproved_rules == unapproved
