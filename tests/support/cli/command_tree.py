"""All commands of the command line, by their words."""

from collections.abc import Iterator

import click


def walk_commands(command: click.Command, path: str = "") -> Iterator[tuple[str, click.Command]]:
    if not isinstance(command, click.Group):
        yield path, command
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        member = command.get_command(context, name)
        assert member is not None
        yield from walk_commands(member, f"{path} {name}".strip())
