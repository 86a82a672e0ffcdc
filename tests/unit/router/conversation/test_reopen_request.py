"""An answer that came too late is held: who sent it hears so, and its citizen is asked once."""

import math
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from router.conversation.reopen_request import ASKED, CLOSED, MAX_REQUESTS, NOT_ASKED
from router.output.crm_events import STATUS_CHANGED
from services.config.model import parse
from services.contract import SendOutcome
from services.whatsapp.delivery_status import MAX_HOLD, REOPEN_REQUEST_VALID_FOR
from tests.support.router.commands import command
from tests.support.router.decisions import decisions, events, records_of
from tests.support.router.harness import TOML, Router
from tests.support.router.webhooks import ANNA, inbound, outcome, statuses, text
from tests.support.router.webhooks import at as moment
from tests.support.router.webhooks import status as stated

DAY = 86400.0
ASK = '[[numbers]]\nid = "10000001"\nask_template = {name = "schrijf_terug", language = "nl"}'
CONFIG = parse(TOML.replace('[[numbers]]\nid = "10000001"', ASK), "postkamer.toml")
REASON = "held: wacht tot de inwoner weer schrijft"


class Late:
    """Anna wrote at noon; what she is answered is late a day after."""

    def __init__(self, config: Any = CONFIG) -> None:
        self.router = Router(config)
        self.writes(0)
        [self.conversation] = self.router.conversations

    def writes(self, second: float) -> None:
        message = text(f"wamid.{second}", "is mijn paspoort klaar", **ANNA, sent=second)
        self.router.takes(inbound(message, second=second))

    def answers(self, second: float, **more: Any) -> UUID:
        given = command(f"a{second}", second=second, conversation=self.conversation, **more)
        self.router.takes(given)
        return given.id

    def held(self, message: UUID, second: float, code: int = 0) -> list[Any]:
        return self.router.takes(outcome(message, "held", second=second, code=code, reason=REASON))

    @property
    def asked(self) -> list[UUID]:
        """The templates that went out to ask, in their order."""
        sends = (changes.send for changes in self.router.changes)
        return [send.id for send in sends if send and send.asks]


def test_sender_hears_that_a_late_answer_is_on_hold() -> None:
    late = Late()
    message = late.answers(2 * DAY)
    said = late.held(message, 2 * DAY + 1)
    [event] = events(said)
    assert event.type == STATUS_CHANGED
    data = msgspec.json.decode(event.data)
    assert (data["status"], data["reason"], data["messageId"]) == ("accepted", ASKED, str(message))
    [ask] = late.asked
    assert data["automatic"] == {"messageId": str(ask), "name": "schrijf_terug", "text": ""}
    kept_of = late.router.outgoing
    assert (kept_of[message].status, kept_of[message].reason) == ("accepted", ASKED)
    assert (kept_of[ask].status, kept_of[ask].type) == ("accepted", "template")


def test_reopen_request_is_sent_and_archived_after_its_cause() -> None:
    late = Late()
    message = late.answers(2 * DAY)
    said = late.held(message, 2 * DAY + 1)
    send = late.router.changes[-1].send
    assert send and send.asks and send.purpose == ""
    named = {"name": "schrijf_terug", "language": {"code": "nl"}}
    assert msgspec.json.decode(send.content) == {"type": "template", "template": named}
    caused, ask = records_of(said)
    assert (caused.kind, ask.kind, ask.message) == ("send", "message", send.id)
    assert ask.sequence == caused.sequence + 1
    assert late.router.conversations[late.conversation].sequence == ask.sequence
    data = msgspec.json.decode(ask.data)
    assert (data["direction"], data["type"], data["name"]) == ("out", "template", "schrijf_terug")
    assert "vraagt de inwoner om terug te schrijven" in data["decision"]["reason"]


def test_citizen_gets_one_reopen_request_for_all_answers_on_hold() -> None:
    late = Late()
    first, second = late.answers(2 * DAY), late.answers(2 * DAY + 5)
    late.held(first, 2 * DAY + 6)
    [event] = events(late.held(second, 2 * DAY + 7))
    data = msgspec.json.decode(event.data)
    assert (data["reason"], "automatic" in data) == (ASKED, False)
    assert len(late.asked) == 1
    late.writes(3 * DAY)
    late.held(late.answers(5 * DAY), 5 * DAY + 1)
    assert len(late.asked) == 2


def test_one_reopen_request_goes_out_for_outcomes_in_one_batch_or_repeated() -> None:
    late = Late()
    ids = [late.answers(2 * DAY + n) for n in range(2)]
    held = [outcome(id, "held", second=2 * DAY + 9, reason=REASON) for id in ids]
    late.router.takes(*held)
    late.router.takes(*held)
    assert len(late.asked) == 1


@pytest.mark.parametrize("order", ["first", "second"])
def test_one_reopen_request_covers_two_conversations_of_a_citizen(order: str) -> None:
    late = Late()
    before = late.answers(2 * DAY)
    late.router.takes(
        command("close", second=2 * DAY + 1, type="close", conversation=late.conversation)
    )
    given = command("new", second=2 * DAY + 2, to=ANNA["phone"], department="klantcontact")
    late.router.takes(given)
    both = (before, given.id) if order == "first" else (given.id, before)
    for n, id in enumerate(both):
        late.held(id, 2 * DAY + 3 + n)
    assert len(late.asked) == 1
    assert late.router.outgoing[before].reason == late.router.outgoing[given.id].reason == ASKED


def test_no_reopen_request_goes_to_a_citizen_who_wrote_meanwhile() -> None:
    late = Late()
    message = late.answers(2 * DAY)
    late.writes(2 * DAY + 1)
    late.held(message, 2 * DAY + 2)
    assert late.asked == []


def test_reopen_request_goes_out_when_meta_says_the_window_is_closed() -> None:
    late = Late()
    message = late.answers(DAY - 60)
    late.held(message, DAY - 50, code=CLOSED)
    assert len(late.asked) == 1
    late.writes(DAY - 40)
    late.held(late.answers(DAY - 30), DAY - 45, code=CLOSED)  # told late: they wrote since
    assert len(late.asked) == 1


def test_sender_hears_that_no_reopen_request_went_out_without_a_template() -> None:
    late = Late(parse(TOML, "postkamer.toml"))
    message = late.answers(2 * DAY)
    [event] = events(late.held(message, 2 * DAY + 1))
    assert msgspec.json.decode(event.data)["reason"] == NOT_ASKED
    assert late.asked == []


def failed(ask: UUID, second: float) -> SendOutcome:
    return outcome(ask, "failed", second=second, code=132001, reason="132001: bestaat niet")


def test_next_answer_sends_a_reopen_request_after_one_failed() -> None:
    late = Late()
    late.held(late.answers(2 * DAY), 2 * DAY + 1)
    [ask] = late.asked
    [event] = events(late.router.takes(failed(ask, 2 * DAY + 2)))
    assert msgspec.json.decode(event.data)["status"] == "failed"
    late.held(late.answers(2 * DAY + 3), 2 * DAY + 4)
    assert len(late.asked) == 2


def test_next_answer_sends_a_reopen_request_after_a_failed_status() -> None:
    late = Late()
    late.held(late.answers(2 * DAY), 2 * DAY + 1)
    [ask] = late.asked
    given = stated("wamid.ask", "failed", f"{ask}.1", code=131026)
    late.router.takes(statuses(given, second=2 * DAY + 2))
    late.held(late.answers(2 * DAY + 3), 2 * DAY + 4)
    assert len(late.asked) == 2


DAYS = REOPEN_REQUEST_VALID_FOR.total_seconds()


@pytest.mark.parametrize(("later", "asks"), [(DAYS - 60, 1), (DAYS, 2), (14 * DAY, 2)])
def test_an_answer_that_comes_much_later_asks_anew(later: float, asks: int) -> None:
    """The question of a week ago is forgotten, or nothing waits for its answer any more."""
    late = Late()
    late.held(late.answers(2 * DAY), 2 * DAY)
    [event] = events(late.held(late.answers(2 * DAY + later), 2 * DAY + later))
    data = msgspec.json.decode(event.data)
    assert (data["reason"], "automatic" in data) == (ASKED, asks == 2)
    assert len(late.asked) == asks
    late.held(late.answers(2 * DAY + later + 1), 2 * DAY + later + 1)
    assert len(late.asked) == asks


def test_reopen_requests_are_few_over_days_of_answers() -> None:
    late = Late()
    for day in range(2, 14):
        late.held(late.answers(day * DAY), day * DAY)
    assert len(late.asked) == 4


def test_reopen_request_is_valid_for_less_than_an_answer_is_held() -> None:
    assert timedelta(hours=24 + 24) < REOPEN_REQUEST_VALID_FOR < MAX_HOLD


def pressed(late: Late, second: float, about: str) -> Any:
    """The button of a template was pressed."""
    message = text(f"wamid.{second}", "", **ANNA, sent=second) | {"type": "button"}
    del message["text"]
    message |= {"button": {"text": "Ja, stuur maar", "payload": "ja"}, "context": {"id": about}}
    [(_, decision, _)] = late.router.takes(inbound(message, second=second))
    return decision


@pytest.mark.parametrize("closed", [False, True])
def test_button_of_a_reopen_request_is_no_new_question(closed: bool) -> None:
    late = Late()
    late.held(late.answers(2 * DAY), 2 * DAY + 1)
    [ask] = late.asked
    late.router.takes(outcome(ask, "sent", second=2 * DAY + 2, wamid="wamid.ask"))
    if closed:
        given = command("c", second=2 * DAY + 3, type="close", conversation=late.conversation)
        late.router.takes(given)
    before = late.router.conversations[late.conversation]
    decision = pressed(late, 3 * DAY, "wamid.ask")
    assert (decision.conversation, decision.task) == (late.conversation, False)
    now = late.router.conversations[late.conversation]
    assert (now.state.waiting_since, now.closed_at) == (None, before.closed_at)
    assert now.said_at == moment(3 * DAY)  # it is what lets go


@pytest.mark.parametrize("about", ["wamid.2", "wamid.5", "wamid.8"])
def test_button_of_any_reopen_request_counts(about: str) -> None:
    late = Late()
    for day in (2, 5, 8):
        late.held(late.answers(day * DAY), day * DAY)
        sent = outcome(late.asked[-1], "sent", second=day * DAY + 1, wamid=f"wamid.{day}")
        late.router.takes(sent)
    assert len(late.asked) == math.ceil(MAX_HOLD / REOPEN_REQUEST_VALID_FOR) == MAX_REQUESTS
    assert not pressed(late, 9 * DAY, about).task


def test_the_button_of_another_template_is_somebody_s_work() -> None:
    late = Late()
    late.held(late.answers(2 * DAY), 2 * DAY + 1)
    [ask] = late.asked
    late.router.takes(outcome(ask, "sent", second=2 * DAY + 2, wamid="wamid.ask"))
    assert pressed(late, 3 * DAY, "wamid.other").task
    now = late.router.conversations[late.conversation]
    assert now.state.waiting_since == moment(3 * DAY)


def test_sent_answer_is_no_longer_on_hold() -> None:
    late = Late()
    message = late.answers(2 * DAY)
    late.held(message, 2 * DAY + 1)
    late.writes(3 * DAY)
    done = late.router.takes(outcome(message, "sent", second=3 * DAY + 1, wamid="wamid.ours"))
    assert events(done) == []
    assert late.router.outgoing[message].reason == ""
    [event] = events(
        late.router.takes(statuses(stated("wamid.ours", "delivered"), second=3 * DAY + 2))
    )
    data = msgspec.json.decode(event.data)
    assert (data["status"], data["reason"]) == ("delivered", "")


def test_answer_on_hold_that_expires_is_told_as_failed() -> None:
    late = Late()
    message = late.answers(2 * DAY)
    late.held(message, 2 * DAY + 1)
    reason = "window_closed: de inwoner schreef niet terug"
    [event] = events(late.router.takes(outcome(message, "failed", second=9 * DAY, reason=reason)))
    data = msgspec.json.decode(event.data)
    assert (data["status"], data["reason"]) == ("failed", reason)


def test_answer_settled_by_a_status_is_not_told_as_on_hold() -> None:
    late = Late()
    message = late.answers(2 * DAY)
    late.router.takes(statuses(stated("wamid.x", "sent", f"{message}.1"), second=2 * DAY + 1))
    said = late.held(message, 2 * DAY + 2)
    assert (events(said), late.asked) == ([], [])
    assert decisions(said)[0].status == "sent"


def test_closing_takes_no_answer_back_that_was_given() -> None:
    late = Late()
    message = late.answers(2 * DAY)
    late.router.takes(
        command("close", second=2 * DAY + 1, type="close", conversation=late.conversation)
    )
    late.held(message, 2 * DAY + 2)
    assert len(late.asked) == 1
    assert late.router.conversations[late.conversation].closed_at == moment(2 * DAY + 1)
