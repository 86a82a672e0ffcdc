"""`postkamer check` tells who can sign the log, and if the signer is away."""

from pathlib import Path

import pytest

from archiver.signing.signer import Signer
from cli.check.log_signing import DERIVED, UNWITNESSED, check_log_signing, check_signer
from services.config.model import Configuration
from services.transparency.signed_note import COSIGNATURE, Key, encode_key

VERIFIER = Signer("postkamer", bytes(32)).verifier
SIGNER = {
    "POSTKAMER_ARCHIVE_SIGNER": "unix:///run/signer/socket",
    "POSTKAMER_ARCHIVE_PUBLIC_KEY": VERIFIER,
}
TOWN = Configuration.model_construct(log="postkamer", environment="production")


CO_SIGNS = Key("w.example/1", bytes(32), COSIGNATURE)
WITNESS = {"POSTKAMER_ARCHIVE_WITNESSES": f"https://w.example {encode_key(CO_SIGNS)}"}


def test_missing_signer_and_witness_are_warnings_in_production_alone() -> None:
    assert check_log_signing(TOWN, {}) == ([], [DERIVED, UNWITNESSED])
    assert check_log_signing(TOWN, WITNESS) == ([], [DERIVED])
    assert check_log_signing(TOWN.model_copy(update={"environment": "test"}), {}) == ([], [])
    assert check_log_signing(TOWN, SIGNER) == ([], [UNWITNESSED])


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"POSTKAMER_ARCHIVE_PUBLIC_KEY": ""}, "is missing, and the signer is another process"),
        ({"POSTKAMER_ARCHIVE_PUBLIC_KEY": "postkamer+0+x"}, "expected a public key"),
        (
            {"POSTKAMER_ARCHIVE_PUBLIC_KEY": Signer("other", bytes(32)).verifier},
            "is of the log other, and this one is postkamer",
        ),
    ],
)
def test_public_key_of_a_signer_is_checked(changed: dict[str, str], fault: str) -> None:
    faults, _ = check_log_signing(TOWN, SIGNER | changed)
    assert [each.startswith("POSTKAMER_ARCHIVE_PUBLIC_KEY: ") for each in faults] == [True]
    assert fault in faults[0]


def test_certificates_of_an_authority_are_checked(tmp_path: Path) -> None:
    url = {"POSTKAMER_ARCHIVE_TIMESTAMPS": "https://tsa.example/"}
    name, file = "POSTKAMER_ARCHIVE_TIMESTAMP_ROOTS", tmp_path / "roots.pem"
    with_file = SIGNER | url | {name: str(file)}
    assert check_log_signing(TOWN, SIGNER | url)[0] == [
        f"{name}: is missing, and an authority is asked for time stamps"
    ]
    assert check_log_signing(TOWN, with_file)[0] == [
        f"{name}: cannot be read (No such file or directory)"
    ]
    file.write_text("nothing")
    assert check_log_signing(TOWN, with_file)[0] == [f"{name}: expected certificates in PEM"]


def test_signer_that_is_away_is_a_fault_of_a_live_check(tmp_path: Path) -> None:
    away = SIGNER | {"POSTKAMER_ARCHIVE_SIGNER": f"unix://{tmp_path / 'socket'}"}
    assert check_signer(away).faults == [
        "POSTKAMER_ARCHIVE_SIGNER: it does not answer (FileNotFoundError)"
    ]
    assert check_signer({}).faults == []
