"""`postkamer archive signer`: the process that holds the key of the log, and signs with it."""

import os
import secrets
from pathlib import Path

import click

from archiver.signing.signer_folder import KeyFile, SignerFolder, UnusableFolder, open_key
from archiver.signing.signer_service import SignerService, run_signer
from archiver.signing.signing_keys import (
    KEY_BYTES,
    KeyUnusable,
    SeedKey,
    Token,
    make_token_key,
)
from cli.support.options import json_option
from cli.support.output import CommandMisused, fail, print_result
from cli.support.service_process import run_until_stopped
from services import logs
from services.config import settings
from services.transparency import signed_note

PIN = "POSTKAMER_SIGNER_PIN"

folder_option = click.option(
    "--folder",
    required=True,
    type=click.Path(path_type=Path),
    help="Folder of the signer, which only its own user may read.",
)


@click.group("signer")
def group() -> None:
    """Hold the signing key in a process of its own.

    Run it as another user than the services, on this machine. It needs neither the database nor
    the master key, and signs no two logs of one size.
    """


@group.command("new")
@folder_option
@click.option("--log", "origin", required=True, help="Name of the log, as in postkamer.toml.")
@click.option("--module", default="", help="Library of a PKCS#11 token, which then has the key.")
@click.option("--token-label", "token", default="", help="With --module: the label of the token.")
@json_option
def new(folder: Path, origin: str, module: str, token: str, as_json: bool) -> None:
    """Make the key of a log, and print the public key.

    With --module the key is made in the token, which never gives it out; POSTKAMER_SIGNER_PIN is
    its PIN. Without, it is in the folder: keep a copy in a safe.
    """
    if bool(module) != bool(token):
        fail("--module and --token-label belong together", CommandMisused.exit_code)
    try:
        SignerFolder(folder).create(lambda: _make_key(origin, module, token))
    except (UnusableFolder, KeyUnusable) as error:
        fail(f"--folder {folder}: {error}")
    except OSError as error:
        fail(f"--folder {folder}: {error.strerror}")
    verifier = signed_note.encode_verifier(origin, SignerFolder(folder).read_key().public_key)
    print_result({"publicKey": verifier}, [verifier], as_json=as_json)


def _make_key(origin: str, module: str, token: str) -> KeyFile:
    if module:
        public_key = make_token_key(Token(module, token, _read_pin()))
        return KeyFile(origin, public_key, module=module, token=token)
    seed = secrets.token_bytes(KEY_BYTES)
    return KeyFile(origin, SeedKey(seed).public_key, seed)


def _read_pin() -> str:
    try:
        pin = settings.read(PIN, os.environ)
    except OSError as error:
        fail(f"{PIN}_FILE: cannot be read ({error.strerror})")
    return pin or fail(f"{PIN}: is missing")


@group.command("serve")
@folder_option
@click.option("--socket", required=True, type=click.Path(path_type=Path), help="Unix socket.")
@click.option("--group", "group_name", default="", help="Group that may ask for signatures.")
def serve(folder: Path, socket: Path, group_name: str) -> None:
    """Sign what the archiver asks, until it is stopped.

    The socket is for this user alone, and for the group if one is named: that of the archiver.
    """
    place = SignerFolder(folder)
    try:
        with place.lock():
            file = place.read_key()
            key = open_key(file, _read_pin() if file.module else "")
            service = SignerService(file.log, key, place)
            logs.log_to_stdout("signer", "info")
            run_until_stopped("signer", lambda: run_signer(service, socket, group_name))
    except UnusableFolder as error:
        fail(f"--folder {folder}: {error}")
