"""The state of a server's certificates, by their ends and by what a handshake came to."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.config.secret_files import LiveSettings, server_settings
from services.config.settings import (
    ArchiverSettings,
    DelivererSettings,
    GatewaySettings,
    RouterSettings,
    Settings,
    load,
)
from services.egress.shown_certificate import ShownCertificate
from services.servers.addresses import Address
from services.servers.certificate_watch import Server, judge, watched_servers
from tests.support.test_ca import Authority
from tests.unit.services.config.test_settings import GOOD

NOW = datetime(2026, 12, 1, tzinfo=UTC)
VERIFIED = "sslmode=verify-full&sslrootcert=/ca.pem"


def ends_in(days: float, life: float = 90) -> ShownCertificate:
    end = NOW + timedelta(days=days)
    return ShownCertificate("", end - timedelta(days=life), end)


@pytest.mark.parametrize(
    ("shown", "state"),
    [
        ([ends_in(31, life=800)], "fine"),
        ([ends_in(30, life=800)], "warning"),
        ([ends_in(7, life=800)], "wrong"),
        # Renewed by cert-manager 30 days before, by CloudNativePG 7 days before.
        ([ends_in(7)], "fine"),
        ([ends_in(6)], "warning"),
        ([ends_in(2)], "wrong"),
        ([ends_in(-1)], "wrong"),
        ([ShownCertificate("host")], "wrong"),
        ([ShownCertificate("chain")], "wrong"),
        ([ShownCertificate("tls")], "wrong"),
        ([ShownCertificate("timeout")], "unknown"),
        ([ShownCertificate("refused")], "unknown"),
        # Of several hosts the worst one counts, and one that is away hides no other.
        ([ends_in(90), ends_in(6), ends_in(90)], "warning"),
        ([ends_in(6), ShownCertificate("refused")], "warning"),
        ([ends_in(90), ShownCertificate("refused")], "unknown"),
        ([ends_in(6), ShownCertificate("expired")], "wrong"),
    ],
)
def test_worst_certificate_of_a_server_is_its_state(
    shown: list[ShownCertificate], state: str
) -> None:
    addresses = [Address(f"host{n}", 1, is_verified=True) for n in range(len(shown))]
    found, host = judge(Server("broker", addresses), shown, NOW)
    assert found == state
    alone, _ = judge(Server("broker", addresses[:1]), [shown[int(host[-1])]], NOW)
    assert alone == state


def test_only_servers_that_are_spoken_to_by_tls_are_watched() -> None:
    plain = {
        "database_url": "postgresql://u:p@127.0.0.1/x",
        "amqp_url": "amqp://u:p@127.0.0.1/v",
        "object_store": "s3://bucket",
        "upload_store": "",
    }
    assert watched_servers(plain, {"AWS_ENDPOINT_URL": "http://127.0.0.1:9000"}) == []
    some = watched_servers(
        {
            "database_url": f"postgresql://u:p@db1,db2:5433/x?{VERIFIED}",
            "amqp_url": "amqp://u:p@127.0.0.1/v,amqps://u:p@mq2/v",
            "object_store": "file:///objects",
        },
        {"AWS_ENDPOINT_URL": "https://objects.example"},
    )
    hosts = {each.name: [(a.host, a.port) for a in each.addresses] for each in some}
    assert hosts == {"broker": [("mq2", 5671)], "database": [("db1", 5432), ("db2", 5433)]}


OWN = {
    "AWS_ENDPOINT": "https://mail.example",
    "AWS_ENDPOINT_URL_S3": "https://objects.example:9000",
}


@pytest.mark.parametrize(
    ("stores", "environ", "found"),
    [
        ("s3://b", {}, ["s3.us-east-1.amazonaws.com:443"]),
        ("s3://b?cafile=/a", {"AWS_REGION": "eu-x"}, ["s3.eu-x.amazonaws.com:443/a"]),
        ("s3://b", {"AWS_DEFAULT_REGION": "eu-y"}, ["s3.eu-y.amazonaws.com:443"]),
        ("s3://b?cafile=/a s3://c", OWN, ["objects.example:9000/a", "objects.example:9000"]),
        ("file:///objects s3://c", OWN, ["objects.example:9000"]),
    ],
    ids=["Amazon's", "region", "default region", "own, two authorities", "uploads alone"],
)
def test_bucket_is_watched_where_the_store_asks_with_its_authorities(
    stores: str, environ: dict[str, str], found: list[str]
) -> None:
    values = dict(zip(("object_store", "upload_store"), stores.split(), strict=False))
    [server] = watched_servers(values, environ)
    assert (server.name, server.trusts_system) == ("object store", True)
    assert [f"{a.host}:{a.port}{a.authorities}" for a in server.addresses] == found


KINDS: dict[type[Settings], set[str]] = {
    GatewaySettings: {"broker", "database", "object store"},
    RouterSettings: {"broker", "database"},
    DelivererSettings: {"broker", "database", "object store"},
    ArchiverSettings: {"broker", "database", "object store"},
}


def test_each_service_watches_the_servers_that_its_settings_name(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "one").certificate
    environ = GOOD | {
        "POSTKAMER_AMQP_URL": "amqps://u:p@mq1/v",
        "POSTKAMER_DATABASE_URL": f"postgresql://u:p@db1/x?sslmode=verify-full&sslrootcert={authority}",
        "POSTKAMER_OBJECT_STORE": "s3://bucket",
    }
    for kind, names in KINDS.items():
        read = server_settings(LiveSettings(load(kind, environ), environ))
        assert {each.name for each in watched_servers(read(), environ)} == names
