"""Conversations in a report, built from the entries of the archive."""

from typing import Any

import msgspec
import pytest

from archiver.subject_access.report_builder import ConversationPart, build_conversation
from tests.support.archiver.reports import CONVERSATION, at


def step(minutes: int, event: str) -> dict[str, Any]:
    data = msgspec.json.encode({"event": event, "department": "kcc"})
    return {"at": at(minutes), "kind": "conversation", "data": data, "department": "kcc"}


@pytest.mark.parametrize(
    ("events", "closed_minute"),
    [
        (["opened"], None),
        (["opened", "closed"], 1),
        (["opened", "closed", "linked"], 1),
        (["opened", "closed", "reopened"], None),
        (["opened", "closed", "reopened", "closed"], 3),
    ],
)
def test_reopened_conversation_is_not_shown_as_closed(
    events: list[str], closed_minute: int | None
) -> None:
    rows = [step(minute, event) for minute, event in enumerate(events)]
    shown = build_conversation(ConversationPart(CONVERSATION.id, rows, []), str)
    assert shown.closed_at == (None if closed_minute is None else at(closed_minute))
