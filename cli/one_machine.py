"""`postkamer all`: the services of one machine.

Apart from the commands of the services, whose imports would take half of this process's memory.
"""

import os
import sys
from pathlib import Path

import click

from deploy.one_machine import supervisor
from services import logs


@click.command("all")
@click.option(
    "--settings",
    "folder",
    type=click.Path(path_type=Path),
    help="Folder with gateway.env, router.env and so on: settings of one service each.",
)
@click.option("--desk", "has_desk", is_flag=True, help="Run the desk too.")
def command(folder: Path | None, has_desk: bool) -> None:
    """Run all four services under one supervisor.

    For one machine. SIGTERM stops them in order, SIGHUP makes them read their configuration anew.
    """
    logs.log_to_stdout("all", "info")
    sys.exit(supervisor.run(os.environ, folder, has_desk=has_desk))
