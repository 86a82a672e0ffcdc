"""`postkamer`: run a service, check the configuration, explain where a message would go.

Every command that prints a result has --json. Exit codes: 0 success, 1 refused or faults found, 2
wrong usage. A command is imported when it runs: importing all of them takes a second. The
commands of `postkamer archive` are in `cli.archive.group`.
"""

import click

from cli.support.lazy_group import LazyGroup

COMMANDS = {
    "archive": "cli.archive.group:group",
    "archiver": "cli.services:archiver",
    "care": "cli.contact_centre:care",
    "check": "cli.check.check:command",
    "costs": "cli.costs.costs:command",
    "deliverer": "cli.services:deliverer",
    "destination": "cli.deliveries.destination:group",
    "files": "cli.archive.files:group",
    "gateway": "cli.services:gateway",
    "migrate": "cli.services:migrate_command",
    "notice": "cli.contact_centre:notice",
    "number": "cli.contact_centre:number",
    "parked": "cli.deliveries.parked:group",
    "route": "cli.main:route",
    "router": "cli.services:router",
    "rules": "cli.routing.rule_versions:group",
    "sandbox": "cli.services:sandbox",
    "status": "cli.status:command",
    "token": "cli.tokens:group",
    "topology": "cli.topology:group",
}
"""Name of a command -> its module and attribute."""
ROUTE_COMMANDS = {
    "explain": "cli.routing.explain:command",
    "replay": "cli.replay.replay:command",
}


@click.group(
    cls=LazyGroup, places=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(package_name="postkamer")
def main() -> None:
    """Postkamer, the WhatsApp mailroom of a Dutch town hall."""


@click.group(cls=LazyGroup, places=ROUTE_COMMANDS)
def route() -> None:
    """Explain where messages go."""


if __name__ == "__main__":
    main()
