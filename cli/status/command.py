"""`postkamer status`: the whole installation on one screen, once or every two seconds."""

import asyncio
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable

import click
import msgspec

from cli.status.assembly import build_snapshot
from cli.status.collect import collect_answers
from cli.status.problems import list_problems, unlimited_problem
from cli.status.screen import Style, fit_height, format_screen, no_paint
from cli.status.snapshot import Problem, Snapshot
from cli.support.options import json_option
from cli.support.output import CommandMisused, fail
from cli.support.unlimited_tokens import narrowing_change, unlimited_labels
from services import clock
from services.config import settings
from services.config.settings import StatusSettings

WATCH_SECONDS = 2.0
PIPE_WIDTH = 120
"""Width of lines that go to no terminal."""
BESIDE_RUN = "beside `make run`, this names other ports: set -a; . .local/environment; set +a"
COLOURS: dict[Style, str] = {
    "title": "\x1b[1m",
    "fine": "\x1b[32m",
    "wrong": "\x1b[1;31m",
    "warning": "\x1b[33m",
    "unknown": "\x1b[33m",
    "dim": "\x1b[2m",
}
RESET = "\x1b[0m"
OPEN_SCREEN, CLOSE_SCREEN = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"
"""The terminal's second screen, without a cursor; the first one is as it was afterwards."""
HOME, END_OF_LINE, REST_OF_SCREEN = "\x1b[H", "\x1b[K", "\x1b[J"


@click.command("status")
@click.option("--watch", is_flag=True, help="Redraw every two seconds, until Ctrl-C.")
@json_option
def command(watch: bool, as_json: bool) -> None:
    """Show the whole installation on one screen, and what is wrong.

    It asks the services (POSTKAMER_OPS_URLS has their addresses), the database
    (POSTKAMER_DATABASE_URL, as its owner) and the broker (POSTKAMER_AMQP_URL), and shows what each
    tells. The exit code is 1 if a person should look at something.
    """
    try:
        options = settings.load(StatusSettings, os.environ)
    except settings.SettingsError as error:
        fail(str(error), CommandMisused.exit_code)
    show = _watch if watch else _show_once
    if show(options, as_json=as_json).problems:
        raise SystemExit(1)


def take_snapshot(options: StatusSettings) -> Snapshot:
    """Ask everything, and return the installation with its problems."""
    answers = asyncio.run(collect_answers(options))
    snapshot = build_snapshot(answers, clock.now())
    problems = list_problems(snapshot)
    if "POSTKAMER_OPS_URLS" not in os.environ and not any(s.live for s in snapshot.services):
        problems += (Problem("services", "None of the services answers.", BESIDE_RUN),)
    if labels := unlimited_labels(os.environ):
        problems += (unlimited_problem(labels, narrowing_change(labels[0])),)
    return msgspec.structs.replace(snapshot, problems=problems)


def may_colour() -> bool:
    """Return True on a terminal that shows colours, unless NO_COLOR is set."""
    return is_screen() and not os.environ.get("NO_COLOR")


def is_screen() -> bool:
    """Return True on a terminal that can do more than print lines."""
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def paint(text: str, style: Style) -> str:
    colour = COLOURS.get(style)
    return f"{colour}{text}{RESET}" if colour and text.strip() else text


def _print(snapshot: Snapshot, *, as_json: bool) -> None:
    if as_json:
        click.echo(msgspec.json.encode(snapshot))
    else:
        # `color`: or click would take the colours away, or leave them, by rules of its own.
        click.echo("\n".join(_lines(snapshot)), color=True)


def _lines(snapshot: Snapshot) -> list[str]:
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else PIPE_WIDTH
    return format_screen(snapshot, width, paint if may_colour() else no_paint)


def _show_once(options: StatusSettings, *, as_json: bool) -> Snapshot:
    snapshot = take_snapshot(options)
    _print(snapshot, as_json=as_json)
    return snapshot


def _watch(options: StatusSettings, *, as_json: bool) -> Snapshot:
    """Show the installation until Ctrl-C, and return its last snapshot."""
    redraws = is_screen() and not as_json
    draw: Callable[[Snapshot], None] = _redraw if redraws else _append(as_json)
    snapshot = Snapshot(at=clock.now())
    if redraws:  # leaves the second screen too, as Ctrl-C does
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    click.echo(OPEN_SCREEN if redraws else "", nl=False, color=True)
    try:
        while True:
            began = time.monotonic()
            snapshot = take_snapshot(options)
            draw(snapshot)
            time.sleep(max(0.0, began + WATCH_SECONDS - time.monotonic()))
    except KeyboardInterrupt:
        pass
    finally:
        click.echo(CLOSE_SCREEN if redraws else "", nl=False, color=True)
    if redraws:
        _print(snapshot, as_json=False)
    return snapshot


def _redraw(snapshot: Snapshot) -> None:
    """Write over the lines of before in one piece, so that nothing flickers."""
    lines = fit_height(_lines(snapshot), shutil.get_terminal_size().lines - 1)
    body = "".join(f"{line}{END_OF_LINE}\n" for line in lines)
    click.echo(f"{HOME}{body}{REST_OF_SCREEN}", nl=False, color=True)


def _append(as_json: bool) -> Callable[[Snapshot], None]:
    def append(snapshot: Snapshot) -> None:
        _print(snapshot, as_json=as_json)
        if not as_json:
            click.echo()

    return append
