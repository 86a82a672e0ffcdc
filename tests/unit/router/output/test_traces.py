"""The trace of an entry: what follows from it carries the same, and what follows from time none."""

import msgspec

from router.handlers.batch import make_output
from router.handlers.dispatch import quarantine_unit
from router.handlers.units import parse_units
from router.model.changes import DecidedUnit
from services.contract import Receipt
from tests.support.router.commands import command
from tests.support.router.harness import Router, ground
from tests.support.router.names import ANNA
from tests.support.router.simulation import Stadhuis
from tests.support.router.webhooks import inbound, outcome, text, writes

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def traced(entry: Receipt) -> Receipt:
    return msgspec.structs.replace(entry, traceparent=TRACE)


def hall_that_hears(words: str) -> Stadhuis:
    hall = Stadhuis()
    message = text("wamid.1", words, sent=hall.second, **ANNA)
    hall.takes(traced(inbound(message, second=hall.second, number=hall.number)))
    return hall


def traces(decided: DecidedUnit) -> tuple[list[str], list[str]]:
    """Traces of the events of a decision, and of its records that have one."""
    unit, decision, _ = decided
    output = make_output(unit, decision)
    events = [event.traceparent for _, event in output.events]
    return events, [record.traceparent for record in output.records if record.traceparent]


def test_event_and_record_of_a_message_are_in_its_trace() -> None:
    [decided] = Router().takes(traced(writes(1, "hallo")))
    assert traces(decided) == ([TRACE], [TRACE])


def test_message_without_a_trace_gives_none() -> None:
    [decided] = Router().takes(writes(1, "hallo"))
    assert traces(decided) == ([""], [])


def test_quarantined_item_is_in_its_trace() -> None:
    [unit] = parse_units(traced(writes(1, "hallo")), ground())
    decided = (unit, *quarantine_unit(unit, "a fault", ground()))
    assert traces(decided) == ([], [TRACE])


def test_automatic_text_is_in_the_trace_of_the_message_that_it_answers() -> None:
    hall = hall_that_hears("ik wil dood")
    [(_, decision, changes)] = hall.done
    assert decision.reply and changes.send
    assert (changes.send.id, changes.send.traceparent) == (decision.reply.id, TRACE)


def test_answer_takes_its_trace_through_the_ledger() -> None:
    router = Router()
    [decided] = router.takes(command("a", to=ANNA["phone"], traceparent=TRACE))
    assert decided[2].send and decided[2].send.traceparent == TRACE
    failed = outcome(decided[2].send.id, "failed", second=1, traceparent=TRACE)
    [settled] = router.takes(failed)
    assert traces(settled) == ([TRACE], [TRACE])


def test_timer_that_fires_is_in_no_trace() -> None:
    hall = hall_that_hears("hallo")
    hall.after(minutes=30)
    fired = hall.done[1:]
    assert fired and all(unit.traceparent == "" for unit, _, _ in fired)
