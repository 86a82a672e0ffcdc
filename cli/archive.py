"""`postkamer archive`: the record; its proof, its keys, what is in it."""

import click

from cli import keeping, proving, searching


@click.group("archive")
def group() -> None:
    """The record (POSTKAMER_DATABASE_URL, as its owner, and POSTKAMER_ARCHIVE_KEY)."""


for _command in (*proving.COMMANDS, *keeping.COMMANDS, searching.command):
    group.add_command(_command)
