import msgspec

from sandbox.event_stream import EVENTS_KEPT, MAX_BATCH, EventStream


def test_a_page_that_fell_behind_learns_how_many_events_it_missed() -> None:
    stream = EventStream("run")
    for _ in range(EVENTS_KEPT + 5):
        stream.publish("kind", {})
    assert len(stream.since(0)) == MAX_BATCH
    assert b'event: missed\ndata: {"count": 3}' in stream._encode(stream.since(2), 2)
    assert b'event: missed\ndata: {"count": 5}' in stream._encode(stream.since(0), 0)
    assert b"missed" not in stream._encode(stream.since(5), 5)


def test_line_ends_in_foreign_json_do_not_end_an_event() -> None:
    stream = EventStream("run")
    stream.publish("crm", msgspec.Raw(b'{\r\n"a": 1\n}'))
    assert b'data: {  "a": 1 }\n\n' in stream._encode(stream.since(0), 0)
