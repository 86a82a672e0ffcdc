"""What the record says of attempts that settled nothing; on a clock that jumps."""

import asyncio
from typing import Any
from uuid import UUID

import msgspec
import pytest

from deliverer.audit.attempts import Attempt, attempt_record
from deliverer.crm.attempt import delivery_attempt
from deliverer.crm.breaker import SIDELINE_WAITS
from deliverer.crm.lanes import Job
from deliverer.crm.response_policy import Verdict, judge
from deliverer.meta.accounts import Account
from deliverer.meta.attempt import send_attempt, upload_attempt
from deliverer.meta.closed_window import CLOSED, NEXT_IN_TEMPLATE
from deliverer.meta.graph_api import RetryLater, Unknown
from deliverer.meta.ledger_entry import LedgerEntry
from deliverer.transport.response import Response
from tests.support.deliverer.delivery_harness import OK, Crm, Hall, of
from tests.support.deliverer.delivery_jobs import NOON, delivery
from tests.support.virtual_clock import run

ID = UUID(int=9)
NUMBER = "106540352242922"
ACCOUNT = Account(
    name=f"meta:{NUMBER}",
    number=NUMBER,
    tenant="almelo",
    messages_url="",
    media_url="",
    headers={},
    per_second=80,
)
LINE = LedgerEntry(
    id=UUID(int=7),
    number=NUMBER,
    conversation="10000001-a",
    address_kind="phone",
    address="31612345678",
    content={"type": "text", "text": {"body": "Uw paspoort ligt klaar."}},
    attempt=3,
)


def said(attempt: Attempt) -> dict[str, Any]:
    decoded: dict[str, Any] = msgspec.json.decode(attempt_record(attempt, ID, NOON).data)
    return decoded


def test_a_record_says_which_delivery_failed_for_the_how_manyth_time_and_why() -> None:
    answer = Response(status=503, body=b"van 31612345678")
    job = Job(delivery(7), None, attempts=2, earlier_attempts=3)
    made = attempt_record(delivery_attempt(job, "crm", answer, judge(answer)), ID, NOON)
    assert (made.id, made.kind, made.at) == (ID, "attempt", NOON)
    assert (made.tenant, made.conversation, made.message) == ("almelo", "a", UUID(int=7))
    assert msgspec.json.decode(made.data) == {
        "destination": "crm",
        "event": str(delivery(7).id),
        "attempt": 5,
        "status": 503,
        "outcome": "paused",
        "reason": "the destination answered 503",
        "whose": "destination",
    }
    assert (made.raw, made.contact) == (b"", b"")


@pytest.mark.parametrize(
    ("answer", "verdict", "whose"),
    [
        (Response(failure="refused"), None, "destination"),
        (
            Response(status=401, responder="token endpoint", code="invalid_client"),
            None,
            "token endpoint",
        ),
        (Response(status=500), Verdict("aside", "the destination answered 500"), "message"),
    ],
)
def test_attempt_record_says_whose_fault_a_failure_may_be(
    answer: Response, verdict: Any, whose: str
) -> None:
    attempt = delivery_attempt(Job(delivery(7), None), "crm", answer, verdict or judge(answer))
    assert said(attempt)["whose"] == whose
    assert said(attempt)["status"] == answer.status


@pytest.mark.parametrize(
    ("verdict", "outcome", "whose"),
    [
        (RetryLater(4.0, 130429, "130429: te snel"), "later", "provider"),
        (RetryLater(60.0, 190, "190: verlopen", stop=True), "stopped", "account"),
        (RetryLater(0.0, CLOSED, NEXT_IN_TEMPLATE), "later", "message"),
        (Unknown("no answer"), "unknown", "provider"),
    ],
)
def test_a_message_s_says_what_the_provider_answered_and_not_to_whom_it_went(
    verdict: RetryLater | Unknown, outcome: str, whose: str
) -> None:
    made = attempt_record(send_attempt(LINE, ACCOUNT, 400, verdict), ID, NOON)
    assert (made.tenant, made.conversation, made.message) == ("almelo", "10000001-a", LINE.id)
    assert msgspec.json.decode(made.data) == {
        "number": NUMBER,
        "attempt": 3,
        "status": 400,
        "code": getattr(verdict, "code", 0),
        "outcome": outcome,
        "reason": verdict.reason,
        "whose": whose,
    }


def test_a_file_s_is_of_no_message() -> None:
    later = RetryLater(16.0, 0, "upload_waiting")
    attempt = upload_attempt(ACCOUNT, ID, 2, Response(status=502), later)
    made = attempt_record(attempt, ID, NOON)
    assert (made.tenant, made.conversation, made.message) == ("almelo", "", None)
    data = said(attempt)
    assert (data["media"], data["attempt"], data["outcome"]) == (str(ID), 2, "later")
    assert (data["status"], data["whose"]) == (502, "provider")
    unread = said(upload_attempt(ACCOUNT, ID, 2, None, later))
    assert (unread["status"], unread["whose"]) == (0, "postkamer")


def test_each_attempt_that_settled_nothing_is_told_and_no_other() -> None:
    async def work() -> None:
        crm = Crm(lambda n: OK if n != 1 or crm.numbers.count(1) > 3 else Response(status=503))
        hall = Hall(crm)
        hall.receives(of(1, "a"))
        await hall.works(lambda: hall.channel.acked == [1])
        assert [said(attempt)["attempt"] for attempt in hall.attempts] == [1, 2, 3]
        [settled] = hall.book.settled
        assert (settled.state, settled.attempts) == ("settled", 4)
        hall.receives(*(of(n, "abc"[n % 3]) for n in range(2, 40)), of(40, "a"))
        await hall.works(lambda: hall.channel.acked == [1, 2])
        assert len(hall.attempts) == 3

    run(work())


def test_refused_delivery_leaves_no_attempt_record() -> None:
    async def work() -> None:
        hall = Hall(Crm(lambda _: Response(status=422)))
        hall.receives(of(1, "a"))
        await hall.works(lambda: hall.channel.acked == [1])
        assert [s.state for s in hall.book.settled] == ["parked"]
        assert hall.attempts == []

    run(work())


@pytest.mark.slow
def test_attempts_of_a_sidelined_delivery_are_counted_on() -> None:
    async def work() -> None:
        hall = Hall(Crm(lambda n: Response(status=500) if n == 1 else OK, seconds=0.05))
        hall.receives(of(1, "a"))
        others = asyncio.create_task(steady(hall))
        await hall.works(lambda: any(s.state == "parked" for s in hall.book.settled))
        others.cancel()
        [parked] = [s for s in hall.book.settled if s.state == "parked"]
        told = [said(attempt) for attempt in hall.attempts]
        assert {each["event"] for each in told} == {str(parked.event)}
        assert [each["attempt"] for each in told] == list(range(1, parked.attempts))
        aside = [each["whose"] for each in told if each["outcome"] == "aside"]
        assert aside == ["message"] * len(SIDELINE_WAITS)

    run(work())


async def steady(hall: Hall) -> None:
    """A message of somebody else's every second."""
    for n in range(100, 10_000):
        hall.receives(of(n, f"citizen {n}"))
        await asyncio.sleep(1)
