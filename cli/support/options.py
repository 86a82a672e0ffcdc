"""Options that several commands share: --json, --config, times, months, a reason, a name."""

from collections.abc import Callable
from datetime import UTC, date, datetime, tzinfo
from pathlib import Path
from typing import Any, TypeVar

import click

from services.calendar.opening_hours import AMSTERDAM

F = TypeVar("F", bound=Callable[..., Any])

json_option = click.option("--json", "as_json", is_flag=True)
config_option = click.option("--config", "path", type=Path, help="Instead of POSTKAMER_CONFIG.")
by_option = click.option("--by", required=True, help="The person who is responsible; archived.")
why_option = click.option(
    "--why", required=True, help="The reason; archived. Without personal data."
)


def combine_options(*options: Callable[[F], F]) -> Callable[[F], F]:
    """Return a decorator that adds these options to a command, in this order."""

    def add(command: F) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return add


class Time(click.ParamType[datetime]):
    """A time, converted to UTC; a day is its start. Without a `zone` it needs an offset: stored
    times are exact."""

    name = "time"

    def __init__(self, zone: tzinfo | None = AMSTERDAM) -> None:
        self._zone = zone

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        example = "2026-12-01T17:00 (Dutch time)" if self._zone else "2027-01-01T00:00:00+01:00"
        try:
            at = datetime.fromisoformat(value)
        except ValueError:
            at = None
        if at is None or (at.tzinfo is None and self._zone is None):
            self.fail(f"expected a time such as {example}", param, ctx)
        return (at if at.tzinfo else at.replace(tzinfo=self._zone)).astimezone(UTC)


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
