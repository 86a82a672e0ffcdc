"""`make run`: all of Postkamer on this machine, until Ctrl-C."""

import base64
import os
import secrets
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from deploy.local import plan, prometheus
from deploy.local.errors import Refusal
from deploy.local.servers import Servers
from deploy.local.state import State, write_private
from deploy.local.supervisor import Stopped, Supervisor, check_disk, check_ports, only_one
from services.config.settings import read

ROOT = Path(__file__).resolve().parents[2]
COMMAND = (str(Path(sys.executable).with_name("postkamer")),)
"""Command line of Postkamer; the name of a service, or `migrate`, follows it."""


def main(
    overrides: Mapping[str, str], *, root: Path = ROOT, command: tuple[str, ...] = COMMAND
) -> int:
    """Run until a signal comes (exit code 0), or until something is wrong (1)."""
    began = time.monotonic()
    supervisor = Supervisor(root / ".local", lambda line: print(f"  {line}", flush=True))
    supervisor.interruption.install()
    try:
        with ExitStack() as stack:
            try:
                print("Starting Postkamer", flush=True)
                environment = start(supervisor, stack, overrides, root, command)
                print(f"\nPostkamer is ready after {time.monotonic() - began:.1f} s.\n")
                print(plan.addresses(environment), flush=True)
                supervisor.watch(environment)
            except (Refusal, OSError) as error:
                print(f"\n{error}\n", file=sys.stderr, flush=True)
                supervisor.give_up()
                raise
            except Stopped:
                print("\nStopping; Ctrl-C again stops at once.", flush=True)
                raise
    except Stopped:
        return 0
    except (Refusal, OSError):
        return 1


def start(
    supervisor: Supervisor,
    stack: ExitStack,
    overrides: Mapping[str, str],
    root: Path,
    command: tuple[str, ...],
) -> dict[str, str]:
    """Start everything and wait until it is ready. Return the environment that all share."""
    folder = supervisor.folder
    stack.enter_context(only_one(folder))
    check_disk(folder)
    state = State(folder / "state.json")
    drawn = installation_secrets(state, overrides)
    environment = plan.environment(overrides, root=root, secrets=drawn)
    check_ports(environment)
    if "POSTKAMER_CONFIG" not in overrides:
        environment |= {"POSTKAMER_CONFIG": str(example(folder, environment))}
    servers = Servers(folder, state, environment, supervisor.report)
    servers.start(stack, supervisor.interruption.hurry)
    supervisor.servers = servers.processes()
    owner = environment | servers.settings()
    supervisor.finish(supervisor.program("migrate", (*command, "migrate"), owner))
    servers.let_services_in()
    servers.wait()
    if not servers.broker:  # ours loads the same from its definitions
        declare = (*command, "topology", "declare")
        supervisor.finish(supervisor.program("topology", declare, owner))
    write_private(folder / "environment", plan.settings_file(owner))
    for service in plan.SERVICES:
        own = servers.settings_of(service.name) if service.has_database else {}
        program = supervisor.program(service.name, (*command, service.name), environment | own)
        supervisor.add(program, stack)
    for service in plan.SERVICES:
        supervisor.wait_ready(service, environment)
        supervisor.report(f"{service.name} is ready")
    if plan.wants_prometheus(environment):
        broker_port = servers.broker.ports.metrics if servers.broker else None
        stack.enter_context(prometheus.running(folder / "prometheus", environment, broker_port))
    return environment


def installation_secrets(state: State, overrides: Mapping[str, str]) -> plan.Secrets:
    """Return the secrets of this installation, drawn once; tokens that are given win."""
    tokens = read("POSTKAMER_API_TOKENS", overrides) or f"sandbox/**:{state.secret('api token')}"
    return plan.Secrets(
        state.secret("archive key", key),
        state.secret("working key", key),
        state.secret("crm secret", key),
        tokens,
        state.secret("desk client secret"),
    )


def example(folder: Path, environment: Mapping[str, str]) -> Path:
    """Return the shipped configuration, or a copy of it if the sandbox or the desk listens on
    another port or POSTKAMER_EXAMPLE asks for a change."""
    shipped, variants = Path(environment["POSTKAMER_CONFIG"]), plan.variants(environment)
    sandbox, desk = (environment[port.variable] for port in (plan.SANDBOX, plan.DESK))
    is_moved = (sandbox, desk) != (str(plan.SANDBOX.default), str(plan.DESK.default))
    if not is_moved and not variants:
        return shipped
    own = folder / shipped.parent.name
    for file in shipped.parent.rglob("*.toml"):
        copy = own / file.relative_to(shipped.parent)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(plan.example_for(file.read_text(), sandbox, desk, variants))
    return own / shipped.name


def key() -> str:
    """Return a new key: 32 bytes in base64."""
    return base64.b64encode(secrets.token_bytes(32)).decode()


if __name__ == "__main__":
    sys.exit(main(os.environ))
