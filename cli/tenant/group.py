"""`postkamer tenant`: a municipality as a whole."""

import click

from cli.support.lazy_group import LazyGroup

COMMANDS = {
    "export-open": "cli.tenant.open_copy:command",
}


@click.group("tenant", cls=LazyGroup, places=COMMANDS, path="tenant")
def group() -> None:
    """A municipality as a whole: take it along.

    Needs POSTKAMER_DATABASE_URL, as its owner, and POSTKAMER_ARCHIVE_KEY.
    """
