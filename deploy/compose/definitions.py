"""Write the broker's definitions, each service's user included, before the broker starts.

    python -m deploy.compose.definitions FILE

The configuration says which queues there are, the environment which passwords:
POSTKAMER_CONFIG, and GATEWAY_BROKER_PASSWORD and its like for each service.
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
    """Where the password of a service's broker user is found."""
    return f"{service.upper()}_BROKER_PASSWORD"


def passwords(environ: Mapping[str, str]) -> dict[str, str]:
    """Service -> password; SettingsError with every one that is missing."""
    found: dict[str, str] = {}
    faults: list[str] = []
    for service in topology.PERMISSIONS:
        try:
            if password := read(variable(service), environ):
                found[service] = password
            else:
                faults.append(f"{variable(service)}: is missing")
        except OSError as error:
            faults.append(f"{variable(service)}_FILE: cannot be read ({error.strerror})")
    if faults:
        raise SettingsError(faults)
    return found


def document(environ: Mapping[str, str]) -> str:
    """The definitions as RabbitMQ loads them; SettingsError or ConfigError instead."""
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
