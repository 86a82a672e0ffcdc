"""`postkamer archive`: the record; its proof, its keys, what is in it."""

import click

from cli import exposure, keeping, processing, proving, viewing


@click.group("archive")
def group() -> None:
    """The record (POSTKAMER_DATABASE_URL, as its owner, and POSTKAMER_ARCHIVE_KEY)."""


for _command in (*proving.COMMANDS, *keeping.COMMANDS):
    group.add_command(_command)
for _command in (viewing.command, exposure.command, processing.command):
    group.add_command(_command)
