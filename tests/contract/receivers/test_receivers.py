"""The receivers of the documentation, sent what the deliverer sends and what it never would.

Requests are signed by the code that signs every event, and answers are judged by its policy.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from deliverer.crm.response_policy import judge
from deliverer.destinations import cloudevents
from deliverer.transport.response import Response
from services import clock
from services.contract import Delivery
from services.event_types import DESTINATION_STATE_CHANGED
from services.http.webhook_signature import key_of
from tests.support.deliverer.delivery_jobs import delivery
from tests.support.receivers.program import COMMANDS, EXAMPLES, Command, Program, missing, running
from tests.support.receivers.vectors import FIRST, NEXT

pytestmark = pytest.mark.slow
NOW = timedelta(0)
CRASH = """
import os, sys
sys.path.insert(0, sys.argv[1])
import receiver
receiver.Receiver.send_response = lambda *_: os._exit(1)
receiver.main()
"""
"""The example in Python, which ends where it would begin to answer."""
SLOW = """
import sys, time
sys.path.insert(0, sys.argv[1])
import receiver

class Slow:
    def write(self, text):
        sys.__stdout__.write(text)
        time.sleep(0.005)

    def flush(self):
        sys.__stdout__.flush()

sys.stdout = Slow()
receiver.main()
"""
"""The example in Python, whose other threads come between two writes."""


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Command]:
    """Build each example once."""
    return cache(lambda language: COMMANDS[language](tmp_path_factory.mktemp(language)))


@pytest.fixture(params=COMMANDS)
def command(request: pytest.FixtureRequest, build: Callable[[str], Command]) -> Command:
    """The command of every example; the test is skipped where a program for it is missing."""
    if reason := missing(request.param):
        pytest.skip(reason)
    return build(request.param)


@pytest.fixture(scope="module", params=[each for each in COMMANDS if not missing(each)])
def receiver(
    request: pytest.FixtureRequest,
    build: Callable[[str], Command],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Program]:
    """Every example that this machine can run."""
    with running(
        build(request.param), tmp_path_factory.mktemp("receiver") / "events.db"
    ) as program:
        yield program


def event(sequence: int, conversation: str = "", **changed: Any) -> Delivery:
    """An event of a conversation; of a new one, unless it is named."""
    conversation = conversation or str(clock.new_id())
    data = f'{{"conversationId":"{conversation}","text":"één"}}'.encode()
    given: dict[str, Any] = {"id": clock.new_id(), "data": data} | changed
    return delivery(sequence, conversation, **given)


def send(
    receiver: Program,
    event: Delivery,
    secrets: Sequence[str] = (FIRST,),
    ago: timedelta = NOW,
    body: bytes | None = None,
) -> int:
    """Post the event as the deliverer does, and return the status of the answer."""
    content = cloudevents.body(event, "") if body is None else body
    keys = [key_of(secret) for secret in secrets]
    return receiver.post(content, cloudevents.headers(event, content, keys, clock.now() - ago))


def outcome(status: int) -> str:
    return judge(Response(status=status)).outcome


def stored(receiver: Program, event: Delivery) -> list[bytes]:
    rows = receiver.query("select body from event where id = ?", str(event.id))
    return [body for (body,) in rows]


def test_event_is_stored_as_it_came_and_settled(receiver: Program) -> None:
    given = event(1)
    assert outcome(send(receiver, given)) == "settled"
    assert receiver.line() == f"new 1 {given.id}"
    assert stored(receiver, given) == [cloudevents.body(given, "")]


def test_header_may_be_written_in_capitals(receiver: Program) -> None:
    given = event(1)
    content = cloudevents.body(given, "")
    headers = cloudevents.headers(given, content, [key_of(FIRST)], clock.now())
    named = {name.title(): value for name, value in headers.items()}
    assert outcome(receiver.post(content, named)) == "settled"
    assert receiver.line() == f"new 1 {given.id}"


@pytest.mark.parametrize(
    ("secrets", "ago"),
    [
        (["whsec_YW5vdGhlcg=="], NOW),
        ([], NOW),
        ([FIRST], timedelta(minutes=6)),
        ([FIRST], timedelta(minutes=-6)),
    ],
    ids=["another secret", "no signature", "old", "of a time to come"],
)
def test_event_that_is_not_proven_is_not_stored_and_never_parked(
    receiver: Program, secrets: list[str], ago: timedelta
) -> None:
    given = event(1)
    status = send(receiver, given, secrets, ago)
    assert (status, outcome(status)) == (401, "paused")
    assert stored(receiver, given) == []


@pytest.mark.parametrize("secrets", [[FIRST, NEXT], [NEXT, FIRST], [NEXT]])
def test_event_is_accepted_while_the_secret_is_replaced(
    receiver: Program, secrets: list[str]
) -> None:
    given = event(1)
    assert outcome(send(receiver, given, secrets)) == "settled"
    assert receiver.line() == f"new 1 {given.id}"


def test_repeat_is_settled_and_stored_once(receiver: Program) -> None:
    given = event(1)
    statuses = [send(receiver, given, ago=timedelta(seconds=2 - n)) for n in range(3)]
    assert {outcome(status) for status in statuses} == {"settled"}
    assert [receiver.line().split()[0] for _ in statuses] == ["new", "again", "again"]
    assert len(stored(receiver, given)) == 1


def test_attempt_that_overlaps_its_repeat_is_stored_once(receiver: Program) -> None:
    given = event(1)
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: send(receiver, given), range(8)))
    assert {outcome(status) for status in statuses} == {"settled"}
    lines = [receiver.line().split()[0] for _ in statuses]
    assert (lines.count("new"), lines.count("again")) == (1, 7)


def test_lines_of_events_that_arrive_at_once_do_not_mix(tmp_path: Path) -> None:
    given = [event(1) for _ in range(64)]
    command = COMMANDS["python"](tmp_path)
    slow = [command[0], "-c", SLOW, str(EXAMPLES / "python")]
    with running(slow, tmp_path / "events.db") as receiver:
        with ThreadPoolExecutor(8) as pool:
            statuses = list(pool.map(lambda event: send(receiver, event), given))
        assert {outcome(status) for status in statuses} == {"settled"}
        lines = {receiver.line() for _ in given}
    assert lines == {f"new 1 {event.id}" for event in given}


def test_event_after_a_later_one_is_late_and_takes_its_place(receiver: Program) -> None:
    for sequence in (3, 1, 3, 7):
        send(receiver, event(sequence, "disorder"))
    send(receiver, event(1, "another conversation"))
    lines = [receiver.line().split()[:2] for _ in range(5)]
    assert lines == [["new", "3"], ["late", "1"], ["new", "3"], ["new", "7"], ["new", "1"]]
    sql = "select sequence from event where subject = 'disorder' order by sequence, rowid"
    assert receiver.query(sql) == [(1,), (3,), (3,), (7,)]


@pytest.mark.parametrize(
    ("type", "data"),
    [
        (DESTINATION_STATE_CHANGED, b'{"destination":"crm","state":"works"}'),
        ("nl.postkamer.of-a-later-version.v1", b"{}"),
    ],
)
def test_event_about_no_conversation_is_stored(receiver: Program, type: str, data: bytes) -> None:
    given = event(1, type=type, data=data)
    assert outcome(send(receiver, given)) == "settled"
    assert receiver.line().endswith(f"1 {given.id}")


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{", b'{"id": "x", "sequence": "y"}'])
def test_signed_body_that_is_no_event_is_parked(receiver: Program, body: bytes) -> None:
    status = send(receiver, event(1), body=body)
    assert (status, outcome(status)) == (400, "parked")


def test_body_larger_than_any_event_is_refused_unread(receiver: Program) -> None:
    assert receiver.post(b"", {"Content-Length": str(2**20 + 1)}) == 413


def test_event_that_cannot_be_stored_comes_again(receiver: Program) -> None:
    given = event(1)
    receiver.query("alter table event rename to away")
    assert outcome(send(receiver, given)) == "paused"
    receiver.query("alter table away rename to event")
    assert outcome(send(receiver, given)) == "settled"
    assert receiver.line() == f"new 1 {given.id}"


def test_crash_between_storing_and_answering_loses_and_repeats_nothing(tmp_path: Path) -> None:
    given, database = event(1), tmp_path / "events.db"
    command = COMMANDS["python"](tmp_path)
    crashing = [command[0], "-c", CRASH, str(EXAMPLES / "python")]
    with running(crashing, database) as receiver:
        assert send(receiver, given) == 0
        assert receiver.process.wait(10) == 1
        assert receiver.line() == f"new 1 {given.id}"
    with running(command, database) as receiver:
        assert stored(receiver, given) == [cloudevents.body(given, "")]
        assert outcome(send(receiver, given)) == "settled"
        assert receiver.line() == f"again 1 {given.id}"


def test_event_whose_answer_was_lost_in_a_kill_is_stored_once(
    command: Command, tmp_path: Path
) -> None:
    given, database = event(1), tmp_path / "events.db"
    with running(command, database) as receiver:
        send(receiver, given)
        assert receiver.line() == f"new 1 {given.id}"
    with running(command, database) as receiver:
        assert outcome(send(receiver, given)) == "settled"
        assert receiver.line() == f"again 1 {given.id}"
        assert stored(receiver, given) == [cloudevents.body(given, "")]


def test_receiver_without_a_secret_does_not_start(command: Command, tmp_path: Path) -> None:
    with (
        pytest.raises(AssertionError, match="has ended"),
        running(command, tmp_path / "events.db", secret=""),
    ):
        pass
