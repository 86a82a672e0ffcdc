"""Print the result of a command, or the reason why it failed; and exit codes."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NoReturn

import click
import msgspec


class CommandRefused(Exception):
    """A command is refused; the message has a sentence for each fault."""


def fail(message: str, code: int = 1) -> NoReturn:
    """Print the message and exit. Code 1: refused. Code 2: misused."""
    click.echo(message, err=True)
    raise SystemExit(code)


def print_result(result: Any, lines: Iterable[str], *, as_json: bool) -> None:
    """Print `result` as JSON, or `lines`."""
    for line in [msgspec.json.encode(result).decode()] if as_json else lines:
        click.echo(line)


def format_table(rows: Sequence[Sequence[str]], left: int | None = None) -> Iterator[str]:
    """Yield rows with aligned columns: the first `left`, or all, to the left; the others right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [
            cell.ljust(width) if left is None or n < left else cell.rjust(width)
            for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()
