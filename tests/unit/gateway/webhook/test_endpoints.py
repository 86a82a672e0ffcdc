"""Certain secrets open each door, for certain numbers."""

import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest

from gateway.webhook.endpoints import (
    SHARED_ENDPOINT,
    WebhookEndpoint,
    build_endpoints,
    numbers_by_provider_id,
)
from services.config.model import Configuration, parse
from services.config.settings import SettingsError

TOML = """
[[tenants]]
id = "almelo"
name = "Almelo"
[[tenants]]
id = "hengelo"
name = "Hengelo"
[[numbers]]
id = "10001"
tenant = "almelo"
fallback = "kcc"
waba = "77001"
[[numbers]]
id = "20001"
tenant = "hengelo"
fallback = "kcc"
provider = "360dialog"
phone_number_id = "20002"
secrets = ["env:NEW", "env:OLD"]
access_token = "env:KEY"
verify_token = "env:VERIFY"
[[numbers.previous]]
provider = "meta"
waba = "77002"
until = 2026-11-25T12:00:00Z
[[departments]]
id = "kcc"
tenant = "almelo"
name = "KCC"
destination = "crm"
[[departments]]
id = "kcc"
tenant = "hengelo"
name = "KCC"
destination = "crm"
[[destinations]]
id = "crm"
kind = "cloudevents"
url = "https://crm.example"
secret = "env:CRM"
"""
ENVIRON = {"NEW": "new", "OLD": "old", "VERIFY": "hengelo-verify", "KEY": "key"}
CONFIG: Configuration = parse(TOML, "p.toml")
OPENED = build_endpoints(CONFIG, ["app", "app before"], "verify", ENVIRON)


AT = datetime(2026, 11, 26, tzinfo=UTC)


def numbers(door: WebhookEndpoint, header: str, secret: str, at: datetime = AT) -> set[str]:
    """Numbers that a body with this secret's signature speaks for at a door."""
    digest = hmac.new(secret.encode(), b"{}", hashlib.sha256).hexdigest()
    prefix = "sha256=" if header == "X-Hub-Signature-256" else ""
    proof = door.origins.verify(b"{}", door.origins.find_signatures({header: prefix + digest}), at)
    return set(proof.numbers) if proof else set()


@pytest.mark.parametrize(
    ("tenant", "header", "secret", "speaks_for"),
    [
        (SHARED_ENDPOINT, "X-Hub-Signature-256", "app", {"10001", "20001"}),
        (SHARED_ENDPOINT, "X-Hub-Signature-256", "app before", {"10001", "20001"}),
        (SHARED_ENDPOINT, "x-360dialog-signature", "new", {"20001"}),
        (SHARED_ENDPOINT, "x-360dialog-signature", "old", {"20001"}),
        (SHARED_ENDPOINT, "x-360dialog-signature", "app", set()),
        (SHARED_ENDPOINT, "X-Hub-Signature-256", "new", set()),
        ("almelo", "X-Hub-Signature-256", "app", {"10001"}),
        ("almelo", "x-360dialog-signature", "new", set()),
        ("hengelo", "x-360dialog-signature", "new", {"20001"}),
        ("hengelo", "X-Hub-Signature-256", "app", {"20001"}),
    ],
)
def test_a_secret_opens_the_doors_of_its_numbers(
    tenant: str, header: str, secret: str, speaks_for: set[str]
) -> None:
    assert numbers(OPENED[tenant], header, secret) == speaks_for


def test_a_provider_that_was_left_is_believed_for_eight_days_more() -> None:
    ended = datetime(2026, 11, 25, 12, tzinfo=UTC)
    for days, speaks_for in ((7, {"10001", "20001"}), (9, {"10001"})):
        at = ended + timedelta(days=days)
        assert numbers(OPENED[SHARED_ENDPOINT], "X-Hub-Signature-256", "app", at) == speaks_for


def test_internal_number_id_identifies_no_provider_number() -> None:
    """The number below has never been called so by Meta: its id is ours."""
    config = parse(TOML.replace('provider = "meta"\n', 'phone_number_id = "20003"\n'), "p.toml")
    assert config.number("20001")
    assert config.number(config.number_id_for("20001")) is None
    assert config.number_id_for("20002") == config.number_id_for("20003") == "20001"
    assert config.number_id_for("31337") == "31337"


def test_a_door_knows_the_verify_tokens_of_its_numbers() -> None:
    assert set(OPENED[SHARED_ENDPOINT].verify_tokens) == {b"verify", b"hengelo-verify"}
    assert OPENED["almelo"].verify_tokens == (b"verify",)
    assert OPENED["hengelo"].verify_tokens == (b"hengelo-verify",)


def test_every_secret_that_is_missing_is_named_at_once() -> None:
    with pytest.raises(SettingsError) as raised:
        build_endpoints(CONFIG, ["app"], "verify", {"OLD": "old"})
    assert raised.value.faults == [
        "NEW: is missing (number 20001)",
        "VERIFY: is missing (number 20001)",
    ]


def test_an_id_of_meta_belongs_to_the_numbers_that_have_or_had_it() -> None:
    assert numbers_by_provider_id(CONFIG) == {
        "10001": {"10001"},
        "waba:77001": {"10001"},
        "20002": {"20001"},
        "20001": {"20001"},
        "waba:77002": {"20001"},
    }
