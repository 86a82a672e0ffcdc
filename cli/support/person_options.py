"""Options that name the citizen of a command. A number can be kept out of the shell's history, and
is never printed."""

import re
from pathlib import Path
from typing import TextIO

import click
import msgspec

from archiver.encryption.key_store import KeyStore
from archiver.index.record_fields import PHONE, Identity
from archiver.subject_access.person_finder import SubjectMatch, TooManyMatches, find_subject
from cli.support.configuration import load_config
from cli.support.options import combine_options, config_option
from cli.support.output import CommandRefused, fail
from services.config.model import Configuration
from services.postgres.database import Connection
from services.sealing.wrapping import CannotDecrypt

E164 = re.compile(r"\+?[1-9][0-9]{6,14}")
SEPARATORS = re.compile(r"[ ().\-\u00a0]")
"""Characters that people write between the digits."""
BSUID = re.compile(r"[A-Z]{2}\.[A-Za-z0-9.]{1,140}")
LONGEST_FILE = 1_000
"""Characters that are read of a file with a number."""
NO_PHONE = "expected a telephone number with its country code, such as +31612345678"
NO_BSUID = "expected Meta's id of a person, such as NL.13491208655302741918"
NO_PERSON = "say whom: --phone, --phone-file or --bsuid"


class PersonFilter(msgspec.Struct, frozen=True):
    config: Configuration
    tenant: str
    names: tuple[Identity, ...]


phone_file = click.option(
    "--phone-file",
    type=click.File("r", encoding="utf-8"),
    help="A file with the number, or - for standard input: keeps it out of the shell's history.",
)


person_options = combine_options(
    click.option("--phone", help="Their telephone number, with its country code."),
    phone_file,
    click.option("--bsuid", "bsuids", multiple=True, help="Meta's id of the person."),
    click.option("--tenant", help="The municipality; required if there are several."),
    config_option,
)
"""Options that name a person; `parse_person` reads them."""


def parse_person(
    phone: str | None,
    phone_file: TextIO | None,
    bsuids: tuple[str, ...],
    tenant: str | None,
    path: Path | None,
) -> PersonFilter:
    """Return the citizen that the options name; print a fault, without the value, and exit."""
    numbers = parse_phones(phone, phone_file)
    if not all(map(BSUID.fullmatch, bsuids)):
        fail(f"--bsuid: {NO_BSUID}", 2)
    if not (numbers or bsuids):
        fail(NO_PERSON, 2)
    phones = [Identity(PHONE, number.removeprefix("+")) for number in numbers]
    config = load_config(path)
    identities = (*phones, *(Identity("bsuid", each) for each in bsuids))
    return PersonFilter(config, resolve_tenant(config, tenant), identities)


def parse_phones(phone: str | None, file: TextIO | None) -> list[str]:
    """Return the phone numbers of the option and of the file, without separators; print a fault and
    exit."""
    values = [phone] if phone is not None else []
    if file:
        values.append(_read_file(file))
    numbers = [SEPARATORS.sub("", each.strip()) for each in values]
    if not all(map(E164.fullmatch, numbers)):
        fail(f"--phone: {NO_PHONE}", 2)
    return numbers


def _read_file(file: TextIO) -> str:
    try:
        return file.read(LONGEST_FILE)
    except UnicodeDecodeError:  # the error message would quote the contents
        return ""


def resolve_tenant(config: Configuration, id: str | None) -> str:
    """Return the municipality; without an id the only one there is. Print a fault and exit."""
    ids = [tenant.id for tenant in config.tenants]
    if id is None and len(ids) == 1:
        return ids[0]
    if id not in ids:
        fault = f"there is no {id!r}; there is" if id else "say which:"
        fail(f"--tenant: {fault} {', '.join(ids)}", 2)
    return id


async def find_person(connection: Connection, keys: KeyStore, person: PersonFilter) -> SubjectMatch:
    """Find the conversations of a person; CommandRefused if that is not possible, or too many."""
    tenant = person.tenant
    try:
        return await find_subject(connection, keys, tenant, person.names)
    except CannotDecrypt:
        raise CommandRefused(f"the key of {tenant} does not open: nobody can be found") from None
    except TooManyMatches as error:
        raise CommandRefused(str(error)) from None
