"""The connection over which tests ask, against `psql`: the same words for the same question."""

import pytest

from deploy.local.postgresql import Database
from tests.support.kept_pool import KeptPool, fetch_text

QUESTIONS = (
    r"select 'a|b', null, e'two\nlines\t\\n \\ |', '', true, 1.50::numeric, '\x00ff'::bytea",
    "select * from (values (1, array['x', null]), (2, '{}')) as v order by 1",
    "select timestamptz '2026-03-29 01:30:00.5+01', interval '1 day 2 hours', 0.1::float8",
    "select null",
    "select 1 where false",
    "with x as (select jsonb_build_object('é', e'\\u0001')) select * from x",
)


@pytest.mark.parametrize("question", QUESTIONS)
async def test_kept_connection_answers_as_psql_does(server: Database, question: str) -> None:
    kept = KeptPool()
    try:
        found = kept.run(server.url, lambda pool: fetch_text(pool, question))
        assert found == server.execute(question)
    finally:
        kept.close()


def test_question_after_a_lost_connection_has_an_answer(server: Database) -> None:
    kept, end = KeptPool(), "select pg_terminate_backend(pid) from pg_stat_activity where pid = {}"
    try:
        pid = kept.run(server.url, lambda pool: fetch_text(pool, "select pg_backend_pid()"))
        server.execute(end.format(pid))
        ask = [kept.run(server.url, lambda pool: fetch_text(pool, "select 1")) for _ in range(2)]
        assert ask[-1] == "1"
    finally:
        kept.close()
