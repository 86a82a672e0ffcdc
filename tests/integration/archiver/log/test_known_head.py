"""A log that is bent before it is signed is found by the process that wrote it."""

import pytest

from archiver.log.checkpoint_signer import sign_checkpoint
from archiver.log.writer import Writer
from services import metrics
from tests.support.archiver.records import message
from tests.support.archiver.signed_log import ENTRIES, Log
from tests.support.archiver.tampering import Deed, load_head, rewrite

LAST = ENTRIES + 4
"""Position of the last entry that was not signed yet."""
CHANGED = f"update archiver.entry set department = 'afval' where position = {ENTRIES + 2}"
BENDINGS: dict[str, tuple[Deed, tuple[str, int]]] = {
    "changed": (rewrite(CHANGED, checkpoints=False), ("root", ENTRIES)),
    "removed": (
        rewrite(f"delete from archiver.entry where position = {ENTRIES + 2}", checkpoints=False),
        ("short", LAST),
    ),
    "last removed": (
        rewrite(f"delete from archiver.entry where position = {LAST}", checkpoints=False),
        ("short", LAST),
    ),
}


def forks() -> float:
    return metrics.REGISTRY.get_sample_value("postkamer_archive_forks_total") or 0.0


@pytest.mark.parametrize(("bend", "finding"), BENDINGS.values(), ids=BENDINGS)
@pytest.mark.parametrize("goes_on", [True, False], ids=["more is written", "nothing is written"])
async def test_log_that_was_bent_before_signing_is_told_and_named_from_then_on(
    log: Log, bend: Deed, finding: tuple[str, int], *, goes_on: bool
) -> None:
    before = forks()
    await log.grow(5)
    await bend(log)
    if goes_on:
        await log.grow(3)
    await log.sign(log.writer.known)
    assert forks() - before == 1
    found = await log.found()
    assert found and found[0] == (finding if not goes_on else ("root", ENTRIES)), found
    await log.grow(20)
    await log.sign(log.writer.known)
    what, position = (await log.found())[0]
    assert (forks() - before, what) == (1, "root") and position and position >= ENTRIES


async def test_log_that_others_continue_is_no_fork(log: Log) -> None:
    before, other = forks(), Writer(log.pool, log.keys)
    for n in range(3):
        await log.grow(5)
        await other.add([message(text=f"een ander {n} {k}") for k in range(7)])
        await log.erase(n)
        if n == 1:
            await log.sign(other.known)
    assert await log.sign(log.writer.known) == (await load_head(log.pool)).size
    assert (forks() - before, await log.findings()) == (0, [])


async def test_batch_that_is_rolled_back_is_not_known(log: Log) -> None:
    before, head = forks(), await load_head(log.pool)
    await log.grow(1)
    constraint = "alter table archiver.head add constraint full_up check (size <= {}) not valid"
    await log.pool.execute(constraint.format(head.size + 1))
    with pytest.raises(Exception, match="full_up"):
        await log.grow(1)
    await log.pool.execute("alter table archiver.head drop constraint full_up")
    await log.grow(1)
    await sign_checkpoint(log.pool, log.signer, log.outside, log.writer.known)
    assert (forks() - before, await log.findings()) == (0, [])
