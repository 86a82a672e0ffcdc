"""Order of deliveries: one of a conversation in flight; conversations and tenants in turn. Any
order of events is tried by the property in `test_scheduler`."""

from deliverer.crm.lanes import Job, Lanes
from tests.support.deliverer.delivery_jobs import FRAME, delivery


def job(n: int, conversation: str = "a", tenant: str = "almelo") -> Job:
    return Job(delivery(n, conversation, tenant=tenant), FRAME)


def lanes_with(conversations: str) -> Lanes:
    """One delivery for each letter, numbered from 0."""
    lanes = Lanes()
    for n, conversation in enumerate(conversations):
        lanes.add(job(n, conversation))
    return lanes


def take(lanes: Lanes) -> Job:
    one = lanes.next()
    assert one
    return one


def settle(lanes: Lanes, count: int) -> str:
    """Conversations of the next deliveries, each settled at once."""
    found = ""
    for _ in range(count):
        one = take(lanes)
        lanes.release_lane(one)
        found += one.delivery.conversation
    return found


def test_withdrawn_replay_leaves_only_its_own_lane() -> None:
    lanes = lanes_with("ab")
    again = [Job(delivery(n, name), None, 1) for n, name in ((5, "a"), (6, "c"), (7, "d"))]
    for one in again:
        lanes.add(one)
    first = lanes.next(from_table=True)
    assert first
    lanes.requeue(first)
    ids = {one.delivery.id for one in again[:2]} | {first.delivery.id}
    assert lanes.remove_replays(ids) == ids
    assert lanes.waiting == 3
    assert lanes.remove_replays(ids) == set()
    assert settle(lanes, 2) == "ab" and lanes.next() is None
    assert lanes.next(from_table=True) is again[2]


def test_delivery_waits_only_for_an_earlier_one_of_its_conversation() -> None:
    lanes = lanes_with("aab")
    first, second = take(lanes), take(lanes)
    assert [first.delivery.sequence, second.delivery.sequence] == [0, 2]
    assert lanes.next() is None
    lanes.release_lane(first)
    assert take(lanes).delivery.sequence == 1


def test_conversations_take_turns_however_much_one_of_them_has() -> None:
    assert settle(lanes_with("aaaaabbc"), 8) == "abcabaaa"


def test_municipalities_take_turns_in_lanes() -> None:
    lanes = Lanes()
    for n in range(8):
        lanes.add(job(n, f"citizen {n}", "almelo" if n < 6 else "borne"))
    turns = [take(lanes).delivery.tenant[0] for _ in range(8)]
    assert "".join(turns) == "ababaaaa"
    assert lanes.next() is None and lanes.waiting == 0


def test_failed_delivery_stays_first_while_its_conversation_goes_last() -> None:
    lanes = lanes_with("aabc")
    failed = take(lanes)
    lanes.add(job(9, "a"))
    lanes.requeue(failed)
    assert lanes.waiting == 5
    assert settle(lanes, 2) == "bc"
    assert lanes.next() is failed


def test_failed_delivery_of_the_only_conversation_is_next() -> None:
    lanes = lanes_with("a")
    one = take(lanes)
    lanes.requeue(one)
    assert lanes.next() is one
