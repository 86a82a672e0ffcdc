"""Sections read from a record that may be behind, and what is read before them."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from desk.conversation import reader
from desk.conversation.reader import (
    RECORD_LAG,
    ConversationReader,
    Expected,
    expect_news,
)
from desk.conversation.section import SIZE
from desk.postkamer.archive import PAGE, Archive, Look, PageRequest
from desk.postkamer.client import Refused, Unanswered
from desk.postkamer.record import Dossier, Message

AT = datetime(2026, 11, 30, 12, tzinfo=UTC)
LOOK = Look(UUID(int=9))


def message(n: int, direction: str = "in", **fields: Any) -> Message:
    at = AT + timedelta(minutes=n)
    given = {"id": UUID(int=n), "type": "text", "sequence": n, "receivedAt": at}
    return msgspec.convert(given | {"direction": direction} | fields, Message)


class Record(Archive):
    """A record of one conversation, which grows by the messages of `late` between two pages."""

    def __init__(self, messages: list[Message], late: list[list[Message]] | None = None) -> None:
        self.stored, self.late = messages, late or []
        self.asked: list[PageRequest] = []

    async def dossier(self, token: str, id: str, look: Look) -> Dossier:
        return Dossier(id, AT)

    async def messages(
        self, token: str, id: str, look: Look, page: PageRequest
    ) -> tuple[tuple[Message, ...], int | None]:
        self.asked.append(page)
        if not self.stored and self.late:
            self.stored += self.late.pop(0)
            raise Refused(404, "", {})
        is_newest = page.order == "newest"
        after = page.after if page.after is not None else 2**62 if is_newest else 0
        found = [m for m in self.stored if (m.sequence < after) == is_newest]
        found = [m for m in found if m.sequence != after][:: -1 if is_newest else 1]
        shown = found[: page.limit]
        self.stored += self.late.pop(0) if self.late else []
        end = shown[-1].sequence if len(found) > page.limit else None
        return tuple(sorted(shown, key=lambda m: m.sequence)), end


class Destroyed(Record):
    """A record of which the messages of the newest section were destroyed."""

    async def messages(
        self, token: str, id: str, look: Look, page: PageRequest
    ) -> tuple[tuple[Message, ...], int | None]:
        shown, end = await super().messages(token, id, look, page)
        return tuple(each for each in shown if each.sequence < SIZE), end


def after(sequence: int) -> PageRequest:
    return PageRequest("oldest", sequence, PAGE)


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "PAUSES_SECONDS", (0.0, 0.0, 0.0))


async def newest(record: Record, sequence: int = 0, *, is_new: bool = False) -> Any:
    expected = Expected(sequence, is_new)
    _, section = await ConversationReader(record).read("t", "c", LOOK, expected)
    return section


async def test_newest_section_asks_for_no_more_than_it_shows() -> None:
    record = Record([message(n, "out") for n in range(1, 1001)])
    section = await newest(record, 1000)
    assert [each.sequence for each in section.messages] == [*range(1001 - SIZE, 1001)]
    assert (section.earlier, section.older) == (1001 - SIZE, ())
    assert record.asked == [PageRequest("newest", None, SIZE)]


async def test_one_page_is_read_back_for_a_quote_and_nothing_for_an_answer() -> None:
    """The quoted message may be of another conversation, and each page is a look on the record."""
    messages = [message(n) for n in range(1, 800)]
    record = Record([*messages])
    section = await newest(record)
    assert (section.older, section.messages[0].sequence) == ((), 800 - SIZE)
    assert record.asked == [PageRequest("newest", None, SIZE)]
    for quoted in (700 - PAGE, 1, 9000):
        record = Record([*messages, message(800, replyTo=UUID(int=quoted))])
        section = await newest(record)
        assert [each.sequence for each in section.older] == [*range(701 - PAGE, 701)]
        assert record.asked[1:] == [PageRequest("newest", 801 - SIZE, PAGE)]


async def test_section_waits_for_the_message_that_an_event_told_of() -> None:
    record = Record([message(1, "out")], late=[[], [message(2)], [message(3)]])
    section = await newest(record, 3)
    assert [each.sequence for each in section.messages] == [1, 2, 3]
    assert record.asked == [PageRequest("newest", None, SIZE), *map(after, (1, 1, 2))]
    behind = await newest(Record([message(1, "out")]), 9)
    assert [each.sequence for each in behind.messages] == [1], "it is shown as far as it is known"


def test_nothing_is_waited_for_that_the_record_is_without_for_long() -> None:
    young, old = AT + RECORD_LAG - timedelta(seconds=1), AT + RECORD_LAG
    assert expect_news(9, AT, young, is_open=False) == Expected(9, is_new=True)
    assert expect_news(9, AT, young, is_open=True) == Expected(9, is_new=False)
    for is_open in (False, True):
        assert expect_news(9, AT, old, is_open=is_open) == Expected(0, is_new=False)


async def test_section_of_destroyed_messages_is_not_filled_with_the_oldest_ones() -> None:
    record = Destroyed([message(n) for n in range(1, 2 * SIZE)])
    section = await newest(record, 2 * SIZE)
    assert (section.messages, section.earlier, section.end) == ((), SIZE, SIZE)


async def test_new_conversation_is_waited_for_and_an_old_one_is_not_there() -> None:
    section = await newest(Record([], late=[[], [message(1)]]), 1, is_new=True)
    assert [each.sequence for each in section.messages] == [1]
    with pytest.raises(Unanswered):
        await newest(Record([], late=[[]] * 9), 1, is_new=True)
    with pytest.raises(Refused):
        await newest(Record([], late=[[]] * 9), 1)


async def test_earlier_sections_join_each_other_down_to_the_first_message() -> None:
    record, before = Record([message(n) for n in range(1, 2 * SIZE + 31)]), 2 * SIZE + 31
    seen: list[int] = []
    while before is not None:
        _, section = await ConversationReader(record).read_before("t", "c", LOOK, before)
        seen = [each.sequence for each in section.messages] + seen
        assert [each.sequence for each in section.newer][:1] in ([], [before])
        assert not section.older and not section.is_newest, "it answers nothing"
        before = section.earlier
    assert seen == [*range(1, 2 * SIZE + 31)]
