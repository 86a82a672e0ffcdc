"""`postkamer witness serve` and `key`: co-sign the logs of others."""

from pathlib import Path

import click

from cli.support.lazy_group import LazyGroup
from cli.support.options import json_option
from cli.support.output import fail, print_result
from cli.support.service_process import run_until_stopped
from services import logs
from services.transparency.signed_note import encode_key
from witness.key_file import KeyUnusable, WitnessKey, load_key, make_key

COMMANDS = {"serve": "cli.witness:serve", "key": "cli.witness:key"}
PORT, OPS_PORT = 8084, 9084

folder_option = click.option(
    "--folder", type=Path, required=True, help="The folder with the key and what was co-signed."
)


@click.group("witness", cls=LazyGroup, places=COMMANDS, path="witness")
def group() -> None:
    """Co-sign the logs of others."""


@click.command()
@folder_option
@click.option("--logs", "path", type=Path, required=True, help="A TOML file with the logs.")
@click.option("--bind", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=PORT, show_default=True, help="Port for logs and readers.")
@click.option("--ops-port", default=OPS_PORT, show_default=True, help="Port for /metrics.")
def serve(folder: Path, path: Path, bind: str, port: int, ops_port: int) -> None:
    """Run a witness: it co-signs what continues what it saw.

    It needs no database and no broker. Put a proxy with TLS in front of it.
    """
    from witness.known_logs import LogsUnusable, load_logs
    from witness.service import WitnessOptions, witness

    options = WitnessOptions(folder, path, bind, port, ops_port)
    try:
        load_key(folder)  # a refusal is no line of a log
        load_logs(path)
        logs.log_to_stdout("witness", "info")
        run_until_stopped("witness", lambda: witness(options))
    except (KeyUnusable, LogsUnusable) as error:
        fail(str(error))


@click.group()
def key() -> None:
    """Make the key of a witness, or print its public half."""


@key.command()
@folder_option
@click.option("--name", required=True, help="Name, such as witness.example.org/w1.")
@json_option
def new(folder: Path, name: str, as_json: bool) -> None:
    """Make a key, in a new folder that only its owner can read."""
    try:
        made = make_key(folder, name)
    except KeyUnusable as error:
        fail(str(error))
    _print(made, as_json)


@key.command()
@folder_option
@json_option
def show(folder: Path, as_json: bool) -> None:
    """Print the public key, for the logs that ask this witness."""
    try:
        loaded = load_key(folder)
    except KeyUnusable as error:
        fail(str(error))
    _print(loaded, as_json)


def _print(made: WitnessKey, as_json: bool) -> None:
    public = encode_key(made.key)
    print_result({"publicKey": public}, [public], as_json=as_json)
