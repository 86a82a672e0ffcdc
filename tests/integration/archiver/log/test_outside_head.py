"""An entry removed from the log in its last minute is found after a kill, by the head outside."""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
import pytest

from archiver.log import outside_head
from archiver.log.known_head import KnownHead
from archiver.log.log_loss import Cause, ServerState, read_losses, read_server
from archiver.log.outside_head import KEPT, HeadKeeper, decode_head, encode_head, read_heads
from archiver.log.writer import Writer
from services import clock, metrics
from services.files import object_store
from services.files.object_store import ObjectStore, StoreUnavailable
from services.postgres.database import Connection
from services.transparency.merkle import Tree
from tests.support.archiver.signed_log import ENTRIES, Log
from tests.support.archiver.tampering import Deed, rewrite

KEY = bytes(range(32))
LAST = ENTRIES + 4
BENDINGS: dict[str, Deed] = {
    "changed": rewrite(
        f"update archiver.entry set department = 'afval' where position = {ENTRIES + 2}",
        checkpoints=False,
    ),
    "removed": rewrite(
        f"delete from archiver.entry where position = {ENTRIES + 2}", checkpoints=False
    ),
    "last removed": rewrite(
        f"delete from archiver.entry where position = {LAST}", checkpoints=False
    ),
    "last two removed": rewrite(
        f"delete from archiver.entry where position >= {LAST - 1}", checkpoints=False
    ),
}


def forks() -> float:
    return metrics.REGISTRY.get_sample_value("postkamer_archive_forks_total") or 0.0


def keeper(log: Log, known: KnownHead | None = None) -> HeadKeeper:
    return HeadKeeper(log.pool, known or log.writer.known, log.outside, KEY)


async def restart(log: Log) -> HeadKeeper:
    """Go on as a process of which the one before was killed."""
    log.writer = Writer(log.pool, log.keys)
    kept = keeper(log)
    await kept.compare()
    return kept


async def found(log: Log) -> list[str]:
    return await log.kinds(heads=await read_heads(log.outside, KEY))


@pytest.mark.parametrize("bend", BENDINGS.values(), ids=BENDINGS)
async def test_log_bent_before_a_kill_is_told_at_the_next_start_and_named(
    log: Log, bend: Deed
) -> None:
    before = forks()
    await log.grow(5)
    await keeper(log).keep()
    await bend(log)
    assert await log.kinds() == [], "nothing else says it"
    assert (await found(log))[0] in ("root", "short")
    await restart(log)
    assert forks() - before == 1
    await log.grow(3)
    await log.sign(log.writer.known)
    assert (await log.kinds())[0] == "root", "from then on a checkpoint says it too"


async def test_log_that_goes_on_after_a_kill_is_right(log: Log) -> None:
    before = forks()
    await log.grow(5)
    await keeper(log).keep()
    await log.grow(2)
    kept = await restart(log)
    await log.grow(3)
    await kept.keep()
    await log.erase(0)
    assert (forks() - before, await found(log)) == (0, [])


async def test_newest_heads_are_kept_and_what_is_no_head_of_ours_says_nothing(log: Log) -> None:
    forged = Tree(3, [bytes(32), bytes(32)])
    for at, content in enumerate((b"{}", encode_head(forged, clock.now(), bytes(32)), b"x" * 9000)):
        await log.outside.create(object_store.head_key(at), content)
    kept = await restart(log)
    for _ in range(KEPT):
        await log.grow(1)
        await kept.keep()
        await kept.keep()
    heads = await read_heads(log.outside, KEY)
    assert [head.size for head in heads] == [*range(ENTRIES + 1, ENTRIES + KEPT + 1)]
    assert len([name async for name in log.outside.keys(object_store.HEADS)]) == KEPT
    assert await found(log) == []


async def test_proof_of_a_bending_stays_until_it_is_signed(log: Log) -> None:
    await log.grow(5)
    await keeper(log).keep()
    await BENDINGS["removed"](log)
    kept = await restart(log)
    for _ in range(KEPT + 2):
        await log.grow(1)
        await kept.keep()
    assert len(await read_heads(log.outside, KEY)) == KEPT
    assert len([name async for name in log.outside.keys(object_store.HEADS)]) == KEPT + 3
    await log.sign(log.writer.known)
    await log.grow(1)
    await kept.keep()
    assert len([name async for name in log.outside.keys(object_store.HEADS)]) == KEPT


async def test_bending_is_told_at_one_start_once_it_is_signed(log: Log) -> None:
    before = forks()
    for count in (3, 2):
        await log.grow(count)
        await keeper(log).keep()
    await BENDINGS["last removed"](log)
    for told in (1, 2):
        await restart(log)
        assert forks() - before == told, "an archiver that ended before it signed tells nobody"
    kept = await restart(log)
    await log.sign(log.writer.known)
    await kept.keep()
    before = forks()
    kept = await restart(log)
    assert (forks() - before, len(await read_heads(log.outside, KEY))) == (0, 1)


async def test_store_that_is_away_stops_nothing(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: object) -> None:
        raise StoreUnavailable("it is away")

    with monkeypatch.context() as patch:
        patch.setattr(ObjectStore, "create", away)
        kept = keeper(log)
        await log.grow(1)
        with pytest.raises(StoreUnavailable):
            await kept.keep()
    await kept.keep()
    assert [head.size for head in await read_heads(log.outside, KEY)] == [ENTRIES + 1]


async def test_loss_is_noted_as_it_was_though_the_store_was_away_at_the_start(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = forks()
    await log.grow(5)
    await keeper(log).keep()
    await BENDINGS["last removed"](log)
    log.writer = Writer(log.pool, log.keys)
    kept = keeper(log)
    with monkeypatch.context() as patch:
        patch.setattr(outside_head, "COMPARE_SECONDS", 0.01)
        patch.setattr(outside_head, "_list_names", hang)
        await kept.begin()
    await log.grow(3)
    await kept.compare()
    await log.sign(log.writer.known)
    await kept.keep()
    assert forks() - before == 1
    await kept.compare()  # what another archiver kept since is no loss
    assert forks() - before == 1
    assert await noted(log) == [(LAST, LAST + 1)]


async def hang(_: ObjectStore) -> None:
    await asyncio.Event().wait()


async def test_one_loss_that_two_archivers_find_is_noted_and_signed_once(log: Log) -> None:
    other = Writer(log.pool, log.keys)
    first, second = keeper(log), keeper(log, other.known)
    await log.grow(4)
    await log.sign(other.known)
    await log.grow(1)
    for each in (first, second):
        await each.keep()
    await BENDINGS["last two removed"](log)
    await log.grow(9)
    await first.keep()
    await log.sign(other.known)
    await second.keep()
    assert await noted(log) == [(LAST - 1, LAST + 1)]
    assert [len(each.lost) for each in (log.writer.known, other.known)] == [1, 0]


async def test_head_is_kept_anew_on_another_server_once_the_log_there_goes_on(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = keeper(log)
    await log.grow(5)
    await kept.keep()
    for time_line in (8, 9):
        monkeypatch.setattr(outside_head, "read_server", on_time_line(time_line))
        await kept.keep()
        await kept.keep()
        heads = await read_heads(log.outside, KEY)
        assert [head.size for head in heads] == [LAST + 1] * (time_line - 6)
        newest = outside_head.largest_head(heads)
        assert newest and newest.server and newest.server.time_line == time_line
    await BENDINGS["last removed"](log)  # or a failover lost it
    monkeypatch.setattr(outside_head, "read_server", on_time_line(10))
    await kept.keep()
    [loss] = await read_losses(log.outside, KEY)
    assert (loss.size, loss.kept_size, loss.cause) == (LAST, LAST + 1, Cause.RESTORED)


def on_time_line(time_line: int) -> Callable[[Connection], Awaitable[ServerState]]:
    async def read(connection: Connection) -> ServerState:
        return msgspec.structs.replace(await read_server(connection), time_line=time_line)

    return read


async def noted(log: Log) -> list[tuple[int, int]]:
    """Entries that were left and that there were, of each loss that is noted."""
    return [(loss.size, loss.kept_size) for loss in await read_losses(log.outside, KEY)]


def test_head_that_was_changed_is_none_of_ours() -> None:
    tree = Tree(5, [bytes(32), bytes([1] * 32)])
    content = encode_head(tree, clock.now(), KEY)
    head = decode_head(content, KEY)
    assert head and (head.size, head.tree.root()) == (5, tree.root())
    for bent in (content.replace(b":5,", b":6,"), content[:-1], b"[]", b""):
        assert decode_head(bent, KEY) is None
    assert decode_head(content, bytes(32)) is None
