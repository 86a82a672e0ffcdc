"""`postkamer tenant`: all of one municipality."""

import click

from cli.support.lazy_group import LazyGroup

COMMANDS = {
    "export-open": "cli.tenant.open_copy:command",
}


@click.group("tenant", cls=LazyGroup, places=COMMANDS, path="tenant")
def group() -> None:
    """All of one municipality: take it along.

    Needs POSTKAMER_DATABASE_URL, as its owner, and POSTKAMER_ARCHIVE_KEY.
    """
