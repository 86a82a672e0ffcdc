"""`postkamer tenant`: a municipality as a whole."""

import click

from cli.support.lazy_group import LazyGroup

COMMANDS = {
    "export": "cli.tenant.export:command",
    "forget": "cli.tenant.erasure:command",
    "import": "cli.tenant.arrival:command",
    "start": "cli.tenant.stop:start_command",
    "stop": "cli.tenant.stop:stop_command",
    "export-open": "cli.tenant.open_copy:command",
}


@click.group("tenant", cls=LazyGroup, places=COMMANDS, path="tenant")
def group() -> None:
    """A municipality as a whole: copy it, or move it.

    Needs POSTKAMER_DATABASE_URL, as its owner, and mostly POSTKAMER_ARCHIVE_KEY.
    """
