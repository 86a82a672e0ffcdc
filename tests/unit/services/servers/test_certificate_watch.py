"""The state of a server's certificates, by their ends and by what a handshake came to."""

from datetime import UTC, datetime, timedelta

import pytest

from services.egress.shown_certificate import ShownCertificate
from services.servers.addresses import Address
from services.servers.certificate_watch import Server, judge, watched_servers

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
    plain = watched_servers("postgresql://u:p@127.0.0.1/x", "amqp://u:p@127.0.0.1/v")
    assert plain == []
    some = watched_servers(
        f"postgresql://u:p@db1,db2:5433/x?{VERIFIED}", "amqp://u:p@127.0.0.1/v,amqps://u:p@mq2/v"
    )
    hosts = {each.name: [(a.host, a.port) for a in each.addresses] for each in some}
    assert hosts == {"broker": [("mq2", 5671)], "database": [("db1", 5432), ("db2", 5433)]}
