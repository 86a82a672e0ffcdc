"""Records of attempts that settled nothing."""

from typing import Any
from uuid import UUID

import msgspec
import pytest

from deliverer.audit.attempts import Attempt, attempt_record
from deliverer.crm.attempt import delivery_attempt
from deliverer.crm.breaker import SIDELINE_WAITS
from deliverer.crm.lanes import Job
from deliverer.crm.response_policy import Verdict, judge
from deliverer.meta.attempt import send_attempt, upload_attempt
from deliverer.meta.closed_window import NEXT_IN_TEMPLATE
from deliverer.meta.graph_api import RetryLater, Unknown
from deliverer.transport.response import Response
from services.whatsapp.delivery_status import WINDOW_CLOSED_CODE
from tests.support.deliverer.delivery_harness import OK, Crm, Harness, fail_for, of, spread, writing
from tests.support.deliverer.delivery_jobs import NOON, delivery
from tests.support.deliverer.sending import ACCOUNT, NUMBER, ledger_entry

ID = UUID(int=9)


def data_of(attempt: Attempt) -> dict[str, Any]:
    decoded: dict[str, Any] = msgspec.json.decode(attempt_record(attempt, ID, NOON).data)
    return decoded


def test_delivery_attempt_record_says_which_delivery_failed_and_why() -> None:
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


REFUSED_CLIENT = Response(status=401, responder="token endpoint", code="invalid_client")
ASIDE = Verdict("aside", "the destination answered 500")


@pytest.mark.parametrize(
    ("answer", "verdict", "whose"),
    [
        (Response(failure="refused"), None, "destination"),
        (REFUSED_CLIENT, None, "token endpoint"),
        (Response(status=500), ASIDE, "message"),
    ],
)
def test_attempt_record_says_whose_fault_a_failure_may_be(
    answer: Response, verdict: Any, whose: str
) -> None:
    attempt = delivery_attempt(Job(delivery(7), None), "crm", answer, verdict or judge(answer))
    assert (data_of(attempt)["whose"], data_of(attempt)["status"]) == (whose, answer.status)


@pytest.mark.parametrize(
    ("verdict", "outcome", "whose"),
    [
        (RetryLater(4.0, 130429, "130429: te snel"), "later", "provider"),
        (RetryLater(60.0, 190, "190: verlopen", stop=True), "stopped", "account"),
        (RetryLater(0.0, WINDOW_CLOSED_CODE, NEXT_IN_TEMPLATE), "later", "message"),
        (Unknown("no answer"), "unknown", "provider"),
    ],
)
def test_send_attempt_record_has_the_answer_and_not_the_address(
    verdict: RetryLater | Unknown, outcome: str, whose: str
) -> None:
    line = ledger_entry("Uw paspoort ligt klaar.", attempt=3)
    made = attempt_record(send_attempt(line, ACCOUNT, 400, verdict), ID, NOON)
    assert (made.tenant, made.conversation, made.message) == ("almelo", "c", line.id)
    assert msgspec.json.decode(made.data) == {
        "number": NUMBER,
        "attempt": 3,
        "status": 400,
        "code": getattr(verdict, "code", 0),
        "outcome": outcome,
        "reason": verdict.reason,
        "whose": whose,
    }


@pytest.mark.parametrize(
    ("answer", "status", "whose"),
    [(Response(status=502), 502, "provider"), (None, 0, "postkamer")],
)
def test_upload_attempt_record_is_of_no_message(
    answer: Response | None, status: int, whose: str
) -> None:
    later = RetryLater(16.0, 0, "upload_waiting")
    attempt = upload_attempt(ACCOUNT, ID, 2, answer, later)
    made = attempt_record(attempt, ID, NOON)
    assert (made.tenant, made.conversation, made.message) == ("almelo", "", None)
    said = data_of(attempt)
    assert (said["media"], said["attempt"], said["outcome"]) == (str(ID), 2, "later")
    assert (said["status"], said["whose"]) == (status, whose)


async def test_only_attempts_that_settle_nothing_are_recorded() -> None:
    crm = Crm(lambda n: OK if n != 1 or crm.numbers.count(1) > 3 else Response(status=503))
    harness = Harness(crm)
    await harness.deliver(of(1, "a"))
    assert [data_of(attempt)["attempt"] for attempt in harness.attempts] == [1, 2, 3]
    assert [each.attempts for each in harness.settled()] == [4]
    await harness.deliver(*spread(range(2, 40), "abc"), of(40, "a"))
    assert len(harness.attempts) == 3


async def test_refused_delivery_leaves_no_attempt_record() -> None:
    harness = Harness(Crm(lambda _: Response(status=422)))
    await harness.deliver(of(1, "a"))
    assert len(harness.settled("parked")) == 1 and harness.attempts == []


@pytest.mark.slow
async def test_attempts_of_a_sidelined_delivery_are_counted_on() -> None:
    harness = Harness(Crm(fail_for(1e9, Response(status=500), only=1), seconds=0.05))
    harness.receive(of(1, "a"))
    async with writing(harness):
        await harness.run_until(lambda: bool(harness.settled("parked")))
    [parked] = harness.settled("parked")
    told = [data_of(attempt) for attempt in harness.attempts]
    assert {each["event"] for each in told} == {str(parked.event)}
    assert [each["attempt"] for each in told] == list(range(1, parked.attempts))
    aside = [each["whose"] for each in told if each["outcome"] == "aside"]
    assert aside == ["message"] * len(SIDELINE_WAITS)
