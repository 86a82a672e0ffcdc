"""Writes the broker's definitions, with a user for each service and the operator, before it starts.

    python -m deploy.compose.definitions FILE

The queues follow from the configuration (POSTKAMER_CONFIG). The passwords come from the
environment: GATEWAY_BROKER_PASSWORD, and the same for each other service.
"""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from services.amqp import topology
from services.config import loader, model
from services.config.settings import SettingsError, read


def variable(service: str) -> str:
    """Return the name of the variable with the password of a service's broker user."""
    return f"{service.upper()}_BROKER_PASSWORD"


def passwords(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the password of each user. SettingsError lists every missing one."""
    by_service: dict[str, str] = {}
    faults: list[str] = []
    for service in topology.PERMISSIONS:
        try:
            if password := read(variable(service), environ):
                by_service[service] = password
            else:
                faults.append(f"{variable(service)}: is missing")
        except OSError as error:
            faults.append(f"{variable(service)}_FILE: cannot be read ({error.strerror})")
    if faults:
        raise SettingsError(faults)
    return by_service


def document(environ: Mapping[str, str]) -> str:
    """Return the definitions in RabbitMQ's format. Raises SettingsError or ConfigError."""
    path = read("POSTKAMER_CONFIG", environ)
    if path is None:
        raise SettingsError(["POSTKAMER_CONFIG: is missing"])
    town = loader.load(Path(path)).config
    table = topology.queues(town.partitions, [d.id for d in town.destinations])
    return json.dumps(topology.definitions(table, passwords(environ)), indent=1)


def main(arguments: list[str], environ: Mapping[str, str]) -> int:
    if len(arguments) != 1:
        print("usage: python -m deploy.compose.definitions FILE", file=sys.stderr)
        return 2
    try:
        text = document(environ)
    except (SettingsError, model.ConfigError) as error:
        print(error, file=sys.stderr)
        return 1
    new = Path(f"{arguments[0]}.new")
    new.write_text(text)
    new.replace(arguments[0])  # whole or not at all: the broker may be reading the old one
    print(f"{arguments[0]} is written")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
