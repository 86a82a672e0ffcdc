"""`postkamer archive`: verify, search and report on the archive, and manage its keys."""

import click

from cli.archive import (
    access_log,
    breach,
    keys,
    processing_log,
    quarantine,
    requests,
    search,
    subject_access,
    verify,
)


@click.group("archive")
def group() -> None:
    """The archive (POSTKAMER_DATABASE_URL, as its owner, and POSTKAMER_ARCHIVE_KEY)."""


for _command in (
    *verify.COMMANDS,
    *keys.COMMANDS,
    *subject_access.COMMANDS,
    access_log.command,
    breach.command,
    processing_log.command,
    search.command,
    requests.group,
    quarantine.group,
):
    group.add_command(_command)
