"""Print the result of a command, or the reason why it failed; and exit codes."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any, NoReturn, TypeVar

import click
import msgspec

MAX_LISTED = 1_000
"""Most entries in one list."""
TO_FETCH = MAX_LISTED + 1
"""Entries to fetch for a list: one more shows that it stops too early."""
T = TypeVar("T")


class CommandRefused(Exception):
    """A command is refused; the message has a sentence for each fault."""


class CommandFailed(click.ClickException):
    """Ends the command with exit code 1. Its message is a sentence for each fault."""

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(self.message, file=file, err=file is None)


class CommandMisused(CommandFailed):
    """Ends the command with exit code 2."""

    exit_code = 2


class CommandUnable(CommandFailed):
    """Ends the command with exit code 3: it could not look, so it has found nothing right or
    wrong."""

    exit_code = 3


def fail(message: str, code: int = 1) -> NoReturn:
    """Print the message and exit. Code 1: refused. Code 2: misused."""
    raise (CommandMisused if code == CommandMisused.exit_code else CommandFailed)(message)


@contextmanager
def fail_as_unable() -> Iterator[None]:
    """End with exit code 3 where a command would end with 1 without a result. For a command whose 1
    means that it found something wrong."""
    try:
        yield
    except CommandFailed as error:
        if error.exit_code != CommandFailed.exit_code:
            raise
        raise CommandUnable(error.message) from None


def print_result(result: Any, lines: Iterable[str], *, as_json: bool, empty: str = "") -> None:
    """Print `result` as JSON, or `lines`; `empty` is the sentence if there are none."""
    if as_json:
        click.echo(msgspec.json.encode(result))
        return
    for line in list(lines) or filter(None, [empty]):
        click.echo(line)


def print_list(
    entries: Sequence[T],
    format: Callable[[Sequence[T]], Iterable[str]],
    *,
    as_json: bool,
    empty: str,
) -> None:
    """Print entries, of which at most TO_FETCH were fetched, and a note if there are more."""
    listed = entries[:MAX_LISTED]
    print_result(listed, format(listed), as_json=as_json, empty=empty)
    if len(entries) > MAX_LISTED:
        print_note(f"these are the first {MAX_LISTED:,}; there are more", as_json=as_json)


def print_note(note: str, *, as_json: bool) -> None:
    """Print a note for a person to stderr. With JSON, stderr has nothing but an error."""
    if not as_json:
        click.echo(note, err=True)


def print_changed(number: int, nouns: str, result: str, *, dry_run: bool, as_json: bool) -> None:
    """Print how many were changed, or would be; `nouns` as in `count`."""
    verb = "would be" if dry_run else "is" if number == 1 else "are"
    line = f"{count(number, nouns)} {verb} {result}"
    print_result({"count": number, "dryRun": dry_run}, [line], as_json=as_json)


def count(number: int, nouns: str, separator: str = ",") -> str:
    """Return a number with its noun, given as `file|files`."""
    one, several = nouns.split("|")
    digits = f"{number:,}".replace(",", separator)
    return f"{digits} {one if number == 1 else several}"


def format_table(rows: Sequence[Sequence[str]], left: int | None = None) -> Iterator[str]:
    """Yield rows with aligned columns: the first `left`, or all, to the left; the others right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [
            cell.ljust(width) if left is None or n < left else cell.rjust(width)
            for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()
