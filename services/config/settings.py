"""Settings from the environment: addresses and secrets, typed, with all faults at once.

A setting `X` may be given as `X_FILE`, the path of a file that holds its value. A running service
follows the files of secrets: `services.config.secret_files`. The password of an address may stand
in a setting of its own: `DATABASE_PASSWORD` for `DATABASE_URL`.
"""

import base64
import binascii
import errno
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
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
    InstanceOf,
    SecretStr,
    ValidationError,
)

from services.config.numbers import WithoutUserInfo
from services.servers.addresses import HOST, describe_exposed, find_exposed
from services.servers.authorities import find_unusable
from services.servers.logins import LOGINS, add_login
from services.transparency.cosignature import Witness, read_witness

PREFIX = "POSTKAMER_"
URL = r"^https?://[^\s/?#@]+[^\s?#@]*$"
OPS_URLS = (
    "router=http://127.0.0.1:9081,gateway=http://127.0.0.1:9080,"
    "deliverer=http://127.0.0.1:9082,archiver=http://127.0.0.1:9083"
)
"""Addresses of the operations ports when nothing else is set: this machine."""
LINE = "expected one line"
OBJECT_STORE = "expected file:///folder or s3://bucket/prefix"
OBJECT_STORE_AUTHORITIES = r"(cafile=/[^&]+)?"


class SettingsError(ValueError):
    """All missing or wrong settings, a sentence for each, never with a value."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = sorted(faults)
        super().__init__("\n".join(self.faults))


def _split(value: Any) -> Any:
    return (
        tuple(part.strip() for part in value.split(",") if part.strip())
        if isinstance(value, str)
        else value
    )


def _parse_tokens(value: Any) -> Any:
    pairs = [(name.strip(), token.strip()) for name, _, token in map(_partition, _split(value))]
    if not all(name and token for name, token in pairs):
        raise ValueError("expected name:token pairs, comma separated")
    return tuple(pairs)


def parse_ops_urls(value: Any) -> Any:
    """Return the `name=address` pairs of a text; anything else stays as it is."""
    if not isinstance(value, str):
        return value
    pairs = [each.partition("=") for each in _split(value)]
    urls = [(name.strip(), url.strip().rstrip("/")) for name, _, url in pairs]
    if not all(name and re.fullmatch(URL, url) for name, url in urls):
        raise ValueError(
            "expected name=address pairs, comma separated, such as router=http://127.0.0.1:9081"
        )
    return tuple(urls)


def _partition(pair: str) -> tuple[str, str, str]:
    return pair.partition(":")


def _parse_hosts(value: Any) -> Any:
    hosts = tuple(each.lower() for each in _split(value)) if isinstance(value, str) else value
    if not all(re.fullmatch(HOST, each) for each in hosts):
        raise ValueError("expected names or addresses of hosts, comma separated, without a port")
    return hosts


def _check_key(value: SecretStr) -> SecretStr:
    try:
        raw = base64.b64decode(value.get_secret_value(), validate=True)
    except binascii.Error:
        raw = b""
    if len(raw) != 32:
        raise ValueError("expected 32 bytes in base64")
    return value


def _check_amqp_urls(value: SecretStr) -> SecretStr:
    urls = _split(value.get_secret_value())
    if not urls or not all(map(_is_amqp, urls)):
        raise ValueError("expected amqp:// or amqps:// URLs with a host, comma separated")
    return value


def _is_amqp(url: str) -> bool:
    try:
        parts = urlsplit(url)
        # `port` raises if it is no port; most often that is a password with a slash in it.
        return parts.scheme in ("amqp", "amqps") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # its message quotes the URL
        return False


def _check_management_url(value: SecretStr) -> SecretStr:
    try:
        parts = urlsplit(value.get_secret_value())
        is_right = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # its message quotes the URL
        is_right = False
    if not (is_right and parts.username and parts.password):
        raise ValueError("expected http://user:password@host:15672 or the same with https")
    return value


def _check_database_url(value: SecretStr) -> SecretStr:
    """Check the scheme only: PostgreSQL allows no host (a socket), and more than one."""
    if not value.get_secret_value().startswith(("postgresql://", "postgres://")):
        raise ValueError("expected a postgresql:// or postgres:// URL")
    return value


def _check_header(value: SecretStr) -> SecretStr:
    """Refuse a token that a header cannot hold: the HTTP client would refuse it too, and quote
    it."""
    if not re.fullmatch("[!-~]+", value.get_secret_value()):
        raise ValueError("expected a token: printable ASCII without spaces")
    return value


def _is_line(value: str) -> bool:
    return not re.search(r"[\x00-\x1f\x7f]", value)


def _check_line(value: SecretStr) -> SecretStr:
    """Refuse a secret of two lines: nobody else takes the rest of a file for part of it."""
    if not _is_line(value.get_secret_value()):
        raise ValueError(LINE)
    return value


def object_store(value: str) -> str:
    """Check the URL of a folder, by its absolute path, or of a bucket, without S3's keys."""
    try:
        parts = urlsplit(value)
        host = parts.hostname or ""
    except ValueError:  # its message quotes the URL
        raise ValueError(OBJECT_STORE) from None
    folder = parts.scheme == "file" and not parts.netloc and len(parts.path) > 1
    bucket = parts.scheme == "s3" and parts.netloc == host != ""
    query = OBJECT_STORE_AUTHORITIES if bucket else ""
    if not (folder or bucket) or parts.fragment or not re.fullmatch(query, parts.query):
        raise ValueError(OBJECT_STORE)
    return value


def _optional_object_store(value: str) -> str:
    return object_store(value) if value else ""


def _check_signer_url(value: str) -> str:
    """Check the address of a socket, by its absolute path."""
    if value and not (value.startswith("unix:///") and len(value) > len("unix:///")):
        raise ValueError("expected unix:///path")
    return value


def _check_scanner_url(value: str) -> str:
    """Check the URL: a host and a port, or a socket by its absolute path."""
    try:
        parts = urlsplit(value)
        is_tcp = parts.scheme == "tcp" and bool(parts.hostname) and bool(parts.port)
        is_tcp = is_tcp and "@" not in parts.netloc
    except ValueError:
        is_tcp = False
    is_socket = value.startswith("unix:///") and len(value) > len("unix:///")
    if value and not (is_tcp or is_socket):
        raise ValueError("expected tcp://host:port or unix:///path")
    return value


def _parse_witnesses(value: Any) -> Any:
    """Return the witnesses of a text: comma separated, or a line each."""
    if not isinstance(value, str):
        return value
    try:
        witnesses = tuple(map(read_witness, filter(str.strip, re.split(r"[,\n]", value))))
        if not all(each.url for each in witnesses):
            raise ValueError
    except ValueError:
        raise ValueError(
            "expected `URL verifier-key` pairs, comma separated or a line each; the key is what"
            " postkamer witness key show prints"
        ) from None
    return witnesses


AmqpUrls = Annotated[SecretStr, AfterValidator(_check_amqp_urls)]
ManagementUrl = Annotated[SecretStr, AfterValidator(_check_management_url)]
DatabaseUrl = Annotated[SecretStr, AfterValidator(_check_database_url)]
Token = Annotated[SecretStr, AfterValidator(_check_header)]
Line = Annotated[SecretStr, AfterValidator(_check_line)]
Secrets = Annotated[tuple[Line, ...], BeforeValidator(_split), Field(min_length=1)]
Tokens = Annotated[
    tuple[tuple[str, SecretStr], ...], BeforeValidator(_parse_tokens), Field(min_length=1)
]
"""Pairs of a name (`name@municipality` if there are several) and a token. A name has two tokens
while its token is being replaced."""
OptionalTokens = Annotated[tuple[tuple[str, SecretStr], ...], BeforeValidator(_parse_tokens)]
Keys = Annotated[
    tuple[Annotated[SecretStr, AfterValidator(_check_key)], ...],
    BeforeValidator(_split),
    Field(min_length=1),
]
"""The current key, then the earlier ones."""
Hosts = Annotated[tuple[str, ...], BeforeValidator(_parse_hosts)]
Networks = Annotated[tuple[IPv4Network | IPv6Network, ...], BeforeValidator(_split)]
ObjectStore = Annotated[str, AfterValidator(object_store)]
Url = Annotated[str, Field(pattern=URL)]
OpsUrls = Annotated[tuple[tuple[str, str], ...], BeforeValidator(parse_ops_urls)]
"""Names of services, each with the address of its operations port."""
GraphUrl = Annotated[str, Field(pattern=r"^https?://\S+$"), WithoutUserInfo]
Witnesses = Annotated[tuple[InstanceOf[Witness], ...], BeforeValidator(_parse_witnesses)]
ScannerUrl = Annotated[str, AfterValidator(_check_scanner_url)]
SignerUrl = Annotated[str, AfterValidator(_check_signer_url)]
PublicKeys = Annotated[tuple[str, ...], BeforeValidator(_split)]
"""Published keys: the current one, then the earlier ones."""
Port = Annotated[int, Field(ge=0, le=65535)]


class ServerSettings(BaseModel):
    """The rule for the addresses of servers."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    plain_hosts: Hosts = ()
    """Other machines that may be spoken to without TLS, since something else protects the way. Our
    own services and the scanner count too."""


class DatabaseSettings(ServerSettings):
    """Address of the database."""

    database_url: DatabaseUrl


class BalanceSettings(DatabaseSettings):
    """Addresses of what `postkamer balance` asks."""

    amqp_url: AmqpUrls | None = None


class ArchiveSettings(DatabaseSettings):
    """Keys that decrypt the archive."""

    archive_key: Keys


class SignerSettings(BaseModel):
    """The signer of the checkpoints of the log."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    archive_signer: SignerUrl = ""
    """Socket of the signer process; '' derives the signing key from the master key."""
    archive_public_key: PublicKeys = ()


class TimestampSettings(BaseModel):
    """The authority that stamps checkpoints with the time (RFC 3161)."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    archive_timestamps: Url = ""
    """Address of the authority; '' asks none."""
    archive_timestamp_roots: str = ""
    """Certificates in PEM to which its own must lead."""


class BrokerSettings(ServerSettings):
    """Addresses of the nodes of the broker, comma separated."""

    amqp_url: AmqpUrls


class ManagementSettings(ServerSettings):
    """Address of the broker's management API, with a user and a password, for commands."""

    broker_management_url: ManagementUrl | None = None


class WorkingKeySettings(BaseModel):
    """Keys above those that seal working data."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    working_key: Keys


class ProcessSettings(DatabaseSettings, WorkingKeySettings):
    """Settings of every process that runs for long, the desk's too."""

    bind: str = "127.0.0.1"
    log_level: str = Field(default="info", pattern="^(debug|info|warning|error)$")
    traces_url: Url = ""
    """Address to which traces are sent in OTLP over HTTP; '' sends none, unless OpenTelemetry's own
    variables name a collector."""


class Settings(ProcessSettings, BrokerSettings):
    """Settings of the services around the broker."""

    config: Path


class TokenSettings(BaseModel):
    """Tokens that may call an API, besides those in the database."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    api_tokens: Tokens
    test_tokens: OptionalTokens = ()
    """Tokens with which nothing reaches Meta."""


class ApiSettings(ServerSettings):
    """Address of the gateway's API, and a token, for the command line."""

    gateway_url: Url
    api_token: Token


class PersonSettings(BaseModel):
    """Proof of who runs a command."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    person_token: SecretStr | None = None
    """Access token of the person, from the municipality's identity provider."""
    require_proven: bool = False
    """True if a name that is only stated is refused in a test installation too."""
    config: Path | None = None


class StatusSettings(ServerSettings):
    """Addresses of what `postkamer status` asks; only the services have one by default."""

    ops_urls: OpsUrls = Field(default=OPS_URLS, validate_default=True)
    config: Path | None = None
    database_url: DatabaseUrl | None = None
    amqp_url: AmqpUrls | None = None
    broker_metrics_url: Url | None = None
    """RabbitMQ's metrics, such as `http://rabbitmq:15692/metrics`."""


class BackupSettings(BaseModel):
    """The tool that makes the base back-ups, for `postkamer backup check`."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    pgbackrest: str = ""
    """Command with its options, such as `/usr/bin/pgbackrest --stanza=postkamer`."""


class GatewaySettings(Settings, TokenSettings):
    meta_app_secrets: Secrets
    meta_verify_token: Line
    meta_client_name_header: str = Field(default="", pattern="^[A-Za-z0-9-]{0,64}$")
    """Header in which a TLS proxy passes the name on the client certificate; '' skips the check."""
    meta_client_name: str = "client.webhooks.fbclientcerts.com"
    object_store: ObjectStore
    trusted_proxies: Networks = ()
    """Networks of the proxies in front, such as `10.1.0.7/32`: their connections do not count for
    their address, and they name the client in X-Forwarded-For."""
    gateway_port: Port = 8080
    gateway_ops_port: Port = 9080


class RouterSettings(Settings, TokenSettings):
    archive_key: Keys
    api_tokens: OptionalTokens = ()
    """Unlike gateway and archiver it needs none: those of the database and of persons are enough to
    try and read the rules."""
    router_port: Port = 8081
    router_ops_port: Port = 9081


class NetworkSettings(BaseModel):
    """Private networks in which CRMs and the APIs of ZGW may be, such as `10.1.0.0/16`."""

    model_config = ConfigDict(frozen=True)

    private_networks: Networks = ()


class GraphSettings(ServerSettings):
    """Way to Meta's Graph API, and what the checks of numbers need besides."""

    meta_access_token: Token
    meta_graph_url: GraphUrl
    webhook_url: Url = ""
    """Public address of the gateway's webhook; '' takes the address that Meta names."""
    meta_app_secrets: Annotated[tuple[Line, ...], BeforeValidator(_split)] = ()
    """App secrets, with which the checks also see the fields of the webhook."""


class DelivererSettings(Settings, NetworkSettings, GraphSettings):
    object_store: ObjectStore
    scanner_url: ScannerUrl = ""
    """URL of clamd; '' scans no file."""
    archiver_url: Url = "http://127.0.0.1:8083"
    """Address of the archiver's API for CRMs, which ask there for content that events leave out."""
    deliverer_ops_port: Port = 9082


class WitnessSettings(BaseModel):
    """Witnesses that co-sign the log."""

    model_config = ConfigDict(frozen=True)

    archive_witnesses: Witnesses = ()
    archive_witness_quorum: int = Field(default=0, ge=0)
    """Number of witnesses whose co-signature `archive verify` demands; 0 demands all."""


class ArchiverSettings(
    Settings, TokenSettings, SignerSettings, TimestampSettings, WitnessSettings, NetworkSettings
):
    archive_key: Keys
    meta_access_token: Token
    meta_graph_url: GraphUrl
    object_store: ObjectStore
    scanner_url: ScannerUrl = ""
    """URL of clamd; '' scans no file."""
    upload_store: Annotated[str, AfterValidator(_optional_object_store)] = ""
    """Store of the gateway's uploads; '' if that is `object_store` too."""
    archiver_port: Port = 8083
    archiver_ops_port: Port = 9083


class DeskSettings(ProcessSettings):
    """Settings of the desk, which is a CRM: it knows the APIs by their addresses, and the provider
    at which employees log in."""

    gateway_url: Url = "http://127.0.0.1:8080"
    archiver_url: Url = "http://127.0.0.1:8083"
    router_url: Url = "http://127.0.0.1:8081"
    desk_url: Url = "http://127.0.0.1:8070"
    """Public address, to which the provider sends browsers back."""
    desk_secret: Secrets
    """Secrets of its destination, as Standard Webhooks writes them; several while one is being
    replaced."""
    desk_issuer: Url
    """Issuer of the OpenID Connect provider, to the letter."""
    desk_client_id: str = Field(default="postkamer-desk", min_length=1, max_length=200)
    desk_client_secret: Line = SecretStr("")
    """Secret that the provider knows the desk by; '' for a public client, which PKCE protects."""
    desk_scope: str = Field(default="openid profile", pattern=r"^openid( [!-~]+)*$", max_length=500)
    desk_design: str = Field(default="", pattern=r"^(/.+)?$")
    """Folder with the municipality's own design tokens, in files that replace ours."""
    desk_port: Port = 8070
    desk_ops_port: Port = 9084


AnySettings = TypeVar("AnySettings", bound=BaseModel)


def load(kind: type[AnySettings], environ: Mapping[str, str]) -> AnySettings:
    """Load the settings of `kind`; raises SettingsError with every missing or wrong one by name."""
    values: dict[str, str] = {}
    unreadable: dict[str, str] = {}
    for field in kind.model_fields:
        try:
            if (value := _read_field(field, environ)) is not None:
                values[field] = value
        except _UnreadableFile as error:
            unreadable[field] = str(error)
    faults, wrong = list(unreadable.values()), set[int | str]()
    try:
        settings = kind.model_validate(values)
    except ValidationError as error:
        errors = [e for e in error.errors() if e["loc"][0] not in unreadable]
        faults += [_sentence(e["loc"], e["type"], e["msg"]) for e in errors]
        wrong = {e["loc"][0] for e in errors}
    readable = {field: value for field, value in values.items() if field not in wrong}
    faults += _exposed_servers(readable, environ)
    if faults:
        raise SettingsError(faults)
    return settings


class _UnreadableFile(Exception):
    """The variable of a file that cannot be read, and why."""


def _read_field(field: str, environ: Mapping[str, str]) -> str | None:
    """Return the value of a field, an address with the login that stands apart from it."""
    value = _read_or_name(PREFIX + field.upper(), environ)
    if value is None or field not in LOGINS:
        return value
    user, password = (
        _read_or_name(f"{PREFIX}{LOGINS[field]}_{part}", environ) for part in ("USER", "PASSWORD")
    )
    return add_login(value, user or "", password) if password else value


def _read_or_name(name: str, environ: Mapping[str, str]) -> str | None:
    try:
        return read(name, environ)
    except OSError as error:
        raise _UnreadableFile(f"{name}_FILE: cannot be read ({error.strerror})") from None


def _exposed_servers(values: Mapping[str, str], environ: Mapping[str, str]) -> list[str]:
    """Return a sentence for each address of a server that would be spoken to without protection, or
    by a file of authorities that verifies nothing."""
    plain = _parse_hosts(values.get("plain_hosts", ""))
    found = [*find_exposed(values, plain, environ), *find_unusable(values, environ)]
    return [f"{PREFIX}{field.upper()}: {what}" for field, what in found]


def exposed_calls(urls: Iterable[str], environ: Mapping[str, str]) -> list[str]:
    """Return a sentence if addresses of the configuration, such as those of CRMs, would be called
    without protection."""
    try:
        plain = _parse_hosts(read(f"{PREFIX}PLAIN_HOSTS", environ) or "")
    except (OSError, ValueError):  # the settings of the service say so
        return []
    return describe_exposed(urls, plain)


def read(name: str, environ: Mapping[str, str]) -> str | None:
    """Return the value of a setting, from the variable or from the file at `<name>_FILE`.

    None if it is absent or empty. Raises OSError, which quotes nothing of the file, if the file
    cannot be read.
    """
    if path := environ.get(name + "_FILE"):
        try:
            # Windows puts a byte order mark first.
            return Path(path).read_text(encoding="utf-8-sig").strip() or None
        except UnicodeDecodeError:
            raise OSError(errno.EILSEQ, "it is no text") from None
    return environ.get(name) or None


def resolve_env(reference: str, environ: Mapping[str, str]) -> str:
    """Return a secret that the configuration names as `env:NAME`.

    Raises ValueError, which names the variable and quotes nothing, if it is missing or cannot be
    read.
    """
    name = reference.removeprefix("env:")
    try:
        value = read(name, environ)
    except OSError as error:
        raise ValueError(f"{name}: cannot be read ({error.strerror})") from None
    if value is None:
        raise ValueError(f"{name}: is missing")
    if not _is_line(value):
        raise ValueError(f"{name}: {LINE}")
    return value


def _sentence(where: tuple[int | str, ...], kind: str, message: str) -> str:
    name = PREFIX + str(where[0]).upper()
    what = message.removeprefix("Value error, ")  # pydantic's prefix of our own sentences
    return f"{name}: is missing" if kind == "missing" else f"{name}: {what}"


def derive_key(masters: Sequence[SecretStr], purpose: str) -> bytes:
    """Derive a key of 32 bytes for one purpose from the oldest master key.

    The derivation cannot be reversed. A new master key changes nothing here, so that earlier hashes
    can still be looked up.
    """
    return hashlib.blake2b(purpose.encode(), key=key_bytes(masters[-1]), digest_size=32).digest()


def key_bytes(key: SecretStr) -> bytes:
    """Return the bytes of a master key."""
    return base64.b64decode(key.get_secret_value())
