"""Accepting answers on a real PostgreSQL: once for each key, and only from who saw the last one."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import msgspec
import pytest
from msgspec import UNSET, UnsetType

from gateway.api.command_store import (
    UNCONFIRMED_LIFETIME,
    AnsweredMeanwhile,
    CommandStore,
    NewCommand,
    StoredCommand,
)
from gateway.commands.idempotency import CAME
from services import clock
from services.http.rights import Rights
from services.postgres.database import Pool, connection_pool

CONVERSATION = "106540352242922-a2a2a2a2a2a2a2a2a2a2a2a2a2"


@pytest.fixture
async def store(empty: str, pool: Pool) -> AsyncIterator[CommandStore]:
    """The gateway's, which may do what its grants say."""
    async with connection_pool(f"{empty}?role=postkamer_gateway", "test", 8) as own:
        yield CommandStore(own)


RIGHTS = Rights(name="crm", tenant="almelo", roles=frozenset(["send"]))


def answer(last: UUID | UnsetType | None = UNSET) -> NewCommand:
    return NewCommand(
        id=clock.new_id(),
        tenant="almelo",
        token="crm",
        fingerprint=b"print",
        at=clock.now(),
        conversation=CONVERSATION,
        last=last,
    )


async def test_the_same_key_is_accepted_once_and_gives_the_same_answer(store: CommandStore) -> None:
    first = answer()
    accepted = await store.accept(first)
    again = msgspec.structs.replace(first, fingerprint=b"other", at=clock.now())
    known = await store.accept(again)
    assert (known.accepted_at, known.is_same) == (accepted.accepted_at, False)
    assert (await store.accept(first)).is_same
    await store.confirm(first.id, clock.now())
    assert (await store.accept(again)).confirmed


async def test_command_that_another_installation_accepted_is_known_by_its_key(
    store: CommandStore, pool: Pool
) -> None:
    accepted = await store.accept(first := answer())
    await pool.execute("update gateway.command set fingerprint = $1", CAME)
    again = await store.accept(msgspec.structs.replace(first, at=clock.now()))
    assert (again.accepted_at, again.is_same) == (accepted.accepted_at, True)


async def test_an_answer_by_who_has_not_seen_the_last_one_is_refused(store: CommandStore) -> None:
    first, second = answer(None), answer(None)
    await store.accept(first)
    with pytest.raises(AnsweredMeanwhile) as refused:
        await store.accept(second)
    assert refused.value.last == first.id
    third = answer(first.id)
    await store.accept(third)
    with pytest.raises(AnsweredMeanwhile):
        await store.accept(answer(first.id))
    await store.accept(answer(third.id))


async def test_a_refused_answer_leaves_nothing_and_its_key_may_be_used_again(
    store: CommandStore, pool: Pool
) -> None:
    seen = answer()
    await store.accept(seen)
    late = answer(clock.new_id())
    with pytest.raises(AnsweredMeanwhile):
        await store.accept(late)
    assert await pool.fetchval("select count(*) from gateway.command where id = $1", late.id) == 0
    await store.accept(msgspec.structs.replace(late, last=seen.id))


async def test_an_accepted_answer_is_given_again_though_others_answered_since(
    store: CommandStore,
) -> None:
    first = answer(None)
    await store.accept(first)
    await store.accept(answer(first.id))
    assert not (await store.accept(first)).confirmed


async def test_one_answer_is_taken_when_many_saw_the_same_last_answer(store: CommandStore) -> None:
    last: UUID | None = None
    for _ in range(10):
        tries = [answer(last) for _ in range(8)]
        results = await asyncio.gather(*map(store.accept, tries), return_exceptions=True)
        taken = [t.id for t, r in zip(tries, results, strict=True) if not isinstance(r, Exception)]
        assert len(taken) == 1
        assert all(r.last == taken[0] for r in results if isinstance(r, AnsweredMeanwhile))
        last = taken[0]


async def test_a_change_of_a_conversation_is_no_answer(store: CommandStore) -> None:
    first = answer()
    await store.accept(first)
    await store.accept(msgspec.structs.replace(answer(), conversation=""))
    await store.accept(answer(first.id))


async def test_an_order_is_read_by_its_own_token_once_it_is_safe(store: CommandStore) -> None:
    order = answer()
    await store.accept(order)
    assert await store.find_message(order.id, RIGHTS) is None, "its sender was told to try again"
    await store.confirm(order.id, clock.now())
    shown = await store.find_message(order.id, RIGHTS)
    assert shown and (shown["status"], shown["conversationId"]) == ("accepted", None)
    for other in ({"name": "another"}, {"tenant": "hengelo"}):
        assert await store.find_message(order.id, msgspec.structs.replace(RIGHTS, **other)) is None


async def accept_and_decide(
    store: CommandStore, pool: Pool, status: str, offered: bool
) -> NewCommand:
    """An order that named no conversation, as it stands with the router; and in the ledger, when it
    was offered to Meta."""
    order = msgspec.structs.replace(answer(), conversation="")
    await store.accept(order)
    await decide(pool, order, status, offered)
    return order


async def decide(
    pool: Pool, order: NewCommand, status: str, offered: bool, type: str = "text"
) -> None:
    await pool.execute(
        "insert into router.outgoing (id, tenant, number, conversation, department, status,"
        " changed_at, type) values ($1, 'almelo', '106540352242922', $2, 'kcc', $3, now(), $4)",
        order.id,
        CONVERSATION,
        status,
        type,
    )
    if offered:
        await pool.execute(
            _LINE, order.id, CONVERSATION, "failed" if status == "failed" else "sent"
        )


@pytest.mark.parametrize("status", ["accepted", "sent", "failed"])
async def test_the_message_that_opened_a_conversation_is_its_last_answer(
    store: CommandStore, pool: Pool, status: str
) -> None:
    opening = await accept_and_decide(store, pool, status, offered=True)
    with pytest.raises(AnsweredMeanwhile):
        await store.accept(answer(clock.new_id()))
    follow_up = answer(opening.id)
    await store.accept(follow_up)
    with pytest.raises(AnsweredMeanwhile) as refused:
        await store.accept(answer(opening.id))
    assert refused.value.last == follow_up.id


@pytest.mark.parametrize("status", ["done", "failed"])
async def test_a_note_and_what_the_router_refused_are_no_answers(
    store: CommandStore, pool: Pool, status: str
) -> None:
    order = await accept_and_decide(store, pool, status, offered=False)
    with pytest.raises(AnsweredMeanwhile) as refused:
        await store.accept(answer(order.id))
    assert refused.value.last is None


async def test_an_answer_that_the_router_refused_leaves_the_one_before_it_the_last(
    store: CommandStore, pool: Pool
) -> None:
    last: UUID | None = None
    for _ in range(2):
        refused = answer(last)
        await store.accept(refused)
        with pytest.raises(AnsweredMeanwhile):
            await store.accept(answer(last))
        await decide(pool, refused, "failed", offered=False)
        with pytest.raises(AnsweredMeanwhile):
            await store.accept(answer(refused.id))
        follow_up = answer(last)
        await store.accept(follow_up)
        last = follow_up.id


async def test_a_message_to_a_number_into_the_same_conversation_is_its_last_answer(
    store: CommandStore, pool: Pool
) -> None:
    first = answer(None)
    await store.accept(first)
    last = await accept_and_decide(store, pool, "accepted", offered=True)
    for _ in range(2):
        for stale in (None, first.id):
            with pytest.raises(AnsweredMeanwhile) as refused:
                await store.accept(answer(stale))
            assert (refused.value.last, refused.value.department) == (last.id, "kcc")
        tries = [answer(last.id) for _ in range(20)]
        results = await asyncio.gather(*map(store.accept, tries), return_exceptions=True)
        [first] = [t for t, r in zip(tries, results, strict=True) if not isinstance(r, Exception)]
        last = await accept_and_decide(store, pool, "sent", offered=True)


async def test_a_reaction_is_no_answer_and_is_not_given_to_who_missed_one(
    store: CommandStore, pool: Pool
) -> None:
    first = answer(None)
    await store.accept(first)
    with pytest.raises(AnsweredMeanwhile):
        await store.accept(msgspec.structs.replace(answer(None), is_answer=False))
    for seen in (UNSET, first.id):
        reaction = msgspec.structs.replace(answer(seen), is_answer=False)
        await store.accept(reaction)
        await decide(pool, reaction, "accepted", offered=True, type="reaction")
    await store.accept(answer(first.id))


async def test_the_department_of_an_answer_is_known_before_the_router_has_seen_it(
    store: CommandStore,
) -> None:
    await store.accept(msgspec.structs.replace(answer(None), department="jeugd"))
    with pytest.raises(AnsweredMeanwhile) as refused:
        await store.accept(answer(None))
    assert refused.value.department == "jeugd"


def later(order: NewCommand) -> NewCommand:
    """The same, when it counts no more unless it was confirmed meanwhile."""
    return msgspec.structs.replace(order, at=order.at + UNCONFIRMED_LIFETIME + timedelta(seconds=1))


async def test_an_answer_that_was_never_confirmed_stands_in_nobodys_way_for_long(
    store: CommandStore,
) -> None:
    lost, colleague = answer(None), later(answer(None))
    await store.accept(lost)
    with pytest.raises(AnsweredMeanwhile):
        await store.accept(answer(None))
    await store.accept(colleague)
    await store.confirm(colleague.id, clock.now())
    with pytest.raises(AnsweredMeanwhile) as refused:
        await store.accept(later(lost))
    assert refused.value.last == colleague.id
    with pytest.raises(AnsweredMeanwhile):
        await store.accept(later(answer(lost.id)))


async def test_an_answer_that_was_never_confirmed_takes_its_turn_anew_when_it_comes_again(
    store: CommandStore,
) -> None:
    lost = answer(None)
    await store.accept(lost)
    again, others = later(lost), [later(answer(None)) for _ in range(7)]
    results = await asyncio.gather(*map(store.accept, [again, *others]), return_exceptions=True)
    assert sum(not isinstance(result, Exception) for result in results) == 1
    assert {type(r) for r in results} == {StoredCommand, AnsweredMeanwhile}


@pytest.mark.parametrize("confirmed", [True, False])
async def test_safe_answer_counts_whatever_its_age(
    store: CommandStore, pool: Pool, confirmed: bool
) -> None:
    """Its publish was confirmed, or the router has it though nobody heard."""
    safe = answer(None)
    await store.accept(safe)
    if confirmed:
        await store.confirm(safe.id, clock.now())
    else:
        await decide(pool, safe, "accepted", offered=True)
    with pytest.raises(AnsweredMeanwhile):
        await store.accept(later(answer(None)))
    await store.accept(later(answer(safe.id)))
    assert (await store.accept(later(safe))).confirmed is confirmed


_LINE = """
insert into deliverer.ledger (id, number, conversation, place, person, address_kind, address,
    content, state, created_at, due_at)
values ($1, '106540352242922', $2, 1, $1, 'phone', '31600000011', '{}', $3, now(), now())
"""
