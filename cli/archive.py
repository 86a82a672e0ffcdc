"""`postkamer archive`: the record; its proof, its keys, what is in it, and about whom."""

import click

from cli import (
    aside,
    exposure,
    keeping,
    processing,
    proving,
    requests,
    searching,
    subjects,
    viewing,
)


@click.group("archive")
def group() -> None:
    """The record (POSTKAMER_DATABASE_URL, as its owner, and POSTKAMER_ARCHIVE_KEY)."""


for _command in (
    *proving.COMMANDS,
    *keeping.COMMANDS,
    *subjects.COMMANDS,
    viewing.command,
    exposure.command,
    processing.command,
    searching.command,
    requests.group,
    aside.group,
):
    group.add_command(_command)
