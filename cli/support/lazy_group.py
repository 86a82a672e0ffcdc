"""A group of commands that imports a command when it runs, and shows an example in its help."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click
from click.shell_completion import CompletionItem

from cli.examples import EXAMPLES


class LazyGroup(click.Group):
    """`places`: name of a command -> its module and attribute. `path`: the words before a command's
    name in `EXAMPLES`."""

    def __init__(
        self, *args: Any, places: Mapping[str, str], path: str = "", **options: Any
    ) -> None:
        super().__init__(*args, **options)
        self.places, self._path = places, path

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(self.places)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.places:
            return None
        module, _, name = self.places[cmd_name].partition(":")
        command: click.Command = getattr(import_module(module), name)
        add_examples(f"{self._path} {cmd_name}".strip(), command)
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete the name of a command without importing the commands, which takes a second."""
        names = (name for name in self.list_commands(ctx) if name.startswith(incomplete))
        return [*map(CompletionItem, names), *click.Command.shell_complete(self, ctx, incomplete)]


def add_examples(path: str, command: click.Command) -> None:
    """Show the example of a command below its help, and those of the commands of a group."""
    if example := EXAMPLES.get(path):
        command.epilog = f"\b\nExample:\n  postkamer {example}"
    for name, member in getattr(command, "commands", {}).items():
        add_examples(f"{path} {name}", member)
