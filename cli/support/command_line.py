"""The command line as a whole: its commands under headings, and errors as JSON where asked."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import click
import msgspec

from cli.examples import EXAMPLES
from cli.support.lazy_group import LazyGroup

JSON = "postkamer.json"
"""Key in the context: True if the command line asks for JSON."""
SHORT_HELP = 64
"""Characters of a command's line in the help: what 80 leave beside the longest name."""


@contextmanager
def print_errors(*, as_json: bool) -> Iterator[None]:
    """Print the error that ends a command as one JSON object on stderr, if JSON is asked for."""
    try:
        yield
    except click.ClickException as error:
        if not as_json:
            raise
        members = {"exit": error.exit_code, "message": error.format_message()}
        click.echo(msgspec.json.encode({"error": members}), err=True)
        raise click.exceptions.Exit(error.exit_code) from None


def asks_json(arguments: Sequence[str]) -> bool:
    """Return True if --json is among the options, so that it holds for a wrong option too. Pure."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    return "--json" in arguments[:end]


class CommandLine(LazyGroup):
    """`headings`: heading in the help -> the names of its commands."""

    def __init__(self, *args: Any, headings: Mapping[str, Sequence[str]], **options: Any) -> None:
        super().__init__(*args, **options)
        self.headings = headings

    def make_context(
        self, info_name: str | None, args: list[str], *more: Any, **extra: Any
    ) -> click.Context:
        as_json = asks_json(args)
        with print_errors(as_json=as_json):
            context = super().make_context(info_name, args, *more, **extra)
        context.meta[JSON] = as_json
        return context

    def invoke(self, ctx: click.Context) -> Any:
        with print_errors(as_json=ctx.meta[JSON]):
            return super().invoke(ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for heading, names in self.headings.items():
            commands = ((name, self.get_command(ctx, name)) for name in names)
            rows = [(name, each.get_short_help_str(SHORT_HELP)) for name, each in commands if each]
            with formatter.section(heading):
                formatter.write_dl(rows, col_max=13)
            example = next(EXAMPLES[path] for path in EXAMPLES if path.split()[0] in names)
            formatter.write_text(f"\b\n  Example: postkamer {example}")
