"""Notices by mail: Dutch, short, and with what to do."""

from datetime import UTC, datetime, timedelta
from typing import get_args
from uuid import UUID

import msgspec
import pytest

from deliverer.destinations import mail
from deliverer.owners.notice import Notice, State
from deliverer.owners.notice_delivery import OpenNotice, notice_delivery
from deliverer.owners.notice_mail import BODIES, FAILURES, SUBJECTS
from deliverer.transport.response import Failure
from services.language.readability import readability_faults

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
ID = UUID(int=7)


def letter(state: State = "failing", **fields: object) -> tuple[str, str]:
    """Subject and text of a mail."""
    notice = Notice(destination="crm", state=state, since=NOON, **fields)  # type: ignore[arg-type]
    opened = OpenNotice(
        id=ID, position=3, destination="crm", at=NOON, data=msgspec.json.encode(notice), attempts=1
    )
    delivery = notice_delivery(opened, "almelo")
    content = mail.body(delivery, "")
    headers = mail.headers(delivery, content, (), NOON)
    assert headers["Message-ID"] == f"<{ID}@postkamer>" and "X-Priority" not in headers
    return headers["Subject"], content.decode()


@pytest.mark.parametrize("state", get_args(State))
def test_each_state_has_a_subject_and_a_text_without_gaps(state: State) -> None:
    fields = {"until": NOON + timedelta(days=7), "status": 503, "reason": "verhuizing", "parked": 2}
    subject, text = letter(state, **fields, events=(ID, UUID(int=8)), command="postkamer check")
    assert subject.startswith("Postkamer: ") and "crm" in subject and "\n" not in subject
    assert "{" not in subject + text and "None" not in text
    assert "postkamer check" in text
    assert max(map(len, text.splitlines())) <= 100
    assert list(readability_faults(text.partition("\nNummers van")[0])) == []


def test_states_are_all_in_both_tables() -> None:
    assert set(SUBJECTS) == set(BODIES) == set(get_args(State))


def test_cause_is_the_status_or_the_failure_in_dutch_with_local_time() -> None:
    _, text = letter("refusing", status=401)
    assert "de server antwoordt met 401." in text and "25-11-2026 13:00" in text
    _, text = letter("failing", failure="timeout", whose="token endpoint")
    assert "antwoordt niet op tijd (de server die de toegang geeft)." in text
    assert {*FAILURES, "", "too large"} == set(get_args(Failure))


def test_mail_of_refused_messages_names_the_events_to_look_up() -> None:
    fields = {"parked": 12, "events": (ID,), "until": NOON + timedelta(days=90)}
    _, text = letter("parked", **fields, command="postkamer parked list")
    assert "bewaart ze ervoor tot 23-02-2027" in text
    assert f"(1 van 12):\n{ID}\n" in text
