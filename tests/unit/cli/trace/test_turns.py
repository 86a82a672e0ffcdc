"""Turns of a trace: each thing that is not finished has one, with a command that exists."""

import re
import shlex
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import click
import pytest

from archiver.balance.sheet import BATCH, ENTRY, MISSABLE
from cli.main import main
from cli.trace import turns
from cli.trace.evidence import Entry, Evidence, Row
from cli.trace.turns import Turn, find_turns
from deliverer.meta.quiet_hours import _wait_reason
from tests.support.cli.command_tree import walk_commands
from tests.support.installation import ROOT

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
RECORD, EVENT, MESSAGE = UUID(int=1), UUID(int=2), UUID(int=3)
NIGHT_REST = _wait_reason(NOON)
ENDED = {
    "deliverer.delivery": {"settled", "dropped"},
    "deliverer.ledger": {"sent", "failed"},
    "archiver.media": {"available", "lost"},
}
TABLES = {
    "deliverer.delivery": (turns.DELIVERIES, "deliverer/migrations/0001_deliveries.sql"),
    "deliverer.ledger": (turns.SENDS, "deliverer/migrations/0001_deliveries.sql"),
    "archiver.media": (turns.FILES, "archiver/migrations/0001_record.sql"),
}


def decided(**more: Any) -> Row:
    given: dict[str, Any] = {"record": RECORD, "records": [RECORD], "send": None}
    given |= {"events": [EVENT], "destinations": ["crm"], "is_published": True}
    return given | {"is_quarantined": False} | more


def entry(kind: str = "message", **fields: Any) -> Entry:
    return Entry(
        id=RECORD, kind=kind, at=NOON, written_at=NOON, tenant="almelo", conversation="c",
        department="kcc", message=MESSAGE, receipt=None, sequence=1, fields=fields,
    )  # fmt: skip


def delivery(state: str, **more: Any) -> Row:
    given = {"destination": "crm", "event": EVENT, "status": 422, "due_at": NOON}
    return given | {"state": state} | more


def send(state: str, **more: Any) -> Row:
    given: dict[str, Any] = {"id": MESSAGE, "due_at": NOON, "claimed_at": NOON, "code": 131042}
    given |= {"stopped": False, "reason": "", "is_behind": False, "has_media": False}
    given["is_kept_from_meta"] = False
    return given | {"state": state} | more


def aside(**more: Any) -> Row:
    given = {"id": RECORD, "reason": "unknown field", "refusal": ""}
    return given | {"again_at": None, "published_at": None, "dropped_at": None} | more


def missing(equation: str, id: UUID, is_gone: bool = False) -> Row:
    place = {"equation": equation, "id": id, "subject": "crm", "since": NOON}
    return place | {"is_gone": is_gone}


FAILED = entry("attempt", event=str(EVENT), outcome="paused", status=503, reason="503")
CASES: dict[str, tuple[Evidence, list[tuple[str, str]]]] = {
    "delivered": (Evidence(decided=(decided(),), deliveries=(delivery("settled"),)), []),
    "in the queue": (Evidence(decided=(decided(),)), [("deliverer", "in the queue of crm")]),
    "failing": (
        Evidence(decided=(decided(),), entries=(entry(), FAILED)),
        [("deliverer", "crm is paused since 2026-11-25 12:00:00Z (503): it tries again")],
    ),
    "paused by a person": (
        Evidence(decided=(decided(),), paused={"crm": NOON}),
        [("operator", "a person paused crm at 2026-11-25 12:00:00Z")],
    ),
    "not published": (
        Evidence(decided=(decided(is_published=False),)),
        [("router", "not published to crm yet")],
    ),
    "withheld": (
        Evidence(decided=(decided(),), held=({"event": EVENT, "destination": "crm"},)),
        [("operator", "withheld until a person")],
    ),
    "queue full": (
        Evidence(decided=(decided(),), waiting=({"event": EVENT, "destination": "crm"},)),
        [("router", "the queue of crm is full or gone")],
    ),
    "parked": (Evidence(deliveries=(delivery("parked"),)), [("operator", "refused it (422)")]),
    "stopped number": (
        Evidence(sends=(send("queued", stopped=True),)),
        [("operator", "send nothing (code 131042)")],
    ),
    "quiet hours": (
        Evidence(sends=(send("queued", reason=NIGHT_REST),)),
        [("deliverer", "waits for the morning, until 2026-11-25 12:00:00Z")],
    ),
    "behind another": (
        Evidence(sends=(send("queued", is_behind=True),)),
        [("deliverer", "behind an earlier message to the same citizen")],
    ),
    "provider is slow": (
        Evidence(sends=(send("queued", reason="Meta antwoordt niet"),)),
        [("deliverer", "to be sent, from 2026-11-25 12:00:00Z: Meta antwoordt niet")],
    ),
    "file at Meta": (
        Evidence(sends=(send("queued", has_media=True),)),
        [("deliverer", "its file")],
    ),
    "missing delivery": (
        Evidence(decided=(decided(),), missing=(missing("delivery", EVENT),)),
        [
            (
                "operator",
                "its delivery to crm cannot be found: the balance misses it since 2026-11-2",
            )
        ],
    ),
    "deleted record": (
        Evidence(
            decided=(decided(events=[], destinations=[]),),
            missing=(missing("record", RECORD, is_gone=True),),
        ),
        [("operator", "its record was deleted since")],
    ),
    "deleted send": (
        Evidence(
            decided=(decided(events=[], destinations=[], send=MESSAGE),),
            entries=(entry(),),
            missing=(missing("send", MESSAGE, is_gone=True),),
        ),
        [("operator", "the message to the citizen was deleted since")],
    ),
    "send without a line": (
        Evidence(decided=(decided(events=[], destinations=[], send=MESSAGE),), entries=(entry(),)),
        [("operator", "not among those to send")],
    ),
    "outcome unknown": (Evidence(sends=(send("unknown"),)), [("Meta", "Meta gave no answer")]),
    "unconfirmed": (Evidence(sends=(send("unconfirmed"),)), [("operator", "say what you saw")]),
    "window": (Evidence(sends=(send("held"),)), [("citizen", "when the citizen writes again")]),
    "in quarantine": (
        Evidence(quarantined=(aside(),)),
        [("operator", "in quarantine (unknown field): mend the cause")],
    ),
    "in quarantine for good": (
        Evidence(quarantined=(aside(refusal="a command"),)),
        [("operator", "(unknown field): a command")],
    ),
    "decided again soon": (
        Evidence(quarantined=(aside(again_at=NOON),)),
        [("router", "a person had it decided again")],
    ),
    "given up": (Evidence(quarantined=(aside(dropped_at=NOON),)), []),
}


@pytest.mark.parametrize("name", CASES)
def test_each_state_is_somebodys_turn(name: str) -> None:
    evidence, expected = CASES[name]
    if not evidence.entries:  # its record is another matter
        entries = tuple(entry() for _ in evidence.decided)
        evidence = Evidence(
            **{f: getattr(evidence, f) for f in Evidence.__struct_fields__} | {"entries": entries}
        )
    found = find_turns(evidence)
    assert len(found) == len(expected)
    for turn, (who, words) in zip(found, expected, strict=True):
        assert turn.who == who
        assert words in turn.state
        assert_can_be_typed(turn)


def test_decision_without_a_record_is_the_archivers_turn() -> None:
    settled = {"decided": (decided(),), "deliveries": (delivery("settled"),)}
    assert [turn.who for turn in find_turns(Evidence(**settled))] == ["archiver"]  # type: ignore[arg-type]


def test_everything_that_the_balance_can_miss_has_words() -> None:
    assert {*turns.MISSING, ENTRY, BATCH} == {*MISSABLE}, "an entry and a batch have no id to trace"


def test_command_that_was_not_decided_is_the_routers_turn_or_the_gateways() -> None:
    row = {"id": MESSAGE, "confirmed_at": NOON}
    assert [t.who for t in find_turns(Evidence(commands=(row,)))] == ["router"]
    row = {"id": MESSAGE, "confirmed_at": None}
    assert [t.who for t in find_turns(Evidence(commands=(row,)))] == ["gateway"]


@pytest.mark.parametrize("table", TABLES)
def test_each_state_of_a_table_has_a_turn_or_is_an_end(table: str) -> None:
    cases, path = TABLES[table]
    sql = (ROOT / path).read_text().partition(f"create table {table} (")[2].partition("\n);")[0]
    listed = re.search(r"check\s*\(\s*state in \(([^)]*)\)", sql)
    assert listed
    states = set(re.findall(r"'(\w+)'", listed[1]))
    assert states - ENDED[table] <= cases.keys()


COMMANDS = dict(walk_commands(main))


def assert_can_be_typed(turn: Turn) -> None:
    words = shlex.split(turn.command)[1:]
    if words:
        [path] = [path for path in COMMANDS if words[: len(path.split())] == path.split()]
        COMMANDS[path].parse_args(click.Context(COMMANDS[path]), words[len(path.split()) :])
