"""Destructions that the rules of their procedure forbid. Who carries them out changes the tables
meanwhile, so that all rows agree with their steps afterwards."""

from typing import Any
from unittest.mock import patch

from archiver.destruction import list_store
from archiver.destruction.destruction_list import DestructionList
from archiver.retention.hold import Selection
from tests.support.archiver.destruction_history import (
    ARCHIVIST,
    DEPARTMENT,
    DRAWER,
    OWNER,
    WAITING,
    DestructionHistory,
)
from tests.support.archiver.orders import eraser_of
from tests.support.archiver.records import id_of
from tests.support.tamperings.laboratory import Laboratory
from tests.support.tamperings.tampering import Deed, Tampering

NAME = "stil"
"""Name of the conversation that is destroyed."""


def _history_in(laboratory: Laboratory) -> DestructionHistory:
    return DestructionHistory(laboratory.pool, laboratory.keys, laboratory.folder)


async def _change(laboratory: Laboratory, table: str, act: str) -> None:
    """Change a table as whoever takes its triggers away meanwhile."""
    for words in (f"disable trigger user; {act};", "enable trigger user"):
        await laboratory.execute(f"alter table archiver.{table} {words}")


async def destroy_without_waiting(laboratory: Laboratory) -> None:
    """Say that a list was approved eight days ago, and take it back once it is destroyed."""
    history = _history_in(laboratory)
    await history.close(NAME)
    found = await history.draw(WAITING)
    await history.step(found, ("reviewed", DRAWER), ("approved", ARCHIVIST))
    await _shift_approval(laboratory, found, "- interval '8 days'")
    await history.destroyer.carry_out_due()
    await _shift_approval(laboratory, found, "+ interval '8 days'")


async def _shift_approval(laboratory: Laboratory, found: DestructionList, by: str) -> None:
    act = f"update archiver.destruction_list set approved_at = approved_at {by}"
    await _change(laboratory, "destruction_list", f"{act} where id = '{found.id}'")


async def approve_alone(laboratory: Laboratory) -> None:
    """Let the drawer of a list approve it, without the rules of the database and of the code."""
    history = _history_in(laboratory)
    await history.close(NAME)
    found = await history.draw()
    await history.step(found, ("reviewed", OWNER))
    constraint = "alter table archiver.destruction_list drop constraint drawer_does_not_approve"
    await laboratory.execute(constraint)
    with patch.object(list_store, "check_step", lambda *_: None):
        await history.step(found, ("approved", DRAWER.upper()))


def destroy_held(extent: str, elsewhere: str, **order: Any) -> Deed:
    """Return an act that places a hold, and moves it elsewhere while what it covers is destroyed.
    `extent`: the column that says it."""

    async def act(laboratory: Laboratory) -> None:
        history = _history_in(laboratory)
        await history.close(NAME)
        hold = await history.hold(**order)
        where = f"where id = '{hold.id}'"
        await laboratory.execute(
            f"create temporary table aside as select {extent} from archiver.hold {where}"
        )
        move = f"update archiver.hold set {extent} = {{}} {where}"
        await _change(laboratory, "hold", move.format(elsewhere))
        await history.approve(await history.draw())
        await history.destroyer.carry_out_due()
        await _change(laboratory, "hold", move.format(f"(select {extent} from aside)"))

    return act


def destroy_by(change: str) -> Deed:
    """Return an act that destroys a conversation by what its dossier says meanwhile. The archiver's
    role is enough."""

    async def act(laboratory: Laboratory) -> None:
        history = _history_in(laboratory)
        await history.close(NAME, retentionCode="15.1")
        await laboratory.execute(
            f"update archiver.dossier set {change} where conversation = '{id_of(NAME)}'"
        )
        await history.approve(await history.draw())
        await history.destroyer.carry_out_due()

    return act


async def put_keys_back(laboratory: Laboratory) -> None:
    """Erase a municipality, and put back its keys, which somebody had copied."""
    tables = "municipality_key", "conversation_key"
    for table in tables:
        kept = f"select * from archiver.{table} where tenant = 'hengelo'"
        await laboratory.execute(f"create temporary table {table}_aside as {kept}")
    eraser = eraser_of(laboratory.pool, laboratory.keys, laboratory.folder)
    await eraser.erase_municipality("hengelo", "it is no more")
    for table in tables:
        await laboratory.execute(f"insert into archiver.{table} select * from {table}_aside")


def _procedure(id: str, what: str, act: Deed, says: str) -> Tampering:
    return Tampering(id=f"destruction-{id}", what=what, act=act, says=says)


STOOD = f"the conversation {id_of(NAME)} was destroyed while the hold "
OF_PROCEDURE = [
    _procedure("held", "A hold is on another conversation while that which it is on is destroyed.",
               destroy_held("conversation", "'x'", conversation=id_of(NAME)), STOOD),
    _procedure("held-selection", "A hold is on another department while what it covers is"
               " destroyed.",
               destroy_held("departments", "'{belastingen}'",
                            selection=Selection(departments=(DEPARTMENT,))), STOOD),
    _procedure("municipality-back", "The keys of a municipality that was erased are put back.",
               put_keys_back, "of what it destroyed can be opened"),
    _procedure("alone", "Who drew a list approves it, under another spelling of the name.",
               approve_alone, "was drawn and approved by one person"),
    _procedure("without-waiting", "A list is destroyed before its waiting time is over.",
               destroy_without_waiting, "and had to wait until"),
    _procedure("before-its-term", "A conversation is destroyed years before its term is over.",
               destroy_by("kept_until = '2025-01-01'"), "15.1 keeps it until"),
    _procedure("permanent", "What is kept for ever is destroyed with a list.",
               destroy_by("valued_code = '6.1.4', state = 'destroy', kept_until = '2025-01-01'"),
               "what has the result 6.1.4 is kept for ever"),
]  # fmt: skip
