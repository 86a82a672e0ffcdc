"""Questions of `postkamer status` cost the same however full the tables are."""

import json
from typing import Any

import pytest

from cli.status.answers import Answers, Scope
from cli.status.assembly import build_snapshot
from cli.status.queries import list_queries
from cli.status.snapshot import CAP
from services import clock
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


async def test_oldest_undelivered_event_is_one_that_is_under_way(pool: Pool) -> None:
    await pool.execute(
        """insert into balance.open (equation, id, subject, part, began_at)
        select equation, gen_random_uuid(), subject, part, now() - make_interval(hours => hours)
        from (values ('delivery', 'crm', 'under way', 2), ('delivery', 'crm', 'waiting', 1),
            ('delivery', 'crm', 'parked', 9), ('send', 'crm', 'under way', 9),
            ('delivery', 'piket', 'under way', 3)) open (equation, subject, part, hours)"""
    )
    sql, parameters = list_queries(SCOPE)["undelivered"]
    hours = f"select destination, (extract(epoch from now() - since) / 3600)::int from ({sql}) x"
    assert dict(await pool.fetch(hours, *parameters)) == {"crm": 2, "piket": 3}


async def test_events_wait_visibly_for_what_left_the_configuration(pool: Pool) -> None:
    await pool.execute(
        """insert into router.waiting (partition, destination, n, event, delivery, size, total)
        select partition, destination, n, gen_random_uuid(), '', 0, 0
        from (values (0, 'crm', 4), (0, 'crm', 5), (7, 'crm', 1), (1, 'gone', 1), (1, 'gone', 2))
            waiting (partition, destination, n)"""
    )
    sql, parameters = list_queries(SCOPE)["waiting_events"]
    rows = await pool.fetch(sql, *parameters)
    assert {row["destination"]: row["waiting"] for row in rows} == {"crm": 3, "gone": 2}
    answers = Answers(rows={"waiting_events": [dict(row) for row in rows], "destinations": []})
    assert {each.id for each in build_snapshot(answers, clock.now()).destinations} == {
        "crm",
        "gone",
    }
