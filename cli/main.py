"""`postkamer`: run a service, check the configuration, explain where a message would go.

The vocabulary and the exit codes are in `docs/operators/command-line.md`. A command is imported
when it runs: importing all of them takes a second. The commands of `postkamer archive` are in
`cli.archive.group`.
"""

import click

from cli.support.command_line import CommandLine
from cli.support.lazy_group import LazyGroup

COMMANDS = {
    "all": "cli.one_machine:command",
    "archive": "cli.archive.group:group",
    "archiver": "cli.services:archiver",
    "backup": "cli.backup.group:group",
    "balance": "cli.balance:command",
    "care": "cli.contact_centre:care",
    "check": "cli.check.check:command",
    "costs": "cli.costs.costs:command",
    "deliverer": "cli.services:deliverer",
    "desk": "cli.services:desk",
    "destination": "cli.deliveries.destination:group",
    "figures": "cli.figures.group:group",
    "files": "cli.archive.files:group",
    "gateway": "cli.services:gateway",
    "guests": "cli.trials:group",
    "migrate": "cli.services:migrate_command",
    "notice": "cli.contact_centre:notice",
    "number": "cli.contact_centre:number",
    "parked": "cli.deliveries.parked:group",
    "quarantine": "cli.deliveries.quarantine:group",
    "route": "cli.main:route",
    "router": "cli.services:router",
    "rules": "cli.routing.rule_versions:group",
    "sandbox": "cli.services:sandbox",
    "sends": "cli.deliveries.sends:group",
    "silence": "cli.silence.silence:group",
    "status": "cli.status.command:command",
    "tenant": "cli.tenant.group:group",
    "token": "cli.tokens:group",
    "topology": "cli.topology:group",
    "trace": "cli.trace.command:command",
    "witness": "cli.witness:group",
}
"""Name of a command -> its module and attribute."""
HEADINGS = {
    "Rules, numbers and costs": (
        *("route", "check", "rules", "number", "guests", "notice", "care", "costs", "figures"),
    ),
    "Deliveries and access": ("trace", "parked", "quarantine", "sends", "destination", "token"),
    "The record and privacy": ("archive", "files"),
    "Installation": ("status", "balance", "backup", "silence", "migrate", "topology", "tenant"),
    "Services": ("all", "gateway", "router", "deliverer", "archiver", "desk", "sandbox", "witness"),
}
"""Heading in the help -> its commands, the most wanted first."""
OWN_PROCESS = "postkamer.process"
"""Object of the context of a command line that is a process of its own."""
ROUTE_COMMANDS = {
    "explain": "cli.routing.explain:command",
    "replay": "cli.replay.replay:command",
    "test": "cli.routing.table_test:command",
}


@click.group(
    cls=CommandLine,
    places=COMMANDS,
    headings=HEADINGS,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="postkamer")
@click.pass_obj
def main(process: str | None) -> None:
    """Postkamer, the WhatsApp mailroom of a Dutch town hall.

    `postkamer COMMAND --help` shows the options of a command, and an example.
    """
    if process == OWN_PROCESS:  # and not a part of another one, whose log it is
        from services.instance import forbid_core_dumps
        from services.logs import log_to_stderr

        log_to_stderr()
        forbid_core_dumps()


@click.group(cls=LazyGroup, places=ROUTE_COMMANDS, path="route")
def route() -> None:
    """Explain where messages go, by these rules or by others."""


def run() -> None:
    """Run the command line of this process."""
    main(obj=OWN_PROCESS)


if __name__ == "__main__":
    run()
