"""Answers after the 24 hours: in a template, held for a reply, or failed."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from deliverer.meta.accounts import Account
from deliverer.meta.closed_window import (
    DIRECT_SEND_REFUSALS,
    DIRECTLY,
    HELD,
    IN_TEMPLATE,
    MAX_DIRECT_CHARACTERS,
    MAX_LATE_CHARACTERS,
    NEXT_DIRECTLY,
    NEXT_IN_TEMPLATE,
    direct_content,
    direct_send_refusal,
    hold_for_reply,
    is_window_closed,
    late_template,
    mark_sent_directly,
    mark_sent_in_template,
    retry_late,
)
from deliverer.meta.graph_api import (
    MAX_RETRY_SECONDS,
    Failed,
    HoldForReply,
    RetryLater,
    Sent,
    Unknown,
    Verdict,
)
from deliverer.meta.ledger_entry import LedgerEntry
from services.config.numbers import LateAnswerTemplate
from services.whatsapp.delivery_status import CUSTOMER_SERVICE_WINDOW, WINDOW_CLOSED_CODE
from tests.support.deliverer import sending
from tests.support.deliverer.sending import ledger_entry

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
TEMPLATE = {"type": "template", "template": {"name": "klaar", "language": {"code": "nl"}}}
PICTURE = {"type": "image", "image": {"link": "https://almelo.example/a.png"}}
REACTION = {"type": "reaction", "reaction": {"emoji": "x"}}
REFUSED = Failed(WINDOW_CLOSED_CODE, "131047: te laat")
IN_NEXT_TEMPLATE = RetryLater(0, WINDOW_CLOSED_CODE, NEXT_IN_TEMPLATE)


def account(**changed: Any) -> Account:
    return msgspec.structs.replace(sending.ACCOUNT, **changed)


ACCOUNT = account(late_template=LateAnswerTemplate(name="antwoord"))
ASKS = account(asks_to_reopen=True)
BOTH = account(late_template=ACCOUNT.late_template, asks_to_reopen=True)
DIRECT = account(direct_send=True, confidential=frozenset({"zorg"}), asks_to_reopen=True)
STRANGER = ledger_entry()


def wrote(ago: timedelta, words: str = "Ja.", **more: Any) -> LedgerEntry:
    return ledger_entry(words, last_inbound_at=NOW - ago, **more)


def opened(ago: timedelta, **more: Any) -> LedgerEntry:
    return ledger_entry(window_opened_at=NOW - ago, **more)


@pytest.mark.parametrize(
    ("line", "closed"),
    [
        (opened(CUSTOMER_SERVICE_WINDOW - SECOND), False),
        (opened(CUSTOMER_SERVICE_WINDOW), True),
        (STRANGER, False),
        (opened(CUSTOMER_SERVICE_WINDOW, content=TEMPLATE, code=WINDOW_CLOSED_CODE), False),
        (opened(0 * DAY, code=WINDOW_CLOSED_CODE), True),  # Meta knows better
    ],
)
def test_window_closes_a_day_after_the_citizen_wrote_or_when_meta_says_so(
    line: LedgerEntry, closed: bool
) -> None:
    assert is_window_closed(line, NOW) is closed


@pytest.mark.parametrize(
    ("line", "goes"),
    [
        (wrote(2 * DAY), True),
        (wrote(56 * DAY - SECOND), True),
        (wrote(56 * DAY), False),
        (STRANGER, False),
        (wrote(2 * DAY, stopped_at=NOW - DAY), False),
        (wrote(2 * DAY, stopped_at=NOW - 2 * DAY), False),  # what they wrote is the STOP
        (wrote(2 * DAY, stopped_at=NOW - 2 * DAY - SECOND), True),
        (wrote(DAY, automatic=True), False),
    ],
)
def test_late_template_goes_only_to_recent_writers_who_did_not_stop_it(
    line: LedgerEntry, goes: bool
) -> None:
    assert (late_template(line, ACCOUNT, NOW) is not None) is goes


@pytest.mark.parametrize("changed", [{"late_template": None}, {"recent_contact": timedelta()}])
def test_late_answer_needs_a_template_and_a_term(changed: dict[str, Any]) -> None:
    without = msgspec.structs.replace(ACCOUNT, **changed)
    assert late_template(wrote(SECOND), without, NOW) is None


@pytest.mark.parametrize(
    ("words", "fits"),
    [
        ("x" * MAX_LATE_CHARACTERS, True),
        ("x" * (MAX_LATE_CHARACTERS + 1), False),
        ("\U0001f600" * (MAX_LATE_CHARACTERS // 2), True),
        ("\U0001f600" * (MAX_LATE_CHARACTERS // 2 + 1), False),
    ],
)
def test_late_template_has_all_words_as_meta_counts_them_or_does_not_go(
    words: str, fits: bool
) -> None:
    given = late_template(wrote(DAY, words), ACCOUNT, NOW)
    assert (given is not None) is fits
    if given:
        [component] = given["template"]["components"]
        assert component["parameters"] == [{"type": "text", "text": words}]


@pytest.mark.parametrize(
    ("verdict", "line", "account", "expected"),
    [
        (REFUSED, wrote(DAY), ACCOUNT, IN_NEXT_TEMPLATE),
        (REFUSED, STRANGER, ACCOUNT, REFUSED),
        (REFUSED, wrote(DAY, stopped_at=NOW), ACCOUNT, REFUSED),
        (REFUSED, wrote(DAY, tried=MAX_RETRY_SECONDS), ACCOUNT, REFUSED),
        (REFUSED, wrote(DAY, content=TEMPLATE), ACCOUNT, REFUSED),
        *(
            (verdict, wrote(DAY), ACCOUNT, verdict)
            for verdict in (Sent("a"), RetryLater(4), Unknown("no answer"), Failed(131026, ""))
        ),
        (Failed(470, "470: te laat"), wrote(DAY), ACCOUNT, IN_NEXT_TEMPLATE),
        (REFUSED, wrote(DAY), BOTH, IN_NEXT_TEMPLATE),
        (REFUSED, wrote(DAY, content=PICTURE), BOTH, HoldForReply(WINDOW_CLOSED_CODE, HELD)),
        (
            REFUSED,
            wrote(DAY, tried=MAX_RETRY_SECONDS),
            BOTH,
            HoldForReply(WINDOW_CLOSED_CODE, HELD),
        ),
        (REFUSED, STRANGER, BOTH, REFUSED),
        (REFUSED, wrote(DAY), DIRECT, RetryLater(0, WINDOW_CLOSED_CODE, NEXT_DIRECTLY)),
        (
            REFUSED,
            wrote(DAY, tried=MAX_RETRY_SECONDS),
            DIRECT,
            HoldForReply(WINDOW_CLOSED_CODE, HELD),
        ),
        (REFUSED, wrote(DAY, content=PICTURE), DIRECT, HoldForReply(WINDOW_CLOSED_CODE, HELD)),
        (REFUSED, wrote(DAY, content=TEMPLATE), BOTH, REFUSED),
        (REFUSED, wrote(DAY, automatic=True), BOTH, REFUSED),
    ],
)
def test_answer_that_meta_refuses_as_late_goes_in_the_template_or_waits(
    verdict: Verdict, line: LedgerEntry, account: Account, expected: Verdict
) -> None:
    assert retry_late(verdict, line, account, NOW) == expected


def test_sent_status_says_that_an_answer_went_in_a_template() -> None:
    assert mark_sent_in_template(Sent("wamid.a")) == Sent("wamid.a", IN_TEMPLATE)
    assert mark_sent_in_template(Sent("wamid.a", "paused: ...")) == Sent("wamid.a", "paused: ...")
    assert mark_sent_in_template(REFUSED) == REFUSED


@pytest.mark.parametrize(
    ("line", "waits"),
    [
        (wrote(2 * DAY), True),
        (wrote(2 * DAY, "x" * (MAX_LATE_CHARACTERS + 1)), True),
        (wrote(2 * DAY, content=PICTURE), True),
        (wrote(2 * DAY, content=REACTION), False),
        (wrote(2 * DAY, automatic=True), False),
        (wrote(56 * DAY), False),
        (wrote(2 * DAY, stopped_at=NOW), False),
        (STRANGER, False),
    ],
)
def test_answer_of_any_length_and_type_waits_where_the_number_asks(
    line: LedgerEntry, waits: bool
) -> None:
    assert hold_for_reply(line, ASKS, NOW) == (HoldForReply(0, HELD) if waits else None)
    assert hold_for_reply(line, ACCOUNT, NOW) is None


def buttons(kind: str = "button", **parts: Any) -> dict[str, Any]:
    return {"type": "interactive", "interactive": {"type": kind, "body": {"text": "Ja."}} | parts}


WITH_HEADER = buttons("cta_url", header={"type": "text", "text": "Uw vraag"})


@pytest.mark.parametrize(
    ("line", "account", "goes"),
    [
        (wrote(2 * DAY), DIRECT, True),
        (wrote(2 * DAY), ASKS, False),
        (wrote(56 * DAY), DIRECT, False),
        (STRANGER, DIRECT, False),
        (wrote(2 * DAY, stopped_at=NOW - DAY), DIRECT, False),
        (wrote(2 * DAY, automatic=True), DIRECT, False),
        (wrote(2 * DAY, direct_send_refused=True), DIRECT, False),
        (wrote(2 * DAY, departments=["kcc"]), DIRECT, True),
        (wrote(2 * DAY, departments=["kcc", "zorg"]), DIRECT, False),
        (wrote(2 * DAY, "x" * MAX_DIRECT_CHARACTERS), DIRECT, True),
        (wrote(2 * DAY, "x" * (MAX_DIRECT_CHARACTERS + 1)), DIRECT, False),
        (wrote(2 * DAY, "\U0001f600" * (MAX_DIRECT_CHARACTERS // 2 + 1)), DIRECT, False),
        (wrote(2 * DAY, content=PICTURE), DIRECT, False),
        (wrote(2 * DAY, content=REACTION), DIRECT, False),
        (wrote(2 * DAY, content=buttons()), DIRECT, True),
        (wrote(2 * DAY, content=WITH_HEADER), DIRECT, True),
        (wrote(2 * DAY, content=buttons(header={"type": "image", "image": {}})), DIRECT, False),
        (wrote(2 * DAY, content=buttons("list")), DIRECT, False),
    ],
)
def test_direct_send_takes_words_of_an_answer_that_is_not_confidential(
    line: LedgerEntry, account: Account, goes: bool
) -> None:
    assert (direct_content(line, account, NOW) is not None) is goes


def test_direct_send_keeps_all_words_and_leaves_out_the_preview_of_a_link() -> None:
    text = {"type": "text", "text": {"body": "Ja,\n\nhij is klaar.", "preview_url": True}}
    given = direct_content(wrote(DAY, content=text), DIRECT, NOW)
    words = {"body": "Ja,\n\nhij is klaar."}
    assert given == {"type": "text", "text": words, "category": "utility"}
    line = wrote(DAY, content=WITH_HEADER)
    assert direct_content(line, DIRECT, NOW) == WITH_HEADER | {"category": "utility"}


def test_only_what_is_about_direct_send_itself_is_a_refusal_of_it() -> None:
    for code in (100, 139200, WINDOW_CLOSED_CODE, 470):
        assert direct_send_refusal(Failed(code, "")) == DIRECT_SEND_REFUSALS[code] != ""
    for verdict in (Failed(131026, ""), RetryLater(4, 100), Sent("a"), Unknown("no answer")):
        assert direct_send_refusal(verdict) == ""


def test_sent_status_says_that_an_answer_went_directly() -> None:
    assert mark_sent_directly(Sent("wamid.a")) == Sent("wamid.a", DIRECTLY)
    assert mark_sent_directly(REFUSED) == REFUSED
