"""Faults in the files of certificates, all at once; and the end date of a certificate."""

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from deliverer.credentials import load_credentials
from deliverer.transport.client_certificates import (
    MAX_BYTES,
    CertificateFilesError,
    Certificates,
    expiry_warning,
    load,
    read_not_after,
    resolve_paths,
)
from services import metrics
from services.config.organisation import CloudEventsDestination
from services.config.settings import SettingsError
from tests.support.deliverer.configuration import CRM, configuration
from tests.support.test_ca import Authority, Issued, openssl

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
DAY = timedelta(days=1)
DER = ssl.PEM_cert_to_DER_cert("""-----BEGIN CERTIFICATE-----
MIIBnTCCAUOgAwIBAgIUIErOyELiI+pjRG5ACBSW+/VSD80wCgYIKoZIzj0EAwIw
DTELMAkGA1UEAwwCQ0EwHhcNMjYxMTI2MDkxNjE1WhcNMjYxMTI5MDkxNjE1WjAR
MQ8wDQYDVQQDDAZjbGllbnQwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAS9+H0I
vFYTzPIXg9fLrzrIHg3Wg4yYdm1A6k5xuwkeCnobOiUdwUa4hTR4wRobScpMZ+YZ
fiuHbJ+TSaJNTEKCo30wezAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwHQYD
VR0lBBYwFAYIKwYBBQUHAwIGCCsGAQUFBwMBMB0GA1UdDgQWBBTCrnve+lMnvkIh
U7sM5twBXbj3WTAfBgNVHSMEGDAWgBRtvCzH97ap5Xx2e8FEqmNHSuNhuTAKBggq
hkjOPQQDAgNIADBFAiArP52ynZ0hVPWmzKHqlT0Wlxj34AsqERXEFiRUWm8HvgIh
AMeiyZVTxP+8CfuVWy/PstFKN46XPBIx+ch7/koLe25Z
-----END CERTIFICATE-----""")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"), "ca")


@pytest.fixture(scope="module")
def ours(authority: Authority) -> Issued:
    return authority.issued("ours")


def destination(**given: str) -> CloudEventsDestination:
    return CloudEventsDestination.model_validate(CRM | given)


@pytest.mark.parametrize("days", [1, 20_000])
def test_end_date_is_read_from_a_certificate(authority: Authority, days: int) -> None:
    """Beyond 2049, years are written in another form."""
    issued = authority.issued(f"for-{days}", days)
    said = openssl("x509", "-in", issued.certificate, "-noout", "-enddate")
    expected = datetime.strptime(said.strip(), "notAfter=%b %d %H:%M:%S %Y GMT").replace(tzinfo=UTC)
    assert read_not_after(issued.certificate.read_bytes()) == expected


def test_end_date_is_that_of_the_first_certificate_in_a_file(
    authority: Authority, ours: Issued
) -> None:
    chain = ours.key.read_text() + ours.certificate.read_text() + authority.certificate.read_text()
    assert read_not_after(chain.encode()) == read_not_after(ours.certificate.read_bytes())
    assert read_not_after(chain.encode()) != read_not_after(authority.certificate.read_bytes())


@given(st.data())
def test_damaged_certificate_gives_an_end_date_or_a_fault(data: st.DataObject) -> None:
    at, end = data.draw(st.integers(0, len(DER) - 1)), data.draw(st.integers(0, len(DER)))
    _date_or_fault(DER[:at] + data.draw(st.binary(max_size=4)) + DER[at + 1 :])
    _date_or_fault(DER[:end])


@given(st.binary(max_size=64))
@example(b"\x30\x80")
@example(b"\x30\xff" + b"\xff" * 127)
@example(DER.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x05"))
def test_any_certificate_bytes_give_an_end_date_or_a_fault(der: bytes) -> None:
    _date_or_fault(der)


def _date_or_fault(der: bytes) -> None:
    try:
        assert read_not_after(ssl.DER_cert_to_PEM_cert(der).encode()).tzinfo is UTC
    except ValueError as error:
        assert str(error) == "holds a certificate that cannot be read"


@pytest.mark.parametrize(
    ("left", "said"),
    [
        (-DAY, "expired on 2026-11-24"),
        (0 * DAY, "expired on 2026-11-25"),
        (30 * DAY, "expires on 2026-12-25"),
        (30.1 * DAY, ""),
    ],
)
def test_certificate_that_ends_within_a_month_gives_a_warning(left: timedelta, said: str) -> None:
    assert expiry_warning(NOON + left, NOON) == said


def test_certificate_path_may_be_relative_absolute_or_in_a_variable() -> None:
    given = destination(
        client_certificate="tls/crm.pem",
        client_key="env:CRM_KEY",
        certificate_authorities="/etc/ssl/pkio.pem",
    )
    folder = Path("/etc/postkamer")
    assert resolve_paths(given, folder, {"CRM_KEY": "tls/crm.key"}) == {
        "client_certificate": folder / "tls/crm.pem",
        "client_key": folder / "tls/crm.key",
        "certificate_authorities": Path("/etc/ssl/pkio.pem"),
    }
    there = resolve_paths(given, folder, {"CRM_KEY_FILE": "/run/secrets/crm.key"})
    assert there["client_key"] == Path("/run/secrets/crm.key")
    with pytest.raises(CertificateFilesError) as raised:
        resolve_paths(given, folder, {})
    assert raised.value.faults == [("client_key", "CRM_KEY is missing")]


@pytest.fixture(scope="module")
def files(
    authority: Authority, ours: Issued, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("files")
    openssl("ec", "-in", ours.key, "-out", folder / "locked", "-aes128", "-passout", "pass:x")
    (folder / "empty").write_text("secret")
    (folder / "large").write_bytes(b"x" * (MAX_BYTES + 1))
    issued = {"cert": ours.certificate, "key": ours.key, "other": authority.issued("other").key}
    return issued | {name: folder / name for name in ("", "\0", "locked", "empty", "large", "none")}


AUTHORITIES, CERTIFICATE, KEY = "certificate_authorities", "client_certificate", "client_key"
LOCKED = "holds a key with a password: it must be there without one"
NO_KEY, NO_CERTIFICATE = "holds no key in PEM that can be used", "holds no certificate in PEM"
LARGE, NO_PATH = "cannot be read: it is over 1048576 bytes", "cannot be read: it is no path"
ABSENT, FOLDER = (
    f"cannot be read: {why}" for why in ("No such file or directory", "Is a directory")
)


@pytest.mark.parametrize(
    ("names", "faults"),
    [
        (["cert", "other"], {KEY: "holds the key of another certificate"}),
        (["cert", "locked"], {KEY: LOCKED}),
        (["cert", "empty"], {KEY: NO_KEY}),
        (["cert"], {CERTIFICATE: NO_KEY}),
        (["empty", "key", "empty"], dict.fromkeys((AUTHORITIES, CERTIFICATE), NO_CERTIFICATE)),
        (["none", "\0", "large"], {AUTHORITIES: LARGE, CERTIFICATE: ABSENT, KEY: NO_PATH}),
        (["", "key"], {CERTIFICATE: FOLDER}),
    ],
)
def test_all_certificate_faults_are_named_at_once_without_quoting_files(
    files: dict[str, Path], names: list[str], faults: dict[str, str]
) -> None:
    fields = (CERTIFICATE, KEY, AUTHORITIES)
    with pytest.raises(CertificateFilesError) as raised:
        load({field: files[name] for field, name in zip(fields, names, strict=False)})
    assert {field: what.partition(" ")[2] for field, what in raised.value.faults} == faults
    assert "secret" not in str(raised.value)


def test_key_and_certificate_may_be_in_one_file(ours: Issued, tmp_path: Path) -> None:
    both = tmp_path / "both.pem"
    both.write_text(ours.key.read_text() + ours.certificate.read_text())
    assert load({"client_certificate": both}).not_after
    assert load({}).not_after is None


OAUTH = {
    "token_url": "https://id.example/token",
    "client_id": "a",
    "client_secret": "env:CRM_OAUTH",
}


@pytest.mark.parametrize(("setting", "changes"), [
    ("url", {"url": "http://crm.example/e"}),
    ("token_url", {"oauth": OAUTH | {"token_url": "http://crm.example/token"}}),
    ("objects_url", {"kind": "openklant", "url": "https://ok.example", "objects_url": "http://crm.example/api",
     "objects_secret": "env:S"}),
])  # fmt: skip
def test_other_machine_is_called_without_tls_only_if_it_is_a_plain_host(
    setting: str, changes: dict[str, Any]
) -> None:
    config = configuration(CRM | {"id": "a", "secret": "plain text"} | changes)
    environ = {"CRM_OAUTH": "x", "S": "y"}
    with pytest.raises(SettingsError, match=rf"^{setting} \(destination a\): crm.example: an"):
        load_credentials(config, Path("/nowhere"), environ)
    named = environ | {"POSTKAMER_PLAIN_HOSTS": "crm.example"}
    assert load_credentials(config, Path("/nowhere"), named)


def test_all_missing_secrets_and_files_are_named_at_once() -> None:
    crm = CRM | {"secret": "env:CRM_SECRET"}
    config = configuration(
        crm | {"id": "a", CERTIFICATE: "none.pem"},
        crm | {"id": "b", "oauth": OAUTH, AUTHORITIES: "env:PKIO"},
    )
    with pytest.raises(SettingsError) as raised:
        load_credentials(config, Path("/nowhere"), {})
    assert raised.value.faults == [
        "CRM_OAUTH: is missing (client_secret of destination b)",
        "CRM_SECRET (destination a): is missing",
        "CRM_SECRET (destination b): is missing",
        "certificate_authorities (destination b): PKIO is missing",
        f"client_certificate (destination a): /nowhere/none.pem {ABSENT}",
    ]


def measured_not_after() -> float | None:
    name = "postkamer_destination_certificate_not_after_seconds"
    return metrics.REGISTRY.get_sample_value(name, {"destination": "renewed"})


def is_refused() -> float | None:
    name = "postkamer_destination_certificate_refused"
    return metrics.REGISTRY.get_sample_value(name, {"destination": "renewed"})


def test_renewed_certificate_is_used_only_once_its_files_are_complete(
    authority: Authority, tmp_path: Path
) -> None:
    files = {CERTIFICATE: tmp_path / "crm.pem", KEY: tmp_path / "crm.key"}
    first, second = authority.issued("first", 5), authority.issued("second", 90)

    def write(certificate: Path, key: Path) -> None:
        files[CERTIFICATE].write_bytes(certificate.read_bytes())
        files[KEY].write_bytes(key.read_bytes())

    def reload() -> bool:
        """Reload; true when another context is used since the start."""
        asyncio.run(certificates.reload_if_changed())
        return certificates.context() is not before

    write(first.certificate, first.key)
    with capture_logs() as logs:
        certificates = Certificates("renewed", files, load(files))
        certificates.report_expiry()
        before, until = certificates.context(), measured_not_after()
        assert not reload()
        write(second.certificate, first.key)
        assert not reload() and not reload()
        assert (measured_not_after(), is_refused()) == (until, 1)
        write(first.certificate, first.key)
        assert not reload() and is_refused() == 0, "the files are again those that are used"
        files[KEY].unlink()
        assert not reload() and is_refused() == 1, "a key that is gone is seen before a restart"
        write(second.certificate, second.key)
        assert reload() and is_refused() == 0
    assert until and measured_not_after() == pytest.approx(until + 85 * DAY.total_seconds(), abs=60)
    events = [entry["event"] for entry in logs]
    refused = ["certificate.refused"] * 2
    assert events == ["certificate.ends", *refused, "certificate.taken"]
    assert logs[1]["reason"].endswith("holds the key of another certificate")
