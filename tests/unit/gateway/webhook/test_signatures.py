"""A signature proves its provider, each in its own way, and each secret speaks for its own
numbers."""

import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.webhook.signatures import (
    OriginVerifier,
    VerifiedOrigin,
    WebhookSecret,
    common_name,
    unverified_keys,
)

ALMELO, HENGELO = "106540352242922", "206540352242923"
BOTH = frozenset([ALMELO, HENGELO])
AT = datetime(2026, 11, 25, 12, tzinfo=UTC)
BODY = b'{"object":"whatsapp_business_account"}'


def key(secret: bytes, *numbers: str, provider: str = "meta", header: str = "") -> WebhookSecret:
    given: dict[str, object] = {"provider": provider, "header": header}
    return WebhookSecret(secret=secret, numbers=frozenset(numbers), **given)  # type: ignore[arg-type]


def digest(secret: bytes, body: bytes = BODY) -> str:
    """RFC 2104 spelled out, so that not one library proves itself."""
    block = hashlib.sha256(secret).digest() if len(secret) > 64 else secret
    inner, outer = (bytes(b ^ pad for b in block.ljust(64, b"\0")) for pad in (0x36, 0x5C))
    return hashlib.sha256(outer + hashlib.sha256(inner + body).digest()).hexdigest()


def by_meta(secret: bytes, body: bytes = BODY) -> dict[str, str]:
    return {"X-Hub-Signature-256": f"sha256={digest(secret, body)}"}


def proof_of(
    ours: OriginVerifier, body: bytes, headers: dict[str, str], at: datetime
) -> VerifiedOrigin | None:
    return ours.verify(body, ours.find_signatures(headers), at)


def by_bsp(secret: bytes) -> dict[str, str]:
    return {"x-360dialog-signature": digest(secret)}


def test_the_example_of_rfc_4231_is_signed() -> None:
    shown = "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    proof = proof_of(
        OriginVerifier([key(b"Jefe", ALMELO)]),
        b"what do ya want for nothing?",
        {"X-Hub-Signature-256": shown},
        AT,
    )
    assert proof and (proof.name, proof.signature) == ("meta-sha256", shown)
    assert proof.numbers == {ALMELO}


@given(st.binary(max_size=300), st.binary(min_size=1, max_size=100))
def test_signature_verifies_only_its_own_body_and_secret(body: bytes, secret: bytes) -> None:
    ours = OriginVerifier([key(secret, ALMELO)])
    assert proof_of(ours, body, by_meta(secret, body), AT)
    assert not proof_of(ours, body + b" ", by_meta(secret, body), AT)
    assert not proof_of(
        OriginVerifier([key(secret + b"x", ALMELO)]), body, by_meta(secret, body), AT
    )
    assert not proof_of(OriginVerifier([]), body, by_meta(secret, body), AT)
    assert not proof_of(ours, body, {}, AT)


def test_a_secret_speaks_for_its_own_numbers_alone() -> None:
    ours = OriginVerifier([key(b"almelo", ALMELO), key(b"hengelo", HENGELO), key(b"old", *BOTH)])
    for secret, numbers in ((b"almelo", {ALMELO}), (b"hengelo", {HENGELO}), (b"old", BOTH)):
        proof = proof_of(ours, BODY, by_meta(secret), AT)
        assert proof and proof.numbers == numbers


def test_shared_secret_verifies_both_of_its_numbers() -> None:
    proof = proof_of(
        OriginVerifier([key(b"app", ALMELO), key(b"app", HENGELO)]), BODY, by_meta(b"app"), AT
    )
    assert proof and proof.numbers == BOTH


def test_a_bsp_signs_in_its_own_header_and_meta_s_secret_is_not_its() -> None:
    ours = OriginVerifier([key(b"meta", ALMELO), key(b"bsp", HENGELO, provider="360dialog")])
    proof = proof_of(ours, BODY, by_bsp(b"bsp"), AT)
    assert proof and (proof.name, proof.numbers) == ("360dialog-sha256", {HENGELO})
    with_prefix = {"x-360dialog-signature": f"sha256={digest(b'bsp')}"}
    assert proof_of(ours, BODY, with_prefix, AT)
    assert not proof_of(ours, BODY, by_bsp(b"meta"), AT)
    assert not proof_of(ours, BODY, by_meta(b"bsp"), AT)


def test_a_bsp_that_does_not_sign_brings_a_secret_which_is_not_kept() -> None:
    ours = OriginVerifier([key(b"letmein", HENGELO, provider="360dialog", header="X-Postkamer")])
    proof = proof_of(ours, BODY, {"X-Postkamer": "letmein"}, AT)
    assert proof and (proof.name, proof.signature) == ("360dialog-header", "")
    for wrong in ("", "letmei", "letmein ", "LETMEIN"):
        assert not proof_of(ours, BODY, {"X-Postkamer": wrong}, AT)


def test_a_registration_that_ended_speaks_for_nobody_after_a_while() -> None:
    until = AT + timedelta(days=1)
    old = WebhookSecret(provider="meta", secret=b"old", numbers=frozenset([ALMELO]), until=until)
    ours = OriginVerifier([old, key(b"old", HENGELO)])
    before, after = (proof_of(ours, BODY, by_meta(b"old"), at) for at in (AT, until))
    assert before and before.numbers == BOTH
    assert after and after.numbers == {HENGELO}
    assert not proof_of(OriginVerifier([old]), BODY, by_meta(b"old"), until)


def test_before_a_body_is_read_its_headers_must_hold_something_to_prove() -> None:
    ours = OriginVerifier(
        [key(b"app", ALMELO), key(b"s", HENGELO, provider="360dialog", header="X-S")]
    )
    assert ours.find_signatures(by_meta(b"whatever"))
    assert ours.find_signatures({"X-S": "whatever"})
    for headers in ({}, {"X-Hub-Signature-256": "sha256=00"}, by_bsp(b"app")):
        assert not ours.find_signatures(headers)
    assert (
        OriginVerifier([key(b"a", ALMELO), key(b"b", ALMELO), key(b"a", HENGELO)]).most_secrets == 2
    )


GOOD = f"sha256={digest(b'app')}"


@pytest.mark.parametrize(
    "header",
    [
        "",
        "sha256=",
        GOOD.removeprefix("sha256="),
        GOOD.upper(),
        GOOD.replace("sha256=", "SHA256="),
        GOOD[:-1],
        GOOD + "0",
        GOOD + "\n",
        " " + GOOD,
        GOOD[:-1] + "g",
        GOOD[:-1] + "\u0663",
        GOOD.replace("sha256=", "sha1="),
        "sha1=" + hmac.new(b"app", BODY, "sha1").hexdigest(),
        f"{GOOD},{GOOD}",
        "sha256=" + "\udcff" * 64,
    ],
)
def test_a_signature_in_any_other_form_proves_nothing(header: str) -> None:
    ours = OriginVerifier([key(b"app", ALMELO)])
    assert proof_of(ours, BODY, {"X-Hub-Signature-256": GOOD}, AT)
    assert not proof_of(ours, BODY, {"X-Hub-Signature-256": header}, AT)


def test_items_of_other_numbers_stay_unverified() -> None:
    owners = {ALMELO: frozenset([ALMELO]), "waba:7": BOTH, "waba:8": frozenset([HENGELO])}
    proof = proof_of(OriginVerifier([key(b"app", ALMELO)]), BODY, by_meta(b"app"), AT)
    assert proof
    keys = [ALMELO, "waba:7", "waba:8", "999999", "waba:9"]
    assert unverified_keys(keys, owners, proof) == ["waba:8"]


@pytest.mark.parametrize(
    ("shown", "name"),
    [
        ("client.webhooks.fbclientcerts.com", "client.webhooks.fbclientcerts.com"),
        ("CN=client.webhooks.fbclientcerts.com,O=Meta,C=US", "client.webhooks.fbclientcerts.com"),
        ("/C=US/O=Meta/CN=client.webhooks.fbclientcerts.com", "client.webhooks.fbclientcerts.com"),
        ("O=Meta\\, CN=trick, CN=real", "real"),
        ("CN=a,CN=b", ""),
        ("O=Meta", ""),
        ('O="x,CN=client.webhooks.fbclientcerts.com,y"', ""),
        ("O=/CN=client.webhooks.fbclientcerts.com/x,ST=a", ""),
        ("", ""),
    ],
)
def test_the_common_name_is_found_in_every_form_a_proxy_writes(shown: str, name: str) -> None:
    assert common_name(shown) == name
