"""Judge destructions by the steps of lists and holds, which are entries of the log too.

The place in the log tells what was first: the destroyer lets nobody place or lift a hold meanwhile.
A conversation that was destroyed before is not judged: what came late for it, or with a back-up, is
destroyed again, whatever was decided since.

A selection without words covers what entries say in plain text, which a destruction leaves. That a
hold on a person or on words covered a conversation can not be told: its hashes are gone with it.
Those destructions are counted.
"""

from collections.abc import Iterator, Sequence

import msgspec

from archiver.audit.log_walk import Finding
from archiver.audit.rows.destruction_records import RecordedDestruction
from archiver.audit.rows.hold_rows import RecordedHold, RecordedHolds
from archiver.audit.rows.list_rules import is_early
from archiver.audit.rows.recorded_lists import RecordedList, RecordedLists, earliest_time
from archiver.destruction.destruction_list import CLOCKS_APART
from services.postgres.database import Connection


class RecordedSteps(msgspec.Struct):
    """The steps of lists and holds, and what they can not tell."""

    lists: RecordedLists
    holds: RecordedHolds
    untold: int = 0
    """Destructions during a hold of which nothing tells what it covered."""


async def judge_destructions(
    connection: Connection, recorded: Sequence[RecordedDestruction], steps: RecordedSteps
) -> list[Finding]:
    """Return what is wrong with these destructions, and count in `steps` what can not be told."""
    own = [each for each in recorded if each.is_first_of_conversation]
    doubts = [(each, sentence) for each in own for sentence in step_faults(each, steps)]
    for hold in steps.holds.holds.values():
        doubts += await _find_selected(connection, own, steps.holds, hold)
    again = await _find_again(connection, [each for each, _ in doubts])
    steps.untold += sum(is_untold(each, steps.holds) for each in own)
    return [each.finding(sentence) for each, sentence in doubts if each.row["id"] not in again]


def step_faults(each: RecordedDestruction, steps: RecordedSteps) -> Iterator[str]:
    """Yield which steps forbade a destruction. Pure."""
    destruction = each.destruction
    name = f"the conversation {destruction.conversation}"
    known = steps.lists.lists.get(destruction.list)
    if known and (sentence := approval_fault(each, known)):
        yield f"{name} was destroyed by {destruction.list}, {sentence}"
    for hold in steps.holds.holds.values():
        if hold.hold.conversation == destruction.conversation and is_standing(hold, each):
            yield _held(each, hold)


def approval_fault(each: RecordedDestruction, known: RecordedList) -> str:
    """Return that something was destroyed before its list was due. Pure."""
    begin, due = earliest_time(each.row), known.destroyed_from
    if is_early(known.first_begin, due):
        return ""  # a finding of the list itself
    if due is None:
        return "and nobody had approved it"
    return f"which had to wait until {due:%Y-%m-%d %H:%M}Z" if is_early(begin, due) else ""


def is_standing(hold: RecordedHold, each: RecordedDestruction) -> bool:
    """Return True if a hold of its municipality stood when this was destroyed. Pure."""
    place = each.row["position"]
    is_lifted = hold.lifted is not None and hold.lifted < place
    return hold.hold.tenant == each.destruction.tenant and hold.placed < place and not is_lifted


def is_untold(each: RecordedDestruction, holds: RecordedHolds) -> bool:
    """Return True if a hold stood that may have covered this. Pure."""
    return any(
        known.hold.kind != "conversation" and id not in holds.wordless and is_standing(known, each)
        for id, known in holds.holds.items()
    )


def _held(each: RecordedDestruction, hold: RecordedHold) -> str:
    name = f"the conversation {each.destruction.conversation}"
    return f"{name} was destroyed while the hold {hold.hold.id} stood"


async def _find_selected(
    connection: Connection,
    recorded: Sequence[RecordedDestruction],
    holds: RecordedHolds,
    known: RecordedHold,
) -> list[tuple[RecordedDestruction, str]]:
    """Return those of these destructions that a selection without words covered."""
    hold = known.hold
    during = [each for each in recorded if is_standing(known, each)]
    if hold.id not in holds.wordless or not during:
        return []
    rows = await connection.fetch(
        _SELECTED,
        [each.row["id"] for each in during],
        [each.destruction.conversation for each in during],
        # What came at the last moment may not have been seen.
        [earliest_time(each.row) - CLOCKS_APART for each in during],
        hold.tenant,
        list(hold.departments),
        hold.since,
        hold.until,
    )
    covered = {row["id"] for row in rows}
    return [(each, _held(each, known)) for each in during if each.row["id"] in covered]


async def _find_again(connection: Connection, recorded: Sequence[RecordedDestruction]) -> set[str]:
    """Return the ids of those of these records whose conversation was destroyed before."""
    if not recorded:
        return set()
    rows = await connection.fetch(
        _AGAIN,
        [each.row["id"] for each in recorded],
        [each.row["tenant"] for each in recorded],
        [each.row["conversation"] for each in recorded],
        [each.row["position"] for each in recorded],
    )
    return {row["id"] for row in rows}


# As `archiver.covered_by` has it, for what is left of a conversation that was destroyed.
_SELECTED = """
select wanted.id from unnest($1::uuid[], $2::text[], $3::timestamptz[])
    as wanted (id, conversation, before)
where exists (select from archiver.entry e
    where e.conversation = wanted.conversation and e.conversation <> '' and e.tenant = $4
        and e.kind in ('message', 'note', 'conversation') and e.at < wanted.before
        and ($5::text[] = '{}' or e.department = any($5::text[]))
        and ($6::timestamptz is null or e.at >= $6) and ($7::timestamptz is null or e.at < $7))
"""
_AGAIN = """
select wanted.id from unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[])
    as wanted (id, tenant, conversation, position)
where exists (select from archiver.entry e
    where e.conversation = wanted.conversation and e.conversation <> ''
        and e.tenant = wanted.tenant and e.kind = 'destruction' and e.message is null
        and e.position < wanted.position)
"""
