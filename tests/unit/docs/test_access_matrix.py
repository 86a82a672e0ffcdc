"""Each operation of all APIs and each command has its entry in the matrix of who may do what."""

import re
from pathlib import Path

from cli.main import main
from cli.support.person import PERSONAL
from tests.support.access_matrix import KINDS, MATRIX, name_of
from tests.support.api_operations import operations
from tests.support.cli.command_matrix import COMMANDS
from tests.support.cli.command_tree import walk_commands

ROOT = Path(__file__).parents[3]


def test_each_operation_has_its_roles_and_its_entry_in_the_matrix() -> None:
    described = {name_of(each): tuple(each.roles) for each in operations()}
    decided = {name: entry.roles for name, entry in MATRIX.items()}
    assert {name: set(roles) for name, roles in decided.items()} == {
        name: set(roles) for name, roles in described.items()
    }


def test_operation_is_open_only_if_its_document_asks_for_no_token() -> None:
    described = {name_of(each) for each in operations() if not each.needs_token}
    assert {name for name, entry in MATRIX.items() if entry.scope == "open"} == described
    assert all(not MATRIX[name].roles for name in described)


def test_every_token_will_do_for_the_access_of_the_token_itself_alone() -> None:
    roleless = {name for name, entry in MATRIX.items() if entry.scope != "open" and not entry.roles}
    assert roleless == {"gateway GET /v1/access"}


def test_no_kind_of_token_sees_a_confidential_department_unless_that_was_said() -> None:
    for kind in KINDS.values():
        named = "belastingen" in kind.departments
        assert ("confidential" in kind.sees) <= (named or kind.confidential or kind.is_old)


def test_each_command_has_its_need_and_its_operation_a_role() -> None:
    assert COMMANDS.keys() == dict(walk_commands(main)).keys()
    personal = {name for name, need in COMMANDS.items() if need.is_personal}
    assert personal == PERSONAL.keys()
    called = {need.operation for need in COMMANDS.values() if need.kind == "token"}
    assert all(MATRIX[operation].roles for operation in called)
    for name, role in PERSONAL.items():
        need = COMMANDS[name]
        assert need.kind == "database" or role in MATRIX[need.operation].roles


SOMETIMES = {"balance accept", "balance begin", "archive prove"}
"""Operations of an option: where they are recorded, their person must be proven too."""


def test_each_command_that_is_recorded_needs_a_person() -> None:
    sources = [path.read_text() for path in (ROOT / "cli").rglob("*.py")]
    found = {name for text in sources for name in re.findall(r'\bwhat="([a-z -]+)"', text)}
    recorded = {name.partition(" --")[0] for name in found} - SOMETIMES
    assert len(recorded) > 20
    assert recorded - PERSONAL.keys() == set()


def test_page_about_identity_has_each_command_of_a_person_with_its_role() -> None:
    page = (ROOT / "docs" / "operators" / "identity.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", page, re.MULTILINE))
    assert rows.keys() == {*PERSONAL.values()}
    for name, role in PERSONAL.items():
        words = re.sub("^archive |(?<=request) .*", "", name).split()
        assert all(re.search(rf"\b{word}\b", rows[role]) for word in words), name
