"""The table of tables is whole and agrees with itself, and every place was decided about."""

import re
from pathlib import Path

import pytest

from archiver.open_copy.columns import TABLES, Table
from archiver.open_copy.rows import SHAPES
from tests.unit.docs.test_terms import made_tables

READ_IN_PYTHON = {
    "archiver.entry", "archiver.declaration", "archiver.media", "router.version",
    "router.approval", "desk.standard_answer",
}  # fmt: skip
LEFT_OUT = {
    "keys": {
        "archiver.conversation_key", "archiver.municipality_key", "router.brought_key",
        "sealing.oldest_archive_key",
        "sealing.working_key",
    },
    "follows from the record": {
        "archiver.searchable", "archiver.subject", "archiver.destroyed_conversation",
        "archiver.dossier_progress", "archiver.handover_progress", "archiver.renewal",
        "archiver.rewritten", "archiver.late_look", "archiver.destruction_notice",
    },
    "proves the log, for an installation": {
        "archiver.head", "archiver.node", "archiver.checkpoint", "archiver.cosignature",
        "archiver.time_stamp", "archiver.destruction_order", "archiver.destruction_rule",
        "archiver.former_log", "archiver.former_leaves", "archiver.former_entry",
    },
    "of an installation, sealed until a person decides": {
        "archiver.quarantine", "router.quarantine",
    },
    "state of a process, or of what is on the record": {
        f"router.{name}" for name in (
            "cleared", "consent", "conversation", "early_status", "gap", "heard", "held",
            "identity", "inbox", "lease", "opt_out", "outgoing", "sighting", "silence", "source",
            "in_force", "proposed_version", "standing", "suspect", "taken_version", "template",
            "timer", "waiting", "withdrawal",
        )
    },
}  # fmt: skip
WORKING_SCHEMAS = {
    "access", "balance", "deliverer", "desk", "gateway", "restoration", "sharing",
}  # fmt: skip
"""Schemas of which every other table is working data: a copy of what is on the record, or state of
a process."""


RESERVED = {
    "all", "and", "as", "asc", "at", "between", "by", "case", "check", "column", "current_date",
    "default", "desc", "distinct", "end", "for", "from", "group", "having", "in", "is", "join",
    "left", "like", "limit", "not", "null", "offset", "on", "or", "order", "select", "table",
    "then", "to", "union", "user", "using", "when", "where", "window", "with",
}  # fmt: skip
"""Words that some SQL takes as its own: a column of that name must be quoted each time."""


def places_in_copy() -> set[str]:
    found = {
        re.search(r"\bfrom ((archiver|router)\.\w+) t\b", each.rows) for each in TABLES.values()
    }
    return {each[1] for each in found if each} | READ_IN_PYTHON


def test_each_place_is_copied_or_left_out_for_a_reason() -> None:
    decided = places_in_copy() | {name for names in LEFT_OUT.values() for name in names}
    undecided = {
        name for name in made_tables() - decided
        if name.partition(".")[0] not in WORKING_SCHEMAS
    }  # fmt: skip
    assert undecided == set()
    assert decided <= made_tables()


def test_kind_of_record_has_one_table_at_most() -> None:
    kinds = [kind for table in TABLES.values() for kind in table.kinds]
    assert len(kinds) == len(set(kinds))


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_table_agrees_with_itself(table: Table) -> None:
    names = [each.name for each in table.columns]
    assert len(names) == len(set(names)) and set(table.key) <= set(names)
    assert not RESERVED & {table.name, *names}
    assert {each.type for each in table.columns} <= SHAPES.keys()
    assert all(each.en and each.nl and each.source for each in table.columns)
    texts = [table.en, table.nl, *(text for each in table.columns for text in (each.en, each.nl))]
    assert not any("|" in text or "\n" in text for text in texts)  # they stand in a table
    assert not table.is_of_conversations or table.conversation_column in names
    is_of_log = bool(table.kinds) or table.is_of_log
    assert is_of_log != table.is_beside_log and not (is_of_log and table.rows)


def test_package_data_is_in_the_folder_of_its_code() -> None:
    folder = Path(__file__).parents[4] / "archiver" / "open_copy"
    assert [path.name for path in folder.glob("*.toml")] == ["tables.toml"]
