"""The stand-in of a ZGW provider refuses what the standard refuses, so a pass says something."""

import base64
from datetime import UTC, datetime
from typing import Any

import pytest

from archiver.handover.zgw_token import sign_token
from sandbox.zgw.document import document_faults
from sandbox.zgw.token import token_fault

NOW = datetime(2026, 11, 20, 8, tzinfo=UTC)
TYPE = "https://catalogi.example/api/v1/informatieobjecttypen/1"
CONTENT = base64.b64encode(b"afschrift").decode()
LEAST: dict[str, Any] = {
    "bronorganisatie": "002220647",
    "creatiedatum": "2026-11-20",
    "titel": "Afschrift",
    "auteur": "Gemeente",
    "taal": "dut",
    "informatieobjecttype": TYPE,
}


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        *[({name: None}, (name, "null")) for name in LEAST],
        ({"titel": "x" * 201}, ("titel", "max_length")),
        ({"identificatie": "x" * 41}, ("identificatie", "max_length")),
        ({"auteur": ""}, ("auteur", "blank")),
        ({"taal": "nl"}, ("taal", "min_length")),
        ({"bronorganisatie": "002220648"}, ("bronorganisatie", "invalid")),
        ({"bronorganisatie": "12"}, ("bronorganisatie", "invalid-length")),
        ({"creatiedatum": "20-11-2026"}, ("creatiedatum", "invalid")),
        ({"status": "klaar"}, ("status", "invalid_choice")),
        (
            {"vertrouwelijkheidaanduiding": "besloten"},
            ("vertrouwelijkheidaanduiding", "invalid_choice"),
        ),
        ({"inhoud": "geen base64"}, ("inhoud", "invalid-base64")),
        ({"inhoud": CONTENT, "bestandsomvang": 8}, ("bestandsomvang", "file-size")),
        ({"integriteit": {"algoritme": "sha256"}}, ("integriteit.algoritme", "invalid_choice")),
        ({"indicatieGebruiksrecht": True}, ("indicatieGebruiksrecht", "missing-gebruiksrechten")),
        ({"lock": "x"}, ("lock", "invalid")),
        ({"informatieobjecttype": TYPE + "0"}, ("informatieobjecttype", "bad-url")),
    ],
)
def test_document_that_the_standard_refuses_is_refused(
    fields: dict[str, Any], fault: tuple[str, str]
) -> None:
    found = document_faults(LEAST | fields, frozenset({TYPE}))
    assert fault in [(each.name, each.code) for each in found]


def test_least_document_is_taken_and_each_field_of_it_is_needed() -> None:
    types = frozenset({TYPE})
    whole = {"inhoud": CONTENT, "bestandsomvang": 9, "indicatieGebruiksrecht": False}
    assert document_faults(LEAST, types) == document_faults(LEAST | whole, types) == []
    for name in LEAST:
        rest = {key: value for key, value in LEAST.items() if key != name}
        assert [(each.name, each.code) for each in document_faults(rest, types)] == [
            (name, "required")
        ]


def test_token_lets_in_its_client_for_some_time() -> None:
    token = sign_token("postkamer", "a-secret-of-some-length", "postkamer", NOW)
    header, at = f"Bearer {token}", NOW.timestamp()
    assert token_fault(header, "postkamer", "a-secret-of-some-length", at + 1) == ""
    faults = {
        token_fault(header, "postkamer", "another", at),
        token_fault(header, "other", "a-secret-of-some-length", at),
        token_fault(header, "postkamer", "a-secret-of-some-length", at + 3601),
        token_fault(f"Token {token}", "postkamer", "a-secret-of-some-length", at),
        token_fault(header[:-4], "postkamer", "a-secret-of-some-length", at),
        token_fault("", "postkamer", "a-secret-of-some-length", at),
    }
    assert "" not in faults
