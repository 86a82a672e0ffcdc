"""Rows that a handler declares are the rows that its decision may read."""

from typing import get_args, get_type_hints
from uuid import UUID

import pytest

from router.handlers.batch import decide_batch
from router.handlers.dispatch import HANDLERS, needs_of
from router.handlers.units import parse_units
from router.model.changes import Changes
from router.model.decision import Decision
from router.model.needs import Needs, NotLoaded, union
from router.model.snapshot import Rows, Snapshot
from router.model.work import RoutingContext, WorkUnit
from services.contract import Receipt
from services.whatsapp import items
from services.whatsapp.items import AnyItem
from tests.support.router.commands import command
from tests.support.router.decisions import decisions
from tests.support.router.harness import CONFIG, ground
from tests.support.router.names import NUMBER
from tests.support.router.webhooks import inbound, text

PERSON, MESSAGE = UUID(int=1), UUID(int=2)
READS = {
    "identity": lambda rows: rows.identities.get(("almelo", "phone", b"hash")),
    "conversation": lambda rows: rows.conversations.get("c"),
    "message": lambda rows: rows.outgoing.get(MESSAGE),
    "wamid": lambda rows: rows.message_by_wamid.get(b"hash"),
    "early status": lambda rows: rows.early_statuses.get(b"hash", ()),
    "charge": lambda rows: rows.charges.get(MESSAGE),
    "quoted message": lambda rows: rows.inbound.get(MESSAGE),
    "template": lambda rows: rows.templates_named("name", "nl"),
    "opt-out": lambda rows: rows.opt_outs.get(("almelo", PERSON, "marketing_messages")),
    "consent": lambda rows: rows.consents.get(("almelo", PERSON, "news")),
    "every consent": lambda rows: rows.consents_of("almelo", PERSON),
    "withdrawal": lambda rows: rows.withdrawals.get(("almelo", PERSON, "stop")),
    "open conversation": lambda rows: rows.open.get(("1", PERSON)),
    "closed conversation": lambda rows: rows.closed.get(("1", PERSON)),
    "last message": lambda rows: rows.last_heard.get(PERSON),
    "person": lambda rows: rows.identities_of(PERSON),
    "number": lambda rows: rows.number_notices.get("1"),
    "number by index": lambda rows: rows.number_notices["1"],
}
EVERYTHING = Needs(
    numbers={"1"},
    identities={b"hash"},
    conversations={"c"},
    messages={MESSAGE},
    quoted={MESSAGE},
    wamids={b"hash"},
    early={b"hash"},
    templates={("name", "nl")},
    charges=True,
    consents=True,
    last_heard=True,
)
PEOPLE = Needs(identities={b"hash"})
"""Citizens, and nothing that belongs to them but their conversations."""


@pytest.mark.parametrize("read", READS)
def test_reading_beyond_the_needs_raises_not_loaded(read: str) -> None:
    with pytest.raises(NotLoaded):
        READS[read](Snapshot(Needs()))


@pytest.mark.parametrize(
    "read", ["opt-out", "consent", "every consent", "withdrawal", "last message"]
)
def test_declared_person_comes_without_consents_opt_outs_and_last_message(read: str) -> None:
    with pytest.raises(NotLoaded):
        READS[read](Snapshot(PEOPLE))


def test_every_table_of_a_snapshot_is_guarded() -> None:
    plain = {"_declared", "decided", "forgotten", "_people"}
    tables = vars(Snapshot())
    assert {name for name, table in tables.items() if not isinstance(table, Rows)} == plain
    for name in tables.keys() - plain:
        with pytest.raises(NotLoaded):
            getattr(Snapshot(Needs()), name).get(("almelo", PERSON, "x"))


@pytest.mark.parametrize("read", READS)
def test_declared_row_may_be_absent(read: str) -> None:
    try:
        assert not READS[read](Snapshot(EVERYTHING))
    except KeyError:
        assert read == "number by index"


def test_every_kind_of_work_unit_has_a_handler() -> None:
    entries = get_args(get_type_hints(WorkUnit)["entry"])
    assert set(HANDLERS) == {*get_args(AnyItem), *entries} - {Receipt}


def test_needs_of_a_batch_are_those_of_its_units_together() -> None:
    one = Needs(numbers=("1", ""), conversations=("c",), consents=True)
    other = Needs(numbers=("2",), wamids=(b"w",))
    both = union([one, other])
    assert (both.numbers, both.conversations, both.wamids) == ({"1", "2"}, {"c"}, {b"w"})
    assert both.consents and not both.charges


def test_needs_of_a_command_name_its_number_addressee_quote_and_conversation() -> None:
    context = ground(CONFIG)
    given = command("c", to="31600000001", conversation="c", reply_to_message=MESSAGE)
    [unit] = parse_units(given, context)
    needs = union([needs_of(unit, context)])
    assert needs.quoted == {MESSAGE} and len(needs.identities) == 1
    assert (needs.numbers, needs.conversations) == ({NUMBER}, {"c"}) and not needs.consents


def test_decision_that_reads_more_than_declared_is_quarantined(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def decide(
        unit: WorkUnit, item: items.Message, rows: Snapshot, context: RoutingContext
    ) -> tuple[Decision, Changes]:
        rows.consents.get(("almelo", PERSON, "news"))
        raise AssertionError("the row was not declared")

    context = ground(CONFIG)
    forgetful = HANDLERS[items.Message]._replace(decide=decide)
    monkeypatch.setitem(HANDLERS, items.Message, forgetful)
    todo = list(parse_units(inbound(text("w", "hallo", phone="31600000001")), context))
    batch = decide_batch(todo, Snapshot(union(needs_of(unit, context) for unit in todo)), context)
    assert [one.kind for one in decisions(batch.new)] == ["quarantined"]
    assert [type(fault) for fault in batch.faults] == [NotLoaded]
