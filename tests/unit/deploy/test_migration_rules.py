"""Migrations after 0.1.0 take nothing away from services of the release before."""

import re
from pathlib import Path

import pytest

from cli.services import MIGRATION_ORDER
from deploy.migration_rules import BASELINE, broken_rules
from services.postgres.migrations import migrations

ROOT = Path(__file__).parents[3]
RELEASED = re.compile(r"^## (\d+\.\d+\.\d+) \(\d{4}-\d\d-\d\d\)$", re.MULTILINE)

TAKES_AWAY = {
    "drop table a.x": "takes away what it may use: drop table a.x",
    "drop function a.f(int)": "takes away what it may use: drop function a.f(int)",
    "drop index a.i": "takes away what it may use: drop index a.i",
    "alter table a.x drop column y": "drops a column: alter table a.x drop column y",
    "alter table a.x add column z int, drop y": "drops a column: alter table a.x add column z int,"
    " drop y",
    "alter table a.x rename to y": "renames",
    "ALTER TABLE a.x\n    RENAME COLUMN y TO z": "renames",
    "alter function a.f(int) rename to g": "renames",
    "alter table a.x add column y int not null": "demands a value that it leaves out",
    "alter table a.x add y int not null check (y > 0), add z int not null default 0": "demands",
    "alter table a.x alter column y set not null": "demands a value that it may leave out",
    "alter table a.x alter y drop default": "takes away the value that it leaves out",
    "alter table a.x alter y drop not null": "lets in a null",
    "alter table a.x alter column y type varchar(5)": "changes the type",
    "alter table a.x alter y set data type int": "changes the type",
    "alter table a.x add check (y > 0)": "forbids what it may write",
    "alter table only a.x add constraint y_y unique (y)": "forbids what it may write",
    "create unique index i on a.x (y)": "forbids what it may write",
    "alter table a.x drop constraint x_pkey": "drops a constraint",
    "alter table a.x enable row level security": "hides rows",
    "revoke select on a.x from postkamer_router": "takes a right away",
    "do $$ begin if true then alter table a.x drop y; end if; end $$": "drops a column",
    "do $$ begin execute format('drop table a.%I', 'x'); end $$": "takes away what it may use",
}
"""Statement -> beginning of what is said of it."""
ADDS = [
    "create table a.x (y text not null check (y in ('1', '2')), z text unique)",
    "alter table a.x add column y int",
    "alter table a.x add y text not null default ''",
    "alter table a.x add column y int generated always as identity not null",
    "alter table a.x add column y text check (y <> '')",
    "create index i on a.x (y)",
    "create or replace function a.f() returns int language sql as $$ drop table a.x $$",
    "drop trigger t on a.x",
    "alter table a.x drop constraint x_y_check; alter table a.x"
    " add constraint x_y_check check (y in ('old', 'older', 'new'))",
    "-- drop table a.x;\nselect 'drop table a.x'",
    "create table b.n (y int); alter table b.n alter y set not null;"
    " create unique index on b.n (y)",
    "create function b.f() returns int language sql as 'select 1';"
    " revoke all on function b.f() from public",
]
EARLIER = """
create table a.x (y text not null check (y in ('old', 'older')), z text);
create table a.z (y text not null check (y in ('new')));
"""


@pytest.mark.parametrize(("statement", "said"), TAKES_AWAY.items())
def test_statement_that_takes_away_is_refused_with_its_reason(statement: str, said: str) -> None:
    [found] = broken_rules(f"-- A column.\n{statement};\n", EARLIER, set())
    assert found.startswith(said)


@pytest.mark.parametrize("sql", ADDS)
def test_statement_that_adds_is_no_fault(sql: str) -> None:
    assert broken_rules(sql, EARLIER, set()) == []


def test_check_that_allows_less_or_something_else_is_refused() -> None:
    narrower = "alter table a.x drop constraint x_y_check; alter table a.x add constraint x_y_check"
    assert len(broken_rules(f"{narrower} check (y in ('new'))", EARLIER, set())) == 2
    assert len(broken_rules(f"{narrower} check (z in ('old', 'older'))", EARLIER, set())) == 2


def test_contract_names_a_release_that_stopped_using_what_goes() -> None:
    sql = "-- contract: 0.2.0\ndrop table a.x;\n"
    assert broken_rules(sql, "", {"0.1.0", "0.2.0"}) == []
    assert broken_rules(sql, "", {"0.1.0"}) == ["0.2.0 was never released"]
    assert len(broken_rules(f"-- Why.\n{sql}", "", {"0.2.0"})) == 1  # not its first line


@pytest.mark.parametrize("folder", MIGRATION_ORDER)
def test_migrations_after_the_first_release_keep_the_rules(folder: str) -> None:
    releases = set(RELEASED.findall((ROOT / "CHANGELOG.md").read_text(encoding="utf-8")))
    found = migrations(folder, ROOT / folder / "migrations")
    assert found[-1].number >= BASELINE[folder]
    for n, each in enumerate(found):
        if each.number > BASELINE[folder]:
            earlier = "".join(one.sql for one in found[:n])
            assert broken_rules(each.sql, earlier, releases) == [], each.name
