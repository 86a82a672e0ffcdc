"""Rounds of the balance while the archiver runs, and their metrics."""

import asyncio

import structlog

from archiver.balance.acceptances import Acceptances
from archiver.balance.round import OtherCluster, run_round
from archiver.balance.sheet import Sheet
from archiver.balance.store import count_gaps, load_sheet
from archiver.encryption.key_store import KeyStore
from services import metrics
from services.postgres.database import Pool, retry_while_unavailable

ROUND_SECONDS = 30.0
"""Pause between rounds. Two of them must pass before something is missing."""

log = structlog.get_logger()


async def keep_balance(pool: Pool, keys: KeyStore) -> None:
    """Run rounds until cancelled. No failure here ends the archiver: an alarm sees that the balance
    stands."""
    acceptances = Acceptances(keys)
    while True:
        try:
            await retry_while_unavailable(lambda: acceptances.compare(pool), "balance")
            is_full = await _draw_up(pool)
        except OtherCluster:
            log.error("balance.restored", reason="see the restore in docs/operators/balance.md")
            is_full = False
        except Exception as error:
            log.error("balance.failed", exc_info=error)
            is_full = False
        if not is_full:
            await asyncio.sleep(ROUND_SECONDS)


async def _draw_up(pool: Pool) -> bool:
    """Run a round and set the metrics. Return True if more is waiting to be taken."""
    result = await retry_while_unavailable(lambda: run_round(pool), "balance")
    if result and result.missing:
        log.error("balance.missing", count=result.missing)
    if result and result.is_full:
        return True
    show_sheet(await retry_while_unavailable(lambda: load_sheet(pool, listed=0), "balance"))
    gaps = await retry_while_unavailable(lambda: count_gaps(pool), "balance")
    metrics.batches_missing.clear()
    for partition, count in gaps.items():
        metrics.batches_missing.labels(partition=partition).set(count)
    return False


def show_sheet(sheet: Sheet) -> None:
    """Set the metrics to the sheet."""
    for line in sheet.lines:
        for part, count in line.parts.items():
            labels = {"equation": line.equation, "subject": line.subject, "part": part}
            metrics.balance.labels(**labels).set(count)
    for equation, count in sheet.missing_counts.items():
        metrics.balance_missing.labels(equation=equation).set(count)
    metrics.balance_differences.set(sum(line.difference != 0 for line in sheet.lines))
    if sheet.round_at:
        metrics.balance_round.set(sheet.round_at.timestamp())
