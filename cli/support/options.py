"""Options that several commands share. `docs/operators/command-line.md` is their vocabulary."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import click

from cli.support.output import fail
from services.calendar.opening_hours import AMSTERDAM

F = TypeVar("F", bound=Callable[..., Any])


class RenamedOption(click.Option):
    """An option that is also accepted under its `former` name, which no help shows."""

    def __init__(self, *args: Any, former: str, **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.former = former

    def add_to_parser(self, parser: Any, ctx: click.Context) -> None:
        shown = self.opts
        self.opts = [*shown, self.former]
        super().add_to_parser(parser, ctx)
        self.opts = shown


renamed_option = partial(click.option, cls=RenamedOption)


class Time(click.ParamType[datetime]):
    """A time, converted to UTC; a day is its start. Without an offset it is Dutch time."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        try:
            at = datetime.fromisoformat(value)
        except ValueError:
            self.fail("expected a time such as 2026-12-01T17:00 (Dutch time)", param, ctx)
        return (at if at.tzinfo else at.replace(tzinfo=AMSTERDAM)).astimezone(UTC)


def require_period(since: datetime | None, until: datetime | None) -> None:
    """Print a fault and exit if the end of a period is not after its beginning."""
    if since and until and since >= until:
        fail("--until: expected a time after --since", 2)


YEARS = range(2000, 3000)
"""Years that a month may have. No message was sent before 2000."""


class Month(click.ParamType[date]):
    """A month, converted to its first day."""

    name = "month"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        try:
            first = date.fromisoformat(f"{value}-01") if len(value) == len("2026-11") else None
        except ValueError:
            first = None
        if first is None:
            self.fail("expected a month such as 2026-11", param, ctx)
        if first.year not in YEARS:
            self.fail(f"no month from {YEARS[0]}-01 to {YEARS[-1]}-12", param, ctx)
        return first


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, also for an error.")
config_option = click.option("--config", "path", type=Path, help="Instead of POSTKAMER_CONFIG.")
by_option = click.option("--by", required=True, help="The person who is responsible; archived.")
reason_option = renamed_option(
    "--reason",
    former="--why",
    required=True,
    help="The reason; archived. Without personal data.",
)


def combine_options(*options: Callable[[F], F]) -> Callable[[F], F]:
    """Return a decorator that adds these options to a command, in this order."""

    def add(command: F) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return add
