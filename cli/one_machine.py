"""`postkamer all`: the services of one machine, forked from this process."""

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import click

from deploy.one_machine import supervisor
from services import logs
from services.lifecycle import freeze_gc


@click.command("all")
@click.option(
    "--settings",
    "folder",
    type=click.Path(path_type=Path),
    help="Folder with gateway.env, router.env and so on: settings of one service each.",
)
@click.option("--desk", "has_desk", is_flag=True, help="Run the desk too.")
@click.pass_context
def command(context: click.Context, folder: Path | None, has_desk: bool) -> None:
    """Run all four services under one supervisor.

    For one machine. SIGTERM stops them in order, SIGHUP makes them read their configuration anew.
    """
    logs.log_to_stdout("all", "info")
    import_services(has_desk=has_desk)
    root = context.find_root()

    def run_service(arguments: Sequence[str]) -> None:
        root.command.main(list(arguments), prog_name="postkamer", obj=root.obj)

    sys.exit(supervisor.run(os.environ, folder, run_service, has_desk=has_desk))


def import_services(*, has_desk: bool) -> None:
    """Import what the services run, for all of them to share. Frozen, because a collection writes
    to each object: the pages of a fork would be its own."""
    import_module("cli.services")
    for service in supervisor.SERVICES:
        if has_desk or service.name != "desk":
            import_module(f"{service.name}.service")
    freeze_gc()
