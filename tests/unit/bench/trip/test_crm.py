"""The CRM of a trip: it knows what came twice and what came out of order."""

import json
from uuid import UUID

from bench.peers import chain
from bench.trip.crm import ARRIVAL, Book

MESSAGE = UUID("01a21062-22ad-7c01-9d51-3f6a2f0c8b17")


def event(n: int, sequence: int, conversation: str = "c") -> bytes:
    data = {"conversationId": conversation, "messageId": str(MESSAGE), "text": f"Hallo (7) ({n})"}
    content = {"sequence": str(sequence), "data": data}
    return json.dumps(content, separators=(",", ":")).encode()


def test_arrival_has_its_moment_number_and_message() -> None:
    book = Book()
    book.enter(event(42, 1), 5.5)
    assert ARRIVAL.unpack(book.arrivals) == (5.5, 42, MESSAGE.bytes)
    assert (book.count.messages, book.count.disorder, book.count.again) == (1, 0, 0)


def test_event_before_an_earlier_one_of_its_conversation_is_out_of_order() -> None:
    book = Book()
    for n, sequence, conversation in ((1, 1, "a"), (2, 3, "a"), (3, 2, "a"), (4, 1, "b")):
        book.enter(event(n, sequence, conversation), 0.0)
    assert (book.count.messages, book.count.disorder) == (4, 1)


def test_message_that_came_twice_is_counted_once() -> None:
    book = Book()
    for _ in range(2):
        book.enter(event(1, 1), 0.0)
    book.enter(b'{"type":"another"}', 0.0)
    assert (book.count.messages, book.count.again, book.count.other) == (1, 1, 1)
    assert len(book.arrivals) == ARRIVAL.size


def test_event_of_a_chain_has_its_place_by_its_number() -> None:
    book = Book()
    for n in (2, 1):
        book.enter(chain.event("id", "31610000001", "x", f"Vraag ({n})"), 0.0)
    assert (book.count.messages, book.count.disorder) == (2, 1)
