"""`postkamer backup`: what a restore would start from."""

import click

from cli.support.lazy_group import LazyGroup

COMMANDS = {"check": "cli.backup.check:command"}


@click.group("backup", cls=LazyGroup, places=COMMANDS, path="backup")
def group() -> None:
    """Back-ups: are they made, and would a restore from them be whole?"""
