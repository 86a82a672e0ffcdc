"""Answers outside the window: held, reported to their sender, and their citizen is asked once."""

import math
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from router.conversation.reopen_request import ASKED, MAX_REQUESTS, NOT_ASKED
from services.config.model import parse
from services.event_types import STATUS_CHANGED
from services.whatsapp.delivery_status import MAX_HOLD, REOPEN_REQUEST_VALID_FOR, WINDOW_CLOSED_CODE
from tests.support.router.commands import command
from tests.support.router.decisions import data, decisions, events, records_of
from tests.support.router.harness import TOML, Router, decide_one
from tests.support.router.names import ANNA, at
from tests.support.router.webhooks import inbound, outcome, status, statuses, text

DAY = 86400.0
ASK = '[[numbers]]\nid = "10000001"\nask_template = {name = "schrijf_terug", language = "nl"}'
CONFIG = parse(TOML.replace('[[numbers]]\nid = "10000001"', ASK), "postkamer.toml")
REASON = "held: wacht tot de inwoner weer schrijft"
VALID = REOPEN_REQUEST_VALID_FOR / timedelta(days=1)
"""Days for which a reopen request is valid."""


class Late:
    """Anna wrote at noon; an answer is late a day after. Times are in days."""

    def __init__(self, config: Any = CONFIG) -> None:
        self.router = Router(config)
        self.writes(0)
        [self.conversation] = self.router.conversations

    def takes(self, entry: Any) -> Any:
        return self.router.takes(entry)

    def writes(self, day: float) -> None:
        message = text(f"wamid.{day}", "is mijn paspoort klaar", **ANNA, sent=day * DAY)
        self.takes(inbound(message, second=day * DAY))

    def orders(self, type: str, day: float, **more: Any) -> UUID:
        where = more or {"conversation": self.conversation}
        given = command(f"{type} {day}", type, second=day * DAY, **where)
        self.takes(given)
        return given.id

    def settles(self, message: UUID, state: str, day: float, **more: Any) -> list[Any]:
        return self.takes(outcome(message, state, second=day * DAY, **more))

    def hold(self, message: UUID, day: float, code: int = 0) -> list[Any]:
        return self.settles(message, "held", day, code=code, reason=REASON)

    def holds_answer(self, day: float = 2) -> tuple[UUID, list[Any]]:
        """A late answer that the deliverer holds at once."""
        message = self.orders("text", day)
        return message, self.hold(message, day + 1e-5)

    @property
    def asked(self) -> list[UUID]:
        """Reopen requests that went out, in their order."""
        sends = (changes.send for changes in self.router.changes)
        return [send.id for send in sends if send and send.asks]

    @property
    def now(self) -> Any:
        return self.router.conversations[self.conversation]

    def presses_button(self, day: float, about: str) -> Any:
        message = text(f"wamid.{day}", "", **ANNA, sent=day * DAY, kind="button")
        button = {"text": "Ja, stuur maar", "payload": "ja"}
        message |= {"button": button, "context": {"id": about}}
        return decide_one(self.router, inbound(message, second=day * DAY))[0]


def test_sender_hears_that_a_late_answer_is_on_hold() -> None:
    late = Late()
    message, said = late.holds_answer()
    [event], [ask] = events(said), late.asked
    assert event.type == STATUS_CHANGED
    told = data(event)
    assert (told["status"], told["reason"], told["messageId"]) == ("accepted", ASKED, str(message))
    assert told["automatic"] == {"messageId": str(ask), "name": "schrijf_terug", "text": ""}
    answer, request = late.router.outgoing[message], late.router.outgoing[ask]
    assert (answer.status, answer.reason) == ("accepted", ASKED)
    assert (request.status, request.type) == ("accepted", "template")


def test_reopen_request_is_sent_and_archived_after_its_cause() -> None:
    late = Late()
    _, said = late.holds_answer()
    send = late.router.changes[-1].send
    assert send and send.asks and send.purpose == ""
    named = {"name": "schrijf_terug", "language": {"code": "nl"}}
    assert msgspec.json.decode(send.content) == {"type": "template", "template": named}
    caused, ask = records_of(said)
    assert (caused.kind, ask.kind, ask.message) == ("send", "message", send.id)
    assert late.now.sequence == ask.sequence == caused.sequence + 1
    told = data(ask)
    assert (told["direction"], told["type"], told["name"]) == ("out", "template", "schrijf_terug")
    assert "vraagt de inwoner om terug te schrijven" in told["decision"]["reason"]


def held_and_written(late: Late) -> None:
    late.holds_answer()
    late.holds_answer(2.1)
    late.writes(3)
    late.holds_answer(5)


def held_in_one_batch_twice(late: Late) -> None:
    ids = [late.orders("text", 2 + n / 10) for n in range(2)]
    held = [outcome(id, "held", second=2.5 * DAY, reason=REASON) for id in ids]
    late.router.takes(*held)
    late.router.takes(*held)


def written_before_it_was_held(late: Late) -> None:
    message = late.orders("text", 2)
    late.writes(2.1)
    late.hold(message, 2.2)


def refused_by_meta(late: Late) -> None:
    late.hold(late.orders("text", 0.9), 0.91, code=WINDOW_CLOSED_CODE)


def refused_by_meta_and_written_since(late: Late) -> None:
    late.writes(0.92)
    late.hold(late.orders("text", 0.93), 0.915, code=WINDOW_CLOSED_CODE)


def request_failed(late: Late) -> None:
    late.holds_answer()
    said = late.settles(late.asked[0], "failed", 2.1, code=132001, reason="132001: bestaat niet")
    assert [data(event)["status"] for event in events(said)] == ["failed"]
    late.holds_answer(2.2)


def request_failed_by_status(late: Late) -> None:
    late.holds_answer()
    failed = status("wamid.ask", "failed", f"{late.asked[0]}.1", code=131026)
    late.takes(statuses(failed, second=2.1 * DAY))
    late.holds_answer(2.2)


def twelve_days_of_answers(late: Late) -> None:
    for day in range(2, 14):
        late.holds_answer(day)


def closed_before_it_was_held(late: Late) -> None:
    message = late.orders("text", 2)
    late.orders("close", 2.1)
    late.hold(message, 2.2)
    assert late.now.closed_at == at(2.1 * DAY)


@pytest.mark.parametrize(
    ("course", "requests"),
    [
        (held_and_written, 2),
        (held_in_one_batch_twice, 1),
        (written_before_it_was_held, 0),
        (refused_by_meta, 1),
        (refused_by_meta_and_written_since, 0),
        (request_failed, 2),
        (request_failed_by_status, 2),
        (twelve_days_of_answers, 4),
        (closed_before_it_was_held, 1),
    ],
)
def test_reopen_requests_are_sent_once_while_they_are_valid(
    course: Callable[[Late], None], requests: int
) -> None:
    late = Late()
    course(late)
    assert len(late.asked) == requests


@pytest.mark.parametrize("reverse", [False, True])
def test_one_reopen_request_covers_two_conversations_of_a_citizen(reverse: bool) -> None:
    late = Late()
    before = late.orders("text", 2)
    late.orders("close", 2.1)
    new = late.orders("text", 2.2, to=ANNA["phone"], department="klantcontact")
    for n, id in enumerate(sorted([before, new], reverse=reverse)):
        late.hold(id, 2.3 + n / 10)
    assert len(late.asked) == 1
    assert late.router.outgoing[before].reason == late.router.outgoing[new].reason == ASKED


def test_sender_hears_that_no_reopen_request_went_out_without_a_template() -> None:
    late = Late(parse(TOML, "postkamer.toml"))
    _, said = late.holds_answer()
    assert [data(event)["reason"] for event in events(said)] == [NOT_ASKED]
    assert late.asked == []


@pytest.mark.parametrize(("later", "asks"), [(VALID - 0.001, 1), (VALID, 2), (14, 2)])
def test_answer_asks_anew_when_the_last_request_has_expired(later: float, asks: int) -> None:
    late = Late()
    late.holds_answer(2)
    _, said = late.holds_answer(2 + later)
    told = data(events(said)[0])
    assert (told["reason"], "automatic" in told) == (ASKED, asks == 2)
    assert len(late.asked) == asks
    late.holds_answer(2 + later + 0.0001)
    assert len(late.asked) == asks


def test_reopen_request_is_valid_for_less_than_an_answer_is_held() -> None:
    assert timedelta(hours=24 + 24) < REOPEN_REQUEST_VALID_FOR < MAX_HOLD


@pytest.mark.parametrize("closed", [False, True])
@pytest.mark.parametrize("about", ["wamid.ask", "wamid.other"])
def test_button_of_a_reopen_request_is_no_question_and_of_another_template_it_is(
    about: str, closed: bool
) -> None:
    late = Late()
    late.holds_answer()
    late.settles(late.asked[0], "sent", 2.1, wamid="wamid.ask")
    if closed:
        late.orders("close", 2.2)
    before = late.now
    decision = late.presses_button(3, about)
    asks = about == "wamid.other"
    assert (decision.conversation, decision.task) == (late.conversation, asks)
    waiting = at(3 * DAY) if asks else None
    assert late.now.state.waiting_since == waiting
    assert late.now.closed_at == (None if asks else before.closed_at)
    assert late.now.said_at == at(3 * DAY)  # it is what lets go


@pytest.mark.parametrize("about", ["wamid.2", "wamid.5", "wamid.8"])
def test_button_of_any_valid_reopen_request_counts(about: str) -> None:
    late = Late()
    for day in (2, 5, 8):
        late.holds_answer(day)
        late.settles(late.asked[-1], "sent", day + 0.1, wamid=f"wamid.{day}")
    assert len(late.asked) == math.ceil(MAX_HOLD / REOPEN_REQUEST_VALID_FOR) == MAX_REQUESTS
    assert not late.presses_button(9, about).task


def test_sent_answer_is_no_longer_on_hold() -> None:
    late = Late()
    message, _ = late.holds_answer()
    late.writes(3)
    assert events(late.settles(message, "sent", 3.1, wamid="wamid.ours")) == []
    assert late.router.outgoing[message].reason == ""
    delivered = statuses(status("wamid.ours", "delivered"), second=3.2 * DAY)
    told = data(events(late.takes(delivered))[0])
    assert (told["status"], told["reason"]) == ("delivered", "")


def test_answer_on_hold_that_expires_is_reported_as_failed() -> None:
    late = Late()
    message, _ = late.holds_answer()
    reason = "window_closed: de inwoner schreef niet terug"
    told = data(events(late.settles(message, "failed", 9, reason=reason))[0])
    assert (told["status"], told["reason"]) == ("failed", reason)


def test_answer_settled_by_a_status_is_not_put_on_hold() -> None:
    late = Late()
    message = late.orders("text", 2)
    late.takes(statuses(status("wamid.x", "sent", f"{message}.1"), second=2.1 * DAY))
    said = late.hold(message, 2.2)
    assert (events(said), late.asked) == ([], [])
    assert decisions(said)[0].status == "sent"
