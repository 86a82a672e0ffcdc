"""Check that each secret has one purpose: a key that opens the archive must not sign a webhook too,
or whoever needs the one has the other."""

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from services.config import settings
from services.config.model import ConfigFile, Configuration, locate_error
from services.config.numbers import Number
from services.config.organisation import Destination
from services.toml.errors import Location

ARCHIVE, WORKING = "the key of the archive", "the key of working data"
WEBHOOK, VERIFY = "a secret of webhooks", "a verify token"
ACCESS, API = "an access token", "a token of our API"
DESTINATION, FILE = "a secret of a destination", "the path of a certificate"
PERSON, ADDRESS = "the token of a person", "the address of a server"
ZGW = "a secret of a Documenten API"
PIN, STORE = "the PIN of the signer's token", "a key of the object store"
SETTINGS = {
    "POSTKAMER_ARCHIVE_KEY": ARCHIVE,
    "POSTKAMER_WORKING_KEY": WORKING,
    "POSTKAMER_META_APP_SECRETS": WEBHOOK,
    "POSTKAMER_META_VERIFY_TOKEN": VERIFY,
    "POSTKAMER_META_ACCESS_TOKEN": ACCESS,
    "POSTKAMER_API_TOKENS": API,
    "POSTKAMER_TEST_TOKENS": API,
    "POSTKAMER_API_TOKEN": API,
    "POSTKAMER_PERSON_TOKEN": PERSON,
    "POSTKAMER_SIGNER_PIN": PIN,
    "POSTKAMER_DATABASE_URL": ADDRESS,
    "POSTKAMER_AMQP_URL": ADDRESS,
    "POSTKAMER_DATABASE_PASSWORD": ADDRESS,
    "POSTKAMER_AMQP_PASSWORD": ADDRESS,
    "POSTKAMER_BROKER_MANAGEMENT_PASSWORD": ADDRESS,
    "AWS_ACCESS_KEY_ID": STORE,
    "AWS_SECRET_ACCESS_KEY": STORE,
    "AWS_SESSION_TOKEN": STORE,
}
"""Setting with a secret -> its purpose. Settings of one purpose may be equal: the command line has
one of the tokens of the API."""
LISTS = frozenset({ARCHIVE, WORKING, WEBHOOK, API})
"""Purposes of settings with several values, comma separated."""
OF_DESTINATION = {
    "secret": DESTINATION,
    "secret_next": DESTINATION,
    "objects_secret": DESTINATION,
    "archive_secret": API,
    "client_certificate": FILE,
    "client_key": FILE,
    "certificate_authorities": FILE,
}
"""Setting of a destination -> its purpose."""


class NamedSecret(msgspec.Struct, frozen=True):
    """Secret that the configuration has, or names as `env:NAME`."""

    where: Location
    owner: str
    """Words for what it belongs to, such as `destination crm`."""
    value: str
    purpose: str

    @property
    def variable(self) -> str:
        """Name of the variable; '' for a value that stands in the file."""
        return self.value.removeprefix("env:") if self.value.startswith("env:") else ""


def check_names(config: Configuration, sources: Sequence[ConfigFile]) -> list[str]:
    """Return a fault for each secret that names a variable of another purpose."""
    purposes = {f"{name}{end}": what for name, what in SETTINGS.items() for end in ("", "_FILE")}
    faults = []
    for secret in _named_secrets(config):
        if not secret.variable:
            continue
        purpose = purposes.setdefault(secret.variable, secret.purpose)
        if purpose != secret.purpose:
            what = f"{secret.variable} is {purpose}: name a variable of its own"
            faults.append(str(locate_error(sources, secret.where, what)))
    return faults


def check_values(config: Configuration, environ: Mapping[str, str]) -> list[str]:
    """Return a fault for each secret with the value of one that has another purpose, without the
    value. A name that `check_names` refuses is not reported again."""
    seen: dict[str, tuple[str, str, str]] = {}
    faults = []
    for variable, label, purpose, value in _values(config, environ):
        other, other_label, other_purpose = seen.setdefault(value, (variable, label, purpose))
        if other_purpose != purpose and (not variable or other != variable):
            faults.append(f"{label}: has the value of {other_label}: each purpose needs its own")
    return sorted(set(faults))


def _values(
    config: Configuration, environ: Mapping[str, str]
) -> Iterator[tuple[str, str, str, str]]:
    """Yield variable, label, purpose and value of each secret that can be read. The checks of the
    settings report the others."""
    for name, purpose in SETTINGS.items():
        if purpose != ADDRESS:
            for value in _split(purpose, _read(name, environ)):
                yield name, name, purpose, value
    for secret in _named_secrets(config):
        value = _read(secret.variable, environ) if secret.variable else secret.value
        if value and secret.purpose != FILE:
            field = next(part for part in reversed(secret.where) if isinstance(part, str))
            label = f"{secret.variable or field} ({secret.owner})"
            yield secret.variable, label, secret.purpose, value


def _read(name: str, environ: Mapping[str, str]) -> str:
    try:
        return settings.read(name, environ) or ""
    except OSError:
        return ""


def _split(purpose: str, value: str) -> Iterator[str]:
    """Yield the secrets in the value of a setting; of `name:token` the token."""
    for part in value.split(",") if purpose in LISTS else [value]:
        secret = part.partition(":")[2] if purpose == API and ":" in part else part
        if secret.strip():
            yield secret.strip()


def _named_secrets(config: Configuration) -> Iterator[NamedSecret]:
    for n, number in enumerate(config.numbers):
        yield from _secrets_of_number(("numbers", n), number)
    for n, tenant in enumerate(config.tenants):
        for m, handover in enumerate(tenant.handover):
            if handover.client_secret:
                where: Location = ("tenants", n, "handover", m, "client_secret")
                owner = f"handover {handover.id}"
                yield NamedSecret(where, owner, handover.client_secret, ZGW)
    for n, destination in enumerate(config.destinations):
        yield from _secrets_of_destination(("destinations", n), destination)


def _secrets_of_number(where: Location, number: Number) -> Iterator[NamedSecret]:
    owner = f"number {number.id}"
    for value in number.secrets:
        yield NamedSecret((*where, "secrets"), owner, value, WEBHOOK)
    for n, previous in enumerate(number.previous):
        for value in previous.secrets:
            yield NamedSecret((*where, "previous", n, "secrets"), owner, value, WEBHOOK)
    for name, purpose in (("verify_token", VERIFY), ("access_token", ACCESS)):
        if value := getattr(number, name):
            yield NamedSecret((*where, name), owner, value, purpose)


def _secrets_of_destination(where: Location, destination: Destination) -> Iterator[NamedSecret]:
    owner = f"destination {destination.id}"
    for name, purpose in OF_DESTINATION.items():
        value = getattr(destination, name, "")
        if value and (purpose != FILE or value.startswith("env:")):
            yield NamedSecret((*where, name), owner, value, purpose)
    oauth = getattr(destination, "oauth", None)
    if oauth and oauth.client_secret:
        place = (*where, "oauth", "client_secret")
        yield NamedSecret(place, owner, oauth.client_secret, DESTINATION)
