"""The page on terms has every table that a migration makes, every term, and what is cleared."""

import re
from pathlib import Path

import pytest

import deliverer.ended_rows
import gateway.ended_rows
import router.ended_rows
from services.clearing import Clearing
from services.config.model import ConfigError, parse
from services.config.terms import Terms
from tests.support.router.batch_office import CONFIG

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/operators/terms.md").read_text()
PLACES = PAGE.partition("## Every place")[2]
CLEARINGS = (
    *gateway.ended_rows.CLEARINGS, *router.ended_rows.clearings(CONFIG.numbers),
    *deliverer.ended_rows.CLEARINGS,
)  # fmt: skip
TABLE = r"([a-z]+\.[a-z_]+)"
DESTRUCTION = (ROOT / "docs/operators/destruction.md").read_text()
FORGETTING = ("archiver", "router", "deliverer", "gateway", "desk")
"""Services that forget conversations by a function of their own."""


def lines() -> dict[str, tuple[str, str]]:
    """Table -> when its rows end, and by whom."""
    rows = re.findall(r"^\| (.*?) \| .*? \| (.*) \| (.*?) \|$", PLACES, re.MULTILINE)
    return {
        name: (ends, by) for where, ends, by in rows for name in re.findall(f"`{TABLE}`", where)
    }


def made_tables() -> set[str]:
    """All tables that the migrations make and leave, but for partitions."""
    made = set[str]()
    for path in sorted(ROOT.glob("*/migrations/*.sql")):
        sql = path.read_text()
        made -= set(re.findall(rf"^drop table {TABLE}", sql, re.MULTILINE))
        pattern = rf"^create (?:unlogged )?table {TABLE} \("
        made |= set(re.findall(pattern, sql, re.MULTILINE))
    return made


def test_each_table_has_a_line() -> None:
    assert lines().keys() == made_tables()


@pytest.mark.parametrize("rows", CLEARINGS, ids=lambda rows: rows.name)
def test_cleared_row_has_its_term_and_its_service_on_the_line(rows: Clearing) -> None:
    ends, by = lines()[rows.table]
    assert f"`{rows.term}`" in ends
    assert by == rows.table.partition(".")[0]


def test_each_term_has_a_ground_and_clears_something() -> None:
    grounds = dict(re.findall(r"^\| `(\w+_days)` \| (\w+).*: ", PAGE, re.MULTILINE))
    assert grounds.keys() == Terms.model_fields.keys() == {rows.term for rows in CLEARINGS}


def test_decisions_go_before_what_they_sent_out() -> None:
    with pytest.raises(ConfigError, match="at least inbox_days") as refused:
        parse("[terms]\ninbox_days = 60\n", "postkamer.toml")
    assert any(fault.line == 1 for fault in refused.value.faults)


def fates() -> dict[str, str]:
    """Table -> what becomes of its rows about a conversation that is destroyed."""
    places = DESTRUCTION.partition("## Every place")[2].partition("Beside the tables")[0]
    rows = re.findall(r"^\| (`.*?) \| .*? \| (.*) \|$", places, re.MULTILINE)
    return {name: fate for where, fate in rows for name in re.findall(f"`{TABLE}`", where)}


def forgotten_tables() -> dict[str, set[str]]:
    """Action of the functions that forget -> tables that they do it to."""
    done: dict[str, set[str]] = {"delete from": set(), "update": set()}
    for service in FORGETTING:
        for path in (ROOT / service / "migrations").glob("*.sql"):
            pattern = (
                r"^create (?:or replace )?function \w+\.forget(?!_processing|_municipality).*?\$\$;"
            )
            for body in re.findall(pattern, path.read_text(), re.MULTILINE | re.DOTALL):
                for verb, tables in done.items():
                    tables.update(re.findall(rf"\b{verb} {TABLE}", body))
    return done


def test_each_table_has_a_fate_when_a_conversation_is_destroyed() -> None:
    assert fates().keys() == made_tables()


def test_forgetting_does_to_each_table_what_the_page_says() -> None:
    done = forgotten_tables()
    said = {
        word: {table for table, fate in fates().items() if fate.startswith(word)}
        for word in ("deleted", "emptied", "own term", "stays")
    }
    assert sum(map(len, said.values())) == len(fates())
    assert said["deleted"] == done["delete from"]
    assert said["emptied"] == done["update"]
