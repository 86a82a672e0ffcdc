"""`postkamer archive`: verify, search and report on the archive, and manage its keys."""

import click

from cli.support.lazy_group import LazyGroup

COMMANDS = {
    "accept": "cli.archive.restoration.losses:command",
    "annotate": "cli.archive.subject_access:annotate",
    "aside": "cli.archive.quarantine:group",
    "checkpoint": "cli.archive.verify:checkpoint",
    "consistency": "cli.archive.consistency:command",
    "disclosure": "cli.archive.disclosure.commands:group",
    "export": "cli.archive.export:command",
    "exposure": "cli.archive.exposure:command",
    "handover": "cli.archive.handover.commands:group",
    "hold": "cli.archive.holds:group",
    "key": "cli.archive.verify:key",
    "list": "cli.archive.lists:group",
    "processing": "cli.archive.processing_log:command",
    "prove": "cli.archive.verify:prove",
    "replay": "cli.archive.restoration.destructions:command",
    "receipt": "cli.archive.verify:receipt",
    "reindex": "cli.archive.keys:reindex",
    "request": "cli.archive.requests:group",
    "rotate": "cli.archive.keys:rotate",
    "search": "cli.archive.search:command",
    "signer": "cli.archive.signer:group",
    "subject": "cli.archive.subject_access:subject",
    "terms": "cli.archive.terms:command",
    "transcript": "cli.archive.transcript:command",
    "verify": "cli.archive.verify:verify",
    "views": "cli.archive.access_log:command",
}


@click.group("archive", cls=LazyGroup, places=COMMANDS, path="archive")
def group() -> None:
    """The record: search, verify, report about a person, correct.

    Needs POSTKAMER_DATABASE_URL, as its owner, and POSTKAMER_ARCHIVE_KEY.
    """
