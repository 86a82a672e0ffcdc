"""Repeats, reordering and crashes: each item is published once, and order grows."""

from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from router.model.changes import Changes, DecidedUnit
from router.model.conversation import Conversation
from services.contract import Delivery, Entry, Record
from tests.support.example_count import example_count
from tests.support.router.commands import command
from tests.support.router.decisions import addressed_events, records_of
from tests.support.router.harness import Router
from tests.support.router.names import NUMBER, OTHER_NUMBER
from tests.support.router.webhooks import body, change, receipt
from tests.support.router.webhooks import status as told_status
from tests.support.router.webhooks import text as message

pytestmark = pytest.mark.slow

DESTINATIONS = {"crm", "buiten"}
WORDS = st.sampled_from(["hallo", "mijn container", "woz", "dank u"])
BSUIDS = st.sampled_from(["NL.anna", "NL.bert", ""])
PHONES = st.sampled_from(["31611111111", "31622222222", ""])
NUMBERS = st.sampled_from([NUMBER, OTHER_NUMBER])
STATUSES = st.sampled_from(["sent", "delivered", "read", "failed", "iets"])


class Meta(RuleBasedStateMachine):
    """Meta repeats and reorders, a CRM repeats, the router crashes between commit and publish."""

    items = Bundle("items")
    entries = Bundle("entries")

    def __init__(self) -> None:
        super().__init__()
        self.router = Router()
        self.records: dict[Any, Record] = {}
        self.deliveries: dict[Any, Delivery] = {}
        self.heard: list[tuple[str, Delivery]] = []
        self.decided: set[bytes] = set()
        self.made = 0

    @initialize(target=items)
    def somebody_wrote_before(self) -> Any:
        return change(NUMBER, messages=[message("wamid.0", "hallo", bsuid="NL.anna")])

    @initialize(target=entries)
    def a_department_wrote_before(self) -> Any:
        return command("0", to="31611111111")

    @rule(target=items, words=WORDS, bsuid=BSUIDS, phone=PHONES, number=NUMBERS)
    def somebody_writes(self, words: str, bsuid: str, phone: str, number: str) -> Any:
        self.made += 1
        written = message(f"wamid.{self.made}", words, bsuid=bsuid, phone=phone)
        return change(number, messages=[written])

    @rule(target=entries, phone=PHONES, number=NUMBERS)
    def a_department_writes(self, phone: str, number: str) -> Any:
        self.made += 1
        to = phone or "31633333333"
        return command(str(self.made), second=self.made, number=number, to=to)

    @rule(
        target=entries,
        type=st.sampled_from(["text", "transfer", "close", "reopen", "note", "link"]),
        to=st.sampled_from(["klantcontact", "groen", "belastingen"]),
        allowed=st.sampled_from([(), ("klantcontact",), ("groen", "belastingen")]),
        which=st.integers(0, 3),
    )
    def a_department_steers(self, type: str, to: str, allowed: tuple[str, ...], which: int) -> Any:
        """One of the conversations that are there, or none yet."""
        self.made += 1
        there = sorted(self.router.conversations)
        id = there[which % len(there)] if there else "none"
        given = {"to_department": to, "zaak": f"Z{which}", "departments": list(allowed)}
        name, number = str(self.made), id.partition("-")[0]
        return command(name, second=self.made, type=type, conversation=id, number=number, **given)

    @rule(target=items, entry=entries, word=STATUSES, number=NUMBERS)
    def meta_tells_of_one(self, entry: Entry, word: str, number: str) -> Any:
        opaque = f"{entry.id}.1"
        return change(number, statuses=[told_status(f"wamid.of.{entry.id}", word, opaque)])

    @rule(target=entries, some=st.lists(items, min_size=1, max_size=4))
    def a_body_comes_in(self, some: list[Any]) -> Any:
        self.made += 1
        return receipt(body(*some), second=self.made, name=str(self.made))

    @rule(batch=st.lists(entries, min_size=1, max_size=4))
    def the_router_takes(self, batch: list[Entry]) -> None:
        self.publish(self.commit(batch))

    @rule(batch=st.lists(entries, min_size=1, max_size=4))
    def the_router_crashes_after_its_commit(self, batch: list[Entry]) -> None:
        """Nothing of it was published; the same batch comes again, and says all of it."""
        lost = self.commit(batch)
        again = self.commit(batch)
        assert msgspec.msgpack.encode(records_of(again)) == msgspec.msgpack.encode(records_of(lost))
        assert addressed_events(again) == addressed_events(lost)
        self.publish(again)

    def commit(self, batch: list[Entry]) -> list[DecidedUnit]:
        known = set(self.router.inbox)
        said = self.router.takes(*batch)
        assert len({unit.key for unit, _, _ in said}) == len(said), "said twice"
        for unit, _, changes in said:
            if unit.key in known:
                assert changes == Changes(), "changed something again"
            else:
                assert unit.key not in self.decided, "decided twice"
                self.decided.add(unit.key)
        return said

    def publish(self, said: list[DecidedUnit]) -> None:
        for record in records_of(said):
            assert self.records.setdefault(record.id, record) == record
        for destination, event in addressed_events(said):
            assert destination in DESTINATIONS
            if event.id not in self.deliveries:
                self.heard.append((destination, event))
            assert self.deliveries.setdefault(event.id, event) == event

    @invariant()
    def what_is_known_was_said(self) -> None:
        assert set(self.router.inbox) == self.decided

    @invariant()
    def events_of_a_conversation_are_numbered_upwards_and_never_alike(self) -> None:
        by_conversation: dict[tuple[str, str], list[int]] = {}
        for destination, event in self.heard:
            told = by_conversation.setdefault((destination, event.conversation), [])
            told.append(event.sequence)
        for (_, conversation), numbers in by_conversation.items():
            assert all(one < other for one, other in pairwise(numbers))
            assert numbers[-1] <= self.router.conversations[conversation].sequence

    @invariant()
    def only_an_order_that_changed_nothing_shares_the_number_of_a_record(self) -> None:
        numbered: set[tuple[str, int]] = set()
        for record in self.records.values():
            if record.kind == "identity":  # it stands where what it was told with does
                continue
            place = record.conversation, record.sequence
            if record.conversation and record.sequence and place in numbered:
                said = msgspec.json.decode(record.data)
                assert said["order"] in ("close", "reopen") or said["from"] == said["to"]
            numbered.add(place)

    @invariant()
    def a_conversation_is_where_it_was_last_and_was_everywhere_once(self) -> None:
        for conversation in self.router.conversations.values():
            been = conversation.departments
            assert conversation.department in been and len(set(been)) == len(been)

    @invariant()
    def a_person_has_one_open_conversation_with_a_number(self) -> None:
        there: list[Conversation] = list(self.router.conversations.values())
        open_ones = [conversation for conversation in there if conversation.closed_at is None]
        assert len({(c.number, c.person) for c in open_ones}) == len(open_ones)


TestMeta = Meta.TestCase
TestMeta.settings = settings(max_examples=example_count(40), stateful_step_count=20)
