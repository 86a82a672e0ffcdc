"""Where things are, and the secrets: the environment, read once, typed, every fault named.

A secret `X` may be given as `X_FILE`, the path of a file that holds it.
"""

import base64
import binascii
import errno
import hashlib
import re
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Any, TypeVar
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
)

PREFIX = "POSTKAMER_"
OBJECT_STORE = "expected file:///folder or s3://bucket/prefix"


class SettingsError(ValueError):
    """Every setting that is missing or wrong, a sentence each; never their values."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = sorted(faults)
        super().__init__("\n".join(self.faults))


def _split(value: Any) -> Any:
    return (
        tuple(part.strip() for part in value.split(",") if part.strip())
        if isinstance(value, str)
        else value
    )


def _named(value: Any) -> Any:
    pairs = [(name.strip(), token.strip()) for name, _, token in map(_parted, _split(value))]
    if not all(name and token for name, token in pairs):
        raise ValueError("expected name:token pairs, comma separated")
    return tuple(pairs)


def _parted(pair: str) -> tuple[str, str, str]:
    return pair.partition(":")


def _key(value: SecretStr) -> SecretStr:
    try:
        raw = base64.b64decode(value.get_secret_value(), validate=True)
    except binascii.Error:
        raw = b""
    if len(raw) != 32:
        raise ValueError("expected 32 bytes in base64")
    return value


def _amqp_urls(value: SecretStr) -> SecretStr:
    urls = _split(value.get_secret_value())
    if not urls or not all(map(_is_amqp, urls)):
        raise ValueError("expected amqp:// or amqps:// URLs with a host, comma separated")
    return value


def _is_amqp(url: str) -> bool:
    try:
        parts = urlsplit(url)
        # A port that is none raises; most often it is a password with a slash in it.
        return parts.scheme in ("amqp", "amqps") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # it quotes what it could not read
        return False


def _database_url(value: SecretStr) -> SecretStr:
    """The host may be absent (a socket), or more than one: PostgreSQL's own to judge."""
    if not value.get_secret_value().startswith(("postgresql://", "postgres://")):
        raise ValueError("expected a postgresql:// or postgres:// URL")
    return value


def _header(value: SecretStr) -> SecretStr:
    """What a header cannot hold is refused by whoever writes it, who would quote it."""
    if not re.fullmatch("[!-~]+", value.get_secret_value()):
        raise ValueError("expected a token: printable ASCII without spaces")
    return value


def object_store(value: str) -> str:
    """A folder by its whole path, or a bucket; S3's keys do not belong in it."""
    try:
        parts = urlsplit(value)
        host = parts.hostname or ""
    except ValueError:  # it quotes what it could not read
        raise ValueError(OBJECT_STORE) from None
    folder = parts.scheme == "file" and not parts.netloc and len(parts.path) > 1
    bucket = parts.scheme == "s3" and parts.netloc == host != ""
    if not (folder or bucket) or parts.query or parts.fragment:
        raise ValueError(OBJECT_STORE)
    return value


def _scanner(value: str) -> str:
    """A host and a port, or a socket by its whole path."""
    try:
        parts = urlsplit(value)
        named = parts.scheme == "tcp" and bool(parts.hostname) and bool(parts.port)
    except ValueError:
        named = False
    socket = value.startswith("unix:///") and len(value) > len("unix:///")
    if value and not (named or socket):
        raise ValueError("expected tcp://host:port or unix:///path")
    return value


AmqpUrls = Annotated[SecretStr, AfterValidator(_amqp_urls)]
DatabaseUrl = Annotated[SecretStr, AfterValidator(_database_url)]
Secrets = Annotated[tuple[SecretStr, ...], BeforeValidator(_split), Field(min_length=1)]
Tokens = Annotated[tuple[tuple[str, SecretStr], ...], BeforeValidator(_named), Field(min_length=1)]
"""Names, `name@municipality` where there are several, and tokens: a name has two while its token is
replaced."""
Keys = Annotated[
    tuple[Annotated[SecretStr, AfterValidator(_key)], ...],
    BeforeValidator(_split),
    Field(min_length=1),
]
"""The one of now, then those of before."""
Networks = Annotated[tuple[IPv4Network | IPv6Network, ...], BeforeValidator(_split)]
ObjectStore = Annotated[str, AfterValidator(object_store)]
Url = Annotated[str, Field(pattern=r"^https?://[^\s/?#@]+[^\s?#@]*$")]
GraphUrl = Annotated[str, Field(pattern=r"^https?://\S+$")]
ScannerUrl = Annotated[str, AfterValidator(_scanner)]
Port = Annotated[int, Field(ge=0, le=65535)]


class DatabaseSettings(BaseModel):
    """Where the database is."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    database_url: DatabaseUrl


class ArchiveSettings(DatabaseSettings):
    """What opens the record."""

    archive_key: Keys


class BrokerSettings(BaseModel):
    """Where the broker is: one or more nodes, comma separated."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    amqp_url: AmqpUrls


class Settings(DatabaseSettings, BrokerSettings):
    """What every service needs."""

    config: Path
    bind: str = "127.0.0.1"
    log_level: str = Field(default="info", pattern="^(debug|info|warning|error)$")


class TokenSettings(BaseModel):
    """Who may call an API, besides the tokens of the table."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    api_tokens: Tokens


class ApiSettings(BaseModel):
    """How the command line comes to the gateway's API."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    api_url: Url = "http://127.0.0.1:8080"
    api_token: Annotated[SecretStr, AfterValidator(_header)]


class GatewaySettings(Settings, TokenSettings):
    meta_app_secrets: Secrets
    meta_verify_token: SecretStr
    meta_client_name_header: str = Field(default="", pattern="^[A-Za-z0-9-]{0,64}$")
    """Where a TLS proxy says whose client certificate it saw; empty: not asked."""
    meta_client_name: str = "client.webhooks.fbclientcerts.com"
    object_store: ObjectStore
    gateway_port: Port = 8080
    gateway_ops_port: Port = 9080


class RouterSettings(Settings):
    archive_key: Keys
    router_ops_port: Port = 9081


class DelivererSettings(Settings):
    meta_access_token: SecretStr
    meta_graph_url: GraphUrl
    object_store: ObjectStore
    scanner_url: ScannerUrl = ""
    """Of clamd; empty: no file is scanned."""
    private_networks: Networks = ()
    """Beside the internet, where CRMs may be: `10.1.0.0/16`."""
    archiver_url: Url = "http://127.0.0.1:8083"
    """Where CRMs reach the archiver's API: what events leave out is asked there."""
    deliverer_ops_port: Port = 9082


class ArchiverSettings(Settings, TokenSettings):
    archive_key: Keys
    meta_access_token: SecretStr
    meta_graph_url: GraphUrl
    object_store: ObjectStore
    scanner_url: ScannerUrl = ""
    """Of clamd; empty: no file is scanned."""
    archiver_port: Port = 8083
    archiver_ops_port: Port = 9083


AnySettings = TypeVar("AnySettings", bound=BaseModel)


def load(kind: type[AnySettings], environ: Mapping[str, str]) -> AnySettings:
    """The settings of `kind`; SettingsError with every missing or wrong one by its full name."""
    given: dict[str, str] = {}
    unread: dict[str, str] = {}
    for field in kind.model_fields:
        name = PREFIX + field.upper()
        try:
            if (value := read(name, environ)) is not None:
                given[field] = value
        except OSError as error:
            unread[field] = f"{name}_FILE: cannot be read ({error.strerror})"
    faults = list(unread.values())
    try:
        settings = kind.model_validate(given)
    except ValidationError as error:
        wrong = (e for e in error.errors() if e["loc"][0] not in unread)
        faults += [_sentence(e["loc"], e["type"], e["msg"]) for e in wrong]
    if faults:
        raise SettingsError(faults)
    return settings


def read(name: str, environ: Mapping[str, str]) -> str | None:
    """The value of a setting, given directly or as the path in `<name>_FILE`; None when absent or
    empty. OSError, which quotes nothing of the file, when it cannot be read."""
    if path := environ.get(name + "_FILE"):
        try:
            return Path(path).read_text(encoding="utf-8").strip() or None
        except UnicodeDecodeError:
            raise OSError(errno.EILSEQ, "it is no text") from None
    return environ.get(name) or None


def resolve_env(given: str, environ: Mapping[str, str]) -> str:
    """A secret that the configuration names as `env:NAME`; ValueError, which names the variable and
    quotes nothing, when it is missing or cannot be read."""
    name = given.removeprefix("env:")
    try:
        value = read(name, environ)
    except OSError as error:
        raise ValueError(f"{name}: cannot be read ({error.strerror})") from None
    if value is None:
        raise ValueError(f"{name}: is missing")
    return value


def _sentence(where: tuple[int | str, ...], kind: str, message: str) -> str:
    name = PREFIX + str(where[0]).upper()
    what = message.removeprefix("Value error, ")  # what pydantic puts before our own sentences
    return f"{name}: is missing" if kind == "missing" else f"{name}: {what}"


def derived_key(masters: Sequence[SecretStr], purpose: str) -> bytes:
    """A key of 32 bytes for one purpose, from the first master key that there ever was: its holder
    cannot go back. A new one before it changes nothing here: what was hashed stays findable."""
    return hashlib.blake2b(purpose.encode(), key=key_bytes(masters[-1]), digest_size=32).digest()


def key_bytes(key: SecretStr) -> bytes:
    """A master key as it is used."""
    return base64.b64decode(key.get_secret_value())
