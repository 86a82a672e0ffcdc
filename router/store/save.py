"""What decisions changed, into the router's tables: the last state of each thing, once."""

from collections.abc import Sequence
from typing import Any

import msgspec

from router.model.conversation import Conversation
from router.model.decision import Changes, Identity
from router.model.snapshot import Snapshot
from router.store import sql
from services.postgres.database import Connection

EARLY_DAYS = 8
"""For which a status waits for its message: Meta repeats itself for seven."""

_encode_json = msgspec.json.Encoder().encode


async def write(connection: Connection, changes: Sequence[Changes]) -> None:
    """The last state of each thing that changed, once."""
    if identities := [i for c in changes for i in c.identities]:
        await _identities(connection, identities)
    changed = [each for c in changes for each in (c.merged_conversation, c.conversation) if each]
    if conversations := {conversation.id: conversation for conversation in changed}:
        rows = [_conversation_row(c) for c in conversations.values()]
        await connection.execute(sql.UPSERT_CONVERSATION, *columns(rows, 16))
    messages = [each for c in changes for each in (c.outgoing, c.reopen_message) if each]
    if outgoing := {message.id: message for message in messages}:
        rows = [msgspec.structs.astuple(o) for o in outgoing.values()]
        await connection.execute(sql.UPSERT_OUTGOING, *columns(rows, 11))
    if charges := {c.charge.id: c.charge for c in changes if c.charge}:
        rows = [msgspec.structs.astuple(charge) for charge in charges.values()]
        await connection.execute(sql.UPSERT_CHARGE, *columns(rows, 10))
    if sends := [msgspec.structs.astuple(c.send) for c in changes if c.send]:
        await connection.execute(sql.INSERT_SEND, *columns(sends, 16))
    if settled := [c.settled_send for c in changes if c.settled_send]:
        await connection.execute(sql.SETTLE_SEND, *columns(settled, 2))
    await _early(connection, changes)
    await _marks(connection, changes)
    await _told(connection, changes)
    await _consents(connection, changes)
    await _timers(connection, changes)
    standings = {c.number_notice.number: c.number_notice for c in changes if c.number_notice}
    if standings:
        rows = [msgspec.structs.astuple(s) for s in standings.values()]
        await connection.execute(sql.UPSERT_STANDING, *columns(rows, 7))


async def _early(connection: Connection, changes: Sequence[Changes]) -> None:
    """Statuses of messages that are not known yet; those of one that is now are taken away."""
    if early := [msgspec.structs.astuple(c.early_status) for c in changes if c.early_status]:
        await connection.execute(sql.INSERT_EARLY, *columns(early, 8))
        await connection.execute(sql.FORGET_EARLY, EARLY_DAYS)
    if met := [c.early_status_consumed for c in changes if c.early_status_consumed]:
        gone = "delete from router.early_status where wamid_hash = any($1::bytea[])"
        await connection.execute(gone, met)


async def _marks(connection: Connection, changes: Sequence[Changes]) -> None:
    """Of each citizen the one of what they wrote last."""
    asked = sorted(
        (c.read_receipt for c in changes if c.read_receipt), key=lambda mark: mark.heard_at
    )
    if marks := {(mark.number, mark.person): mark for mark in asked}:
        rows = [msgspec.structs.astuple(marks[key]) for key in sorted(marks)]
        await connection.execute(sql.UPSERT_MARK, *columns(rows, 7))


async def _timers(connection: Connection, changes: Sequence[Changes]) -> None:
    """What has come is taken away, and what is waited for is set: the last of each kind."""
    if fired := [c.fired_timer for c in changes if c.fired_timer]:
        await connection.execute("delete from router.timer where id = any($1::uuid[])", fired)
    timers = {(t.conversation, t.kind): t for c in changes for t in c.timers}
    if timers:
        rows = [msgspec.structs.astuple(timers[key]) for key in sorted(timers)]
        await connection.execute(sql.UPSERT_TIMER, *columns(rows, 5))


async def _told(connection: Connection, changes: Sequence[Changes]) -> None:
    """What notices told of templates and preferences."""
    learnt = Snapshot()
    for template in (c.template for c in changes if c.template):
        learnt.add_template(template)
    for choice in (c.opt_out for c in changes if c.opt_out):
        learnt.add_opt_out(choice)
    if learnt.templates:
        rows = [msgspec.structs.astuple(learnt.templates[key]) for key in sorted(learnt.templates)]
        await connection.execute(sql.UPSERT_TEMPLATE, *columns(rows, 7))
    if learnt.opt_outs:
        rows = [msgspec.structs.astuple(learnt.opt_outs[key]) for key in sorted(learnt.opt_outs)]
        await connection.execute(sql.UPSERT_OPT_OUT, *columns(rows, 5))


async def _consents(connection: Connection, changes: Sequence[Changes]) -> None:
    """What was agreed to, and then what ended it: what was given later stands."""
    consents = {c.consent.key: c.consent for c in changes if c.consent}
    if consents:
        rows = [msgspec.structs.astuple(consents[key]) for key in sorted(consents)]
        await connection.execute(sql.UPSERT_CONSENT, *columns(rows, 9))
    ended = Snapshot()
    for withdrawal in (each for c in changes for each in c.withdrawals):
        ended.add_withdrawal(withdrawal)
    if ended.withdrawals:
        rows = [
            msgspec.structs.astuple(ended.withdrawals[key]) for key in sorted(ended.withdrawals)
        ]
        await connection.execute(sql.UPSERT_WITHDRAWAL, *columns(rows, 4))
        await connection.execute(sql.END_CONSENT, *columns(rows, 4))


async def _identities(connection: Connection, identities: Sequence[Identity]) -> None:
    """An identifier belongs to one person at a time: it ends where it was, and begins here,
    unless it has ended altogether."""
    last = list({identity.key: identity for identity in identities}.values())
    ended = [(*identity.key, identity.valid_to or identity.valid_from) for identity in last]
    await connection.execute(sql.END_IDENTITY, *columns(ended, 4))
    rows = [msgspec.structs.astuple(i)[:7] for i in last if i.valid_to is None]
    if rows:
        await connection.execute(sql.INSERT_IDENTITY, *columns(rows, 7))


def columns(rows: Sequence[Sequence[Any]], width: int) -> list[list[Any]]:
    """Rows turned into the arrays that `unnest` takes."""
    return [[row[n] for row in rows] for n in range(width)]


def _conversation_row(conversation: Conversation) -> tuple[Any, ...]:
    """PostgreSQL unnests an array of arrays to its elements, so the departments go as one text."""
    row = msgspec.structs.astuple(conversation)
    state = _encode_json(conversation.state).decode()
    return (*row[:11], " ".join(conversation.departments), *row[12:14], state, conversation.said_at)
