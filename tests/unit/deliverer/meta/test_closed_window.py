"""What comes after the 24 hours, and in which template it goes while it is an answer still."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from deliverer.meta.accounts import Account
from deliverer.meta.closed_window import (
    CLOSED,
    HELD,
    IN_TEMPLATE,
    MAX_LATE_CHARACTERS,
    NEXT_IN_TEMPLATE,
    hold_for_reply,
    is_window_closed,
    late_template,
    mark_sent_in_template,
    retry_in_template,
)
from deliverer.meta.graph_api import (
    MAX_RETRY_SECONDS,
    Failed,
    HoldForReply,
    RetryLater,
    Sent,
    Unknown,
)
from deliverer.meta.ledger_entry import LedgerEntry
from services import clock
from services.config.numbers import LateAnswerTemplate
from services.whatsapp.delivery_status import CUSTOMER_SERVICE_WINDOW

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
TEMPLATE = {"type": "template", "template": {"name": "klaar", "language": {"code": "nl"}}}
REFUSED = Failed(CLOSED, "131047: te laat")
ACCOUNT = Account(
    name="meta:1",
    number="1",
    tenant="almelo",
    messages_url="",
    media_url="",
    headers={},
    per_second=80,
    late_template=LateAnswerTemplate(name="antwoord"),
    recent_contact=56 * DAY,
)


def line(words: str = "Ja.", **more: Any) -> LedgerEntry:
    given: dict[str, Any] = {"content": {"type": "text", "text": {"body": words}}} | more
    return LedgerEntry(
        id=clock.new_id(),
        number="1",
        conversation="1-c",
        address_kind="phone",
        address="31611111111",
        attempt=1,
        **given,
    )


def wrote(ago: timedelta, **more: Any) -> LedgerEntry:
    return line(last_inbound_at=NOW - ago, **more)


def test_window_closes_a_day_after_the_citizen_wrote_or_when_meta_says_so() -> None:
    assert not is_window_closed(line(window_opened_at=NOW - CUSTOMER_SERVICE_WINDOW + SECOND), NOW)
    assert is_window_closed(line(window_opened_at=NOW - CUSTOMER_SERVICE_WINDOW), NOW)
    assert not is_window_closed(line(), NOW)
    assert not is_window_closed(
        line(content=TEMPLATE, window_opened_at=NOW - CUSTOMER_SERVICE_WINDOW, code=CLOSED), NOW
    )
    assert is_window_closed(line(window_opened_at=NOW, code=CLOSED), NOW)  # Meta knows better


@pytest.mark.parametrize(
    ("given", "goes"),
    [
        (wrote(2 * DAY), True),
        (wrote(56 * DAY - SECOND), True),
        (wrote(56 * DAY), False),
        (line(), False),
        (wrote(2 * DAY, stopped_at=NOW - DAY), False),
        (wrote(2 * DAY, stopped_at=NOW - 2 * DAY), False),  # what they wrote is the STOP
        (wrote(2 * DAY, stopped_at=NOW - 2 * DAY - SECOND), True),
    ],
)
def test_late_template_goes_only_to_recent_writers_who_did_not_stop_it(
    given: LedgerEntry, goes: bool
) -> None:
    assert (late_template(given, ACCOUNT, NOW) is not None) is goes


def test_late_answer_needs_a_template_and_a_term() -> None:
    none = msgspec.structs.replace(ACCOUNT, late_template=None)
    no_term = msgspec.structs.replace(ACCOUNT, recent_contact=timedelta())
    for account in (none, no_term):
        assert late_template(wrote(SECOND), account, NOW) is None


@pytest.mark.parametrize(
    ("words", "fits"),
    [
        ("x" * MAX_LATE_CHARACTERS, True),
        ("x" * (MAX_LATE_CHARACTERS + 1), False),
        ("\U0001f600" * (MAX_LATE_CHARACTERS // 2), True),
        ("\U0001f600" * (MAX_LATE_CHARACTERS // 2 + 1), False),
    ],
)
def test_words_are_counted_as_meta_may_count_them_and_never_shortened(
    words: str, fits: bool
) -> None:
    given = late_template(wrote(DAY, words=words), ACCOUNT, NOW)
    if not fits:
        assert given is None
        return
    assert given is not None
    [component] = given["template"]["components"]
    assert component["parameters"] == [{"type": "text", "text": words}]


def test_late_answer_is_retried_in_the_template() -> None:
    given = wrote(DAY)
    assert retry_in_template(REFUSED, given, ACCOUNT, NOW) == RetryLater(
        0, CLOSED, NEXT_IN_TEMPLATE
    )
    stopped, tired = wrote(DAY, stopped_at=NOW), wrote(DAY, tried=MAX_RETRY_SECONDS)
    for other in (line(), stopped, tired, wrote(DAY, content=TEMPLATE)):
        assert retry_in_template(REFUSED, other, ACCOUNT, NOW) == REFUSED
    for verdict in (Sent("wamid.a"), RetryLater(4), Unknown("no answer"), Failed(131026, "")):
        assert retry_in_template(verdict, given, ACCOUNT, NOW) == verdict


def test_sent_status_says_that_an_answer_went_in_a_template() -> None:
    assert mark_sent_in_template(Sent("wamid.a")) == Sent("wamid.a", IN_TEMPLATE)
    assert mark_sent_in_template(REFUSED) == REFUSED


PICTURE = {"type": "image", "image": {"link": "https://almelo.example/a.png"}}
REACTION = {"type": "reaction", "reaction": {"emoji": "x"}}
ASKS = msgspec.structs.replace(ACCOUNT, late_template=None, asks_to_reopen=True)


@pytest.mark.parametrize(
    ("given", "waits"),
    [
        (wrote(2 * DAY), True),
        (wrote(2 * DAY, words="x" * (MAX_LATE_CHARACTERS + 1)), True),
        (wrote(2 * DAY, content=PICTURE), True),
        (wrote(2 * DAY, content=REACTION), False),
        (wrote(2 * DAY, automatic=True), False),
        (wrote(56 * DAY), False),
        (wrote(2 * DAY, stopped_at=NOW), False),
        (line(), False),
    ],
)
def test_an_answer_of_any_length_and_type_waits_where_the_number_asks(
    given: LedgerEntry, waits: bool
) -> None:
    assert hold_for_reply(given, ASKS, NOW) == (HoldForReply(0, HELD) if waits else None)
    assert hold_for_reply(given, ACCOUNT, NOW) is None


def test_late_answer_waits_for_a_reply_when_no_template_fits() -> None:
    both = msgspec.structs.replace(ACCOUNT, asks_to_reopen=True)
    text, picture = wrote(DAY), wrote(DAY, content=PICTURE)
    assert retry_in_template(REFUSED, text, both, NOW) == RetryLater(0, CLOSED, NEXT_IN_TEMPLATE)
    for waiting in (picture, wrote(DAY, tried=MAX_RETRY_SECONDS)):
        assert retry_in_template(REFUSED, waiting, both, NOW) == HoldForReply(CLOSED, HELD)
    for no_answer in (line(), wrote(DAY, content=TEMPLATE), wrote(DAY, automatic=True)):
        assert retry_in_template(REFUSED, no_answer, both, NOW) == REFUSED


def test_automatic_reply_never_goes_in_the_late_template() -> None:
    assert late_template(wrote(DAY, automatic=True), ACCOUNT, NOW) is None
