"""Who is next: never two of one conversation in flight, each in its order, each in its turn."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from deliverer.crm.lanes import IncomingBatch, Job, Lanes
from services.amqp.incoming_message import IncomingMessage
from tests.support.deliverer.delivery_jobs import delivery

pytestmark = pytest.mark.slow

LETTERS = st.sampled_from("abcd")
FRAME = IncomingBatch(IncomingMessage(type="", body=b"", delivery_tag=1, delivery_count=0), 0)


def job(n: int, conversation: str = "a") -> Job:
    return Job(delivery(n, conversation), FRAME)


def added(lanes: Lanes, conversations: str) -> None:
    """One delivery for each letter, in order."""
    for n, conversation in enumerate(conversations):
        lanes.add(job(n, conversation))


def drawn(lanes: Lanes, count: int) -> str:
    """What is next, settled at once."""
    found = ""
    for _ in range(count):
        one = lanes.next()
        if one is None:
            break
        lanes.release_lane(one)
        found += one.delivery.conversation
    return found


def test_withdrawn_replay_leaves_only_its_own_lane() -> None:
    lanes = Lanes()
    added(lanes, "ab")
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
    assert drawn(lanes, 9) == "ab"
    assert lanes.next(from_table=True) is again[2]


def test_nothing_is_next_where_nothing_waits() -> None:
    assert Lanes().next() is None


def test_a_conversation_waits_for_its_own_delivery_and_no_other_does() -> None:
    lanes = Lanes()
    added(lanes, "aab")
    first, second = lanes.next(), lanes.next()
    assert first and second
    assert [first.delivery.sequence, second.delivery.sequence] == [0, 2]
    assert lanes.next() is None
    lanes.release_lane(first)
    third = lanes.next()
    assert third and third.delivery.sequence == 1


def test_conversations_take_turns_however_much_one_of_them_has() -> None:
    lanes = Lanes()
    added(lanes, "aaaaabbc")
    assert drawn(lanes, 8) == "abcabaaa"


def test_municipalities_take_turns_in_lanes() -> None:
    lanes = Lanes()
    for n in range(6):
        lanes.add(Job(delivery(n, f"almelo {n}", tenant="almelo"), FRAME))
    for n in range(2):
        lanes.add(Job(delivery(6 + n, f"borne {n}", tenant="borne"), FRAME))
    found = [lanes.next() for _ in range(8)]
    turns = [one.delivery.tenant[0] for one in found if one]
    assert "".join(turns) == "ababaaaa"
    assert lanes.next() is None and lanes.waiting == 0


def test_failed_delivery_stays_first_while_its_conversation_goes_last() -> None:
    lanes = Lanes()
    added(lanes, "aabc")
    failed = lanes.next()
    assert failed
    lanes.add(job(9, "a"))
    lanes.requeue(failed)
    assert lanes.waiting == 5
    assert drawn(lanes, 2) == "bc"
    assert lanes.next() is failed


def test_the_only_conversation_is_tried_again_when_it_failed() -> None:
    lanes = Lanes()
    added(lanes, "a")
    one = lanes.next()
    assert one
    lanes.requeue(one)
    assert lanes.next() is one


class Sky(RuleBasedStateMachine):
    """Deliveries are added, take off, land and come back, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.lanes = Lanes()
        self.flying: dict[str, Job] = {}
        self.landed: dict[str, list[int]] = {}
        self.made = 0

    @rule(conversation=LETTERS)
    def comes_in(self, conversation: str) -> None:
        self.lanes.add(job(self.made, conversation))
        self.made += 1

    @rule()
    def takes_off(self) -> None:
        one = self.lanes.next()
        if one is None:
            assert self.flying or not self.lanes.waiting, "something waits and nothing flies"
            return
        assert one.delivery.conversation not in self.flying, "two of one conversation"
        self.flying[one.delivery.conversation] = one

    @rule(conversation=LETTERS)
    def lands(self, conversation: str) -> None:
        if one := self.flying.pop(conversation, None):
            self.lanes.release_lane(one)
            self.landed.setdefault(conversation, []).append(one.delivery.sequence)

    @rule(conversation=LETTERS)
    def comes_back(self, conversation: str) -> None:
        if one := self.flying.pop(conversation, None):
            self.lanes.requeue(one)

    @invariant()
    def nothing_is_lost(self) -> None:
        settled = sum(map(len, self.landed.values()))
        assert settled + self.lanes.waiting + len(self.flying) == self.made

    @invariant()
    def each_conversation_keeps_its_order(self) -> None:
        for sequences in self.landed.values():
            assert sequences == sorted(sequences)

    def teardown(self) -> None:
        """In the end everything lands, in order."""
        for conversation in list(self.flying):
            self.comes_back(conversation)
        while self.lanes.waiting:
            self.takes_off()
            self.lands(next(iter(self.flying)))
            self.each_conversation_keeps_its_order()
        assert sum(map(len, self.landed.values())) == self.made


TestSky = Sky.TestCase


@given(st.lists(LETTERS, max_size=40))
def test_a_delivery_never_waits_for_a_second_one_of_another_conversation(
    conversations: list[str],
) -> None:
    lanes = Lanes()
    added(lanes, "".join(conversations))
    first = "".join(dict.fromkeys(conversations))
    assert drawn(lanes, len(first)) == first
