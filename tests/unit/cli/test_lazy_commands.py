"""A command is imported when it runs, and is there under its own name."""

import subprocess
import sys

import click
import pytest

from cli.archive.group import group as archive
from cli.main import main, route
from cli.support.lazy_group import LazyGroup

HEAVY = {"pydantic", "asyncpg", "aio_pika", "aiohttp", "structlog", "services.config", "router"}


@pytest.mark.parametrize(
    ("group", "name"), [(group, name) for group in (main, route, archive) for name in group.places]
)
def test_each_command_is_where_the_table_says(group: LazyGroup, name: str) -> None:
    command = group.get_command(click.Context(group), name)
    assert command is not None and command.name == name
    assert command.help and command.help[0].isupper()


def test_only_a_command_that_runs_imports_what_takes_long() -> None:
    code = "import sys, cli.main; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "cli.main" in done.stdout.split()
    assert not HEAVY & set(done.stdout.split())


def test_a_command_that_does_not_exist_is_misuse() -> None:
    assert main.get_command(click.Context(main), "nothing") is None
