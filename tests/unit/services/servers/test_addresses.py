"""The rule: other machines by verified TLS, or by name; and it is the same for whoever reads it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, get_args

import pytest
from asyncpg.connect_utils import (  # type: ignore[attr-defined]
    SSLMode,
    _parse_connect_dsn_and_args,
)
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from services.config import settings
from services.config.model import Configuration
from services.config.settings import (
    ApiSettings,
    ArchiverSettings,
    DeskSettings,
    ManagementSettings,
    SettingsError,
    StatusSettings,
    load,
)
from services.servers import authorities
from services.servers.addresses import (
    broker_addresses,
    database_addresses,
    find_exposed,
    is_this_machine,
)
from tests.support.test_ca import Authority
from tests.unit.services.config.test_settings import GOOD

AMQP, DATABASE, MANAGEMENT, GRAPH, BUCKET = (
    f"POSTKAMER_{name}"
    for name in (
        "AMQP_URL",
        "DATABASE_URL",
        "BROKER_MANAGEMENT_URL",
        "META_GRAPH_URL",
        "OBJECT_STORE",
    )
)
OPS, METRICS, GATEWAY, ROUTER, ISSUER, SCANNER, TRACES = (
    f"POSTKAMER_{name}"
    for name in (
        "OPS_URLS",
        "BROKER_METRICS_URL",
        "GATEWAY_URL",
        "ROUTER_URL",
        "DESK_ISSUER",
        "SCANNER_URL",
        "TRACES_URL",
    )
)
KINDS: dict[str, type[BaseModel]] = {
    AMQP: StatusSettings,
    DATABASE: StatusSettings,
    MANAGEMENT: ManagementSettings,
    OPS: StatusSettings,
    METRICS: StatusSettings,
    GATEWAY: ApiSettings,
    ROUTER: DeskSettings,
    ISSUER: DeskSettings,
}
VERIFIED = "sslmode=verify-full&sslrootcert=/ca.pem"
OTHERS = GOOD | {
    "POSTKAMER_API_TOKEN": "hunter2-operator",
    "POSTKAMER_DESK_SECRET": "hunter2-desk",
    ISSUER: "https://login.example/realms/x",
}
S3 = {BUCKET: "s3://bucket/prefix"}
# Settings, and the hosts that the sentence names; '' if there is none.
TABLE: list[tuple[dict[str, str], str]] = [
    # ---- the broker
    ({AMQP: "amqp://u:hunter2@127.0.0.1/v"}, ""),
    ({AMQP: "amqp://u:hunter2@[::1]:5672/v, amqp://u:hunter2@localhost/v"}, ""),
    ({AMQP: "amqp://u:hunter2@127.9.9.9/v"}, ""),
    ({AMQP: "amqp://u:hunter2@mq1/v"}, "mq1"),
    ({AMQP: "amqp://u:hunter2@localhost.example/v"}, "localhost.example"),
    ({AMQP: "amqp://u:hunter2@0.0.0.0/v"}, "0.0.0.0"),
    ({AMQP: "amqp://u:hunter2@10.0.0.1/v"}, "10.0.0.1"),
    ({AMQP: "amqp://u:hunter2@[fd00::1]/v"}, "fd00::1"),
    ({AMQP: "amqps://u:hunter2@mq1/v"}, ""),
    ({AMQP: "amqps://u:hunter2@mq1/v?cafile=/ca.pem"}, ""),
    ({AMQP: "amqps://u:hunter2@mq1/v?no_verify_ssl=1"}, "mq1"),
    ({AMQP: "amqps://u:hunter2@mq1/v?no_verify_ssl="}, "mq1"),
    ({AMQP: "amqps://u:hunter2@mq1/v?no_verify_ssl"}, "mq1"),
    ({AMQP: "amqps://u:hunter2@mq1/v?no_verify_ssl=0"}, ""),
    ({AMQP: "amqps://u:hunter2@mq1/v?no_verify_ssl=1&no_verify_ssl=0"}, "mq1"),
    ({AMQP: "amqps://u:hunter2@mq1/v,amqp://u:hunter2@mq3/v,amqp://u:hunter2@mq2/v"}, "mq2, mq3"),
    ({AMQP: "amqp://u:hunter2@MQ1/v", "POSTKAMER_PLAIN_HOSTS": "mq1"}, ""),
    ({AMQP: "amqp://u:hunter2@mq1/v", "POSTKAMER_PLAIN_HOSTS": "MQ1, mq2"}, ""),
    ({AMQP: "amqp://u:hunter2@mq1.example/v", "POSTKAMER_PLAIN_HOSTS": "example,mq1"},
     "mq1.example"),
    # A password that ends the host too early is not named as one.
    ({AMQP: "amqp://u:a@hunter2?@mq/v"}, "a host"),
    # ---- the database
    ({DATABASE: "postgresql:///x"}, ""),
    ({DATABASE: "postgresql:///x", "PGHOST": "db1"}, "db1"),
    ({DATABASE: "postgresql:///x", "PGHOST": "/run/postgresql"}, ""),
    ({DATABASE: "postgresql://u:hunter2@localhost:5433/x", "PGHOST": "db1"}, ""),
    ({DATABASE: "postgresql://u:hunter2@%2Frun%2Fpostgresql/x"}, ""),
    ({DATABASE: "postgresql:///x?host=/run/postgresql"}, ""),
    ({DATABASE: "postgresql:///x?host=db1"}, "db1"),
    ({DATABASE: "postgresql://u:hunter2@127.0.0.1/x?host=db1"}, ""),  # the first one counts
    ({DATABASE: "postgresql://u:hunter2@db1/x"}, "db1"),
    ({DATABASE: "postgresql://u:hunter2@db1/x?sslmode=prefer"}, "db1"),
    ({DATABASE: "postgresql://u:hunter2@db1/x?sslmode=require"}, "db1"),
    ({DATABASE: "postgresql://u:hunter2@db1/x?sslmode=verify-ca&sslrootcert=/ca.pem"}, "db1"),
    ({DATABASE: "postgresql://u:hunter2@db1/x?sslmode=verify-full"}, "db1"),
    ({DATABASE: f"postgresql://u:hunter2@db1/x?{VERIFIED}"}, ""),
    ({DATABASE: f"postgresql://u:hunter2@db1/x?{VERIFIED}&sslmode=require"}, "db1"),
    ({DATABASE: f"postgresql://u:hunter2@db1:1,[fd00::2]:2/x?{VERIFIED}"}, ""),
    ({DATABASE: "postgresql://u:hunter2@db1:1,127.0.0.1:2,[fd00::2]:3/x"}, "db1, fd00::2"),
    ({DATABASE: "postgresql://u:hunter2@db1,db2/x", "POSTKAMER_PLAIN_HOSTS": "db2"}, "db1"),
    ({DATABASE: "postgresql://u:hunter2@db1,db2/x", "POSTKAMER_PLAIN_HOSTS": "db2,db1"}, ""),
    ({DATABASE: "postgresql:///x?service=elsewhere"}, "a host"),
    ({DATABASE: "postgresql://u:a@hunter2/3@db1/x"}, "a host"),
    ({DATABASE: "postgresql://u:hunter2@[::1/x"}, "a host"),
    # ---- the management API
    ({MANAGEMENT: "http://u:hunter2@127.0.0.1:15672"}, ""),
    ({MANAGEMENT: "http://u:hunter2@mq1:15672"}, "mq1"),
    ({MANAGEMENT: "http://u:hunter2@mq1:15672", "POSTKAMER_PLAIN_HOSTS": "mq1"}, ""),
    ({MANAGEMENT: "https://u:hunter2@mq1:15671?cafile=/ca.pem"}, ""),
    # ---- Meta
    ({GRAPH: "https://graph.example/v1"}, ""),
    ({GRAPH: "http://127.0.0.1:8090/graph"}, ""),
    ({GRAPH: "http://graph.example/v1"}, "graph.example"),
    # ---- our own services, and the scanner
    ({OPS: "router=http://127.0.0.1:9081,gateway=http://localhost:9080"}, ""),
    ({OPS: "router=http://r1:9081, router=https://r2:9081,gateway=http://g1:9080"}, "g1, r1"),
    ({OPS: "router=http://r1:9081", "POSTKAMER_PLAIN_HOSTS": "r1"}, ""),
    ({METRICS: "http://mq1:15692/metrics"}, "mq1"),
    ({METRICS: "http://mq1:15692/metrics", "POSTKAMER_PLAIN_HOSTS": "mq1"}, ""),
    ({GATEWAY: "http://gateway:8080"}, "gateway"),
    ({GATEWAY: "https://gateway.example"}, ""),
    ({ROUTER: "http://router:8081"}, "router"),
    ({ROUTER: "http://router:8081", "POSTKAMER_PLAIN_HOSTS": "router"}, ""),
    ({ISSUER: "http://login.example/realms/x"}, "login.example"),
    ({TRACES: "http://collector:4318/v1/traces"}, "collector"),
    ({SCANNER: "tcp://127.0.0.1:3310"}, ""),
    ({SCANNER: "unix:///run/clamav/clamd.ctl"}, ""),
    ({SCANNER: "tcp://clamd:3310"}, "clamd"),
    ({SCANNER: "tcp://clamd:3310", "POSTKAMER_PLAIN_HOSTS": "clamd"}, ""),
    # ---- buckets
    (S3, ""),  # Amazon's own address is https
    (S3 | {"AWS_ENDPOINT_URL": "https://objects.example"}, ""),
    (S3 | {"AWS_ENDPOINT_URL": "http://127.0.0.1:9000"}, ""),
    (S3 | {"AWS_ENDPOINT_URL": "http://objects.example:9000"}, "objects.example"),
    (S3 | {"AWS_ENDPOINT_URL_S3": "http://objects.example"}, "objects.example"),
    (S3 | {"AWS_ENDPOINT": "http://objects.example"}, "objects.example"),
    (S3 | {"AWS_ENDPOINT": "http://minio:9000", "POSTKAMER_PLAIN_HOSTS": "minio"}, ""),
    # Transcripts may be handed over to a bucket.
    ({BUCKET: "file:///objects", "AWS_ENDPOINT_URL": "http://objects.example"}, "objects.example"),
    (S3 | {BUCKET: "s3://bucket/prefix?cafile=/ca.pem"}, ""),
]  # fmt: skip


@pytest.mark.parametrize(("given", "hosts"), TABLE)
def test_another_machine_needs_verified_tls_or_its_name(
    given: dict[str, str], hosts: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authorities, "find_authority_fault", lambda path: "")
    names = {AMQP, DATABASE, MANAGEMENT, GRAPH, BUCKET, SCANNER, TRACES, *KINDS}
    [name] = names & given.keys()
    kind = KINDS.get(name, ArchiverSettings)
    environ = given if kind in (StatusSettings, ManagementSettings) else OTHERS | given
    if not hosts:
        load(kind, environ)
        return
    with pytest.raises(SettingsError) as raised:
        load(kind, environ)
    [fault] = raised.value.faults
    assert fault.startswith(f"{name}: {hosts}: another machine, so TLS must verify it: write ")
    assert fault.endswith("; or name the host in POSTKAMER_PLAIN_HOSTS")
    assert "hunter" not in fault


@pytest.mark.parametrize(
    "value", ["*", "mq1:5672", "amqp://mq1", "mq 1", "*.example", "10.0.0.0/8"]
)
def test_there_is_no_sign_for_all_hosts(value: str) -> None:
    with pytest.raises(SettingsError) as raised:
        load(StatusSettings, {"POSTKAMER_PLAIN_HOSTS": value})
    [fault] = raised.value.faults
    assert fault.startswith("POSTKAMER_PLAIN_HOSTS: expected names or addresses of hosts")


@pytest.mark.parametrize(
    "url",
    sorted({given[DATABASE] for given, hosts in TABLE if DATABASE in given if hosts != "a host"}),
)
def test_hosts_of_a_database_are_those_that_its_client_connects_to(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """asyncpg's own reading of the address, without its files."""
    monkeypatch.delenv("PGHOST", raising=False)
    for name in ("load_verify_locations", "load_cert_chain"):
        monkeypatch.setattr(f"ssl.SSLContext.{name}", lambda *_, **__: None)
    nothing = dict.fromkeys(
        ("host", "port", "user", "password", "passfile", "database", "ssl", "service",
         "servicefile", "direct_tls", "server_settings", "target_session_attrs", "krbsrvname",
         "gsslib")
    )  # fmt: skip
    addresses, parameters = _parse_connect_dsn_and_args(dsn=url, **nothing)
    read = [each for each in database_addresses(url) if each.host]
    tcp = [each for each in addresses if isinstance(each, tuple) and each[0] != "localhost"]
    assert [(each.host, each.port) for each in read if each.host != "localhost"] == tcp
    if any(each.is_verified for each in read):
        assert parameters.sslmode is SSLMode.verify_full


def test_port_and_authority_are_those_of_the_address() -> None:
    [plain, own] = broker_addresses("amqp://u:p@mq1/v,amqps://u:p@mq2/v?cafile=%2Fca.pem")
    assert (plain.port, plain.is_verified, plain.authorities) == (5672, False, "")
    assert (own.port, own.is_verified, own.authorities) == (5671, True, "/ca.pem")
    assert is_this_machine("") and not is_this_machine("::ffff:10.0.0.1")


def lies(authority: Path) -> dict[str, dict[str, str]]:
    """Settings that name this file of authorities, by the variable."""
    return {
        AMQP: {AMQP: f"amqps://u:hunter2@mq1/v,amqps://u:hunter2@mq2/v?cafile={authority}"},
        DATABASE: {
            DATABASE: f"postgresql://u:hunter2@db1/x?sslmode=verify-full&sslrootcert={authority}"
        },
        MANAGEMENT: {MANAGEMENT: f"https://u:hunter2@mq1:15671?cafile={authority}"},
        BUCKET: GOOD | {BUCKET: f"s3://bucket/prefix?cafile={authority}"},
        "POSTKAMER_UPLOAD_STORE": GOOD
        | {"POSTKAMER_UPLOAD_STORE": f"s3://uploads/prefix?cafile={authority}"},
    }


@pytest.mark.parametrize("name", lies(Path("x")))
def test_start_refuses_a_file_of_authorities_by_which_nothing_is_verified(
    name: str, tmp_path: Path
) -> None:
    authority, file = Authority(tmp_path / "made", "one"), tmp_path / "ca.pem"
    kind = KINDS.get(name, ArchiverSettings)

    def fault() -> str:
        with pytest.raises(SettingsError) as raised:
            load(kind, lies(file)[name])
        [sentence] = raised.value.faults
        return sentence

    gone = f"{name}: the file of authorities cannot be read (No such file or directory)"
    assert fault() == gone
    empty = f"{name}: the file of authorities has no certificate in PEM"
    for content in ("", "no PEM", authority.key.read_text()):
        file.write_text(content)
        assert fault() == empty
    file.write_text(authority.certificate.read_text())
    assert load(kind, lies(file)[name])


ELSEWHERE = "elsewhere.example"
ADDRESSES = (
    f"http://{ELSEWHERE}/x",
    f"http://u:p@{ELSEWHERE}:1",
    f"amqp://u:p@{ELSEWHERE}/v",
    f"postgresql://u:p@{ELSEWHERE}/x",
    f"tcp://{ELSEWHERE}:1",
    f"smtp://{ELSEWHERE}",
    f"name=http://{ELSEWHERE}",
    "s3://bucket/prefix",
)
NO_ADDRESSES = "word", "word:word"
NOT_JUDGED = {
    "upload_store": "its endpoint is that of object_store",
    "webhook_url": "a handshake looks at its certificate, and nothing is sent there",
    "desk_url": "browsers call it, at the proxy",
    "archive_timestamps": "it is sent a hash, and its answer is signed",
}
OF_CONFIGURATION = {
    "CloudEventsDestination.url": "load_secrets",
    "OpenKlantDestination.url": "load_secrets",
    "OpenKlantDestination.objects_url": "load_secrets",
    "SignalenDestination.url": "load_secrets",
    "OAuth.token_url": "load_secrets",
    "Handover.url": "handover_secrets",
    "Handover.zaken_url": "handover_secrets",
    "Number.graph_url": "provider_accounts",
    "MailDestination.url": "TLS if the mail server has it: alarms, without a citizen in them",
    "OpenKlantDestination.link": "browsers call it",
    "SignalenDestination.link": "browsers call it",
    "OpenKlantDestination.cases_url": "links begin with it, and nothing is called",
    "Handover.store": "its endpoint is that of POSTKAMER_OBJECT_STORE",
    "Handover.informatieobjecttype": "a name",
    "OpenData.license": "a name",
    "Tenant.processing_activity": "a name",
}
"""Address in the configuration -> what holds it to the rule, or why nothing does."""


def accepts(field: FieldInfo, value: str) -> bool:
    try:
        TypeAdapter(Annotated[field.annotation, "a field", *field.metadata]).validate_python(value)
    except ValidationError:
        return False
    return True


def addresses_of(kind: type[BaseModel]) -> Iterator[tuple[str, str]]:
    """Yield each field that is an address, with one of another machine that it takes."""
    for name, field in kind.model_fields.items():
        taken = [each for each in ADDRESSES if accepts(field, each)]
        if taken and not any(accepts(field, each) for each in NO_ADDRESSES):
            yield name, taken[0]


def test_every_setting_that_is_an_address_is_held_to_the_rule() -> None:
    kinds = [
        each
        for each in vars(settings).values()
        if isinstance(each, type) and issubclass(each, BaseModel) and each is not BaseModel
    ]
    of_kind = {kind: dict(addresses_of(kind)) for kind in kinds}
    found = {field: url for fields in of_kind.values() for field, url in fields.items()}
    assert {"amqp_url", "database_url", "ops_urls", "scanner_url", "object_store"} <= found.keys()
    environ = {"AWS_ENDPOINT_URL": f"http://{ELSEWHERE}"}
    held = {field for field, url in found.items() if [*find_exposed({field: url}, (), environ)]}
    assert found.keys() - held == NOT_JUDGED.keys()
    # So each kind with such an address has the plain hosts too.
    lacking = {kind for kind in kinds if of_kind[kind].keys() & held}
    assert [kind for kind in lacking if "plain_hosts" not in kind.model_fields] == []


def models_in(annotation: Any, seen: set[type[BaseModel]]) -> set[type[BaseModel]]:
    """Return `seen`, with every model that an annotation leads to."""
    inner = list(get_args(annotation))
    if (
        isinstance(annotation, type)
        and issubclass(annotation, BaseModel)
        and annotation not in seen
    ):
        seen.add(annotation)
        inner += [field.annotation for field in annotation.model_fields.values()]
    for each in inner:
        models_in(each, seen)
    return seen


def test_every_address_in_the_configuration_has_who_holds_it_to_the_rule() -> None:
    found = {
        f"{kind.__name__}.{field}"
        for kind in models_in(Configuration, set())
        for field, _ in addresses_of(kind)
    }
    assert found == OF_CONFIGURATION.keys()
