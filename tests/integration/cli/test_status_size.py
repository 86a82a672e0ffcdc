"""Questions of `postkamer status` cost the same however full the tables are."""

import json
from typing import Any

import pytest

from cli.status.answers import Scope
from cli.status.queries import list_queries
from cli.status.snapshot import CAP
from services.postgres.database import Pool
from tests.support.integration.full_tables import fill_tables

ROWS = 20_000
"""Rows of each table, some thousand pages in all."""
MOST_PAGES = 60
"""Pages that one question may read: a few for each index that it looks into."""
SCOPE = Scope(partitions=2, destinations=["crm", "piket"], numbers=["10000001", "20000001"])
NOT_ABOUT_ROWS = {"database", "sessions"}


def count_pages(plan: dict[str, Any]) -> int:
    pages: int = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
    return pages


@pytest.mark.slow
async def test_no_question_reads_a_table_whole(pool: Pool) -> None:
    await fill_tables(pool, ROWS)
    pages = {}
    for name, (sql, parameters) in list_queries(SCOPE).items():
        if name not in NOT_ABOUT_ROWS:
            explain = f"explain (analyze, buffers, format json) {sql}"
            await pool.fetchval(explain, *parameters)  # the first one also reads the catalogue
            [answer] = json.loads(await pool.fetchval(explain, *parameters))
            pages[name] = count_pages(answer["Plan"])
    assert max(pages.values()) <= MOST_PAGES, pages


@pytest.mark.slow
async def test_counts_stop_at_their_limit(pool: Pool) -> None:
    await pool.execute(
        """insert into deliverer.delivery
            (destination, event, tenant, conversation, state, attempts, status, at)
        select 'crm', gen_random_uuid(), 'almelo', 'c', 'parked', 1, 422, now()
        from generate_series(1, $1) n""",
        CAP + 500,
    )
    sql, parameters = list_queries(SCOPE)["destinations"]
    [crm, _] = await pool.fetch(sql, *parameters)
    assert crm["parked"] == CAP + 1
