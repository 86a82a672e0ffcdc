import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.signature import is_signed

SECRETS = [b"sandbox-app-secret", b"the one before"]


def signed(body: bytes, secret: bytes) -> str:
    """Signed by hand: RFC 2104 spelled out, so that not one library proves itself."""
    key = hashlib.sha256(secret).digest() if len(secret) > 64 else secret
    inner, outer = (bytes(b ^ pad for b in key.ljust(64, b"\0")) for pad in (0x36, 0x5C))
    return "sha256=" + hashlib.sha256(outer + hashlib.sha256(inner + body).digest()).hexdigest()


def test_the_example_of_rfc_4231_is_signed() -> None:
    digest = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert is_signed(b"what do ya want for nothing?", f"sha256={digest}", [b"Jefe"])


@given(st.binary(max_size=300), st.binary(min_size=1, max_size=100))
def test_what_is_signed_with_the_secret_is_ours_and_nothing_else_is(
    body: bytes, secret: bytes
) -> None:
    assert is_signed(body, signed(body, secret), [secret])
    assert not is_signed(body + b" ", signed(body, secret), [secret])
    assert not is_signed(body, signed(body, secret), [secret + b"x"])
    assert not is_signed(body, signed(body, secret), [])


@pytest.mark.parametrize("secret", SECRETS)
def test_every_secret_will_do_while_they_are_being_changed(secret: bytes) -> None:
    assert is_signed(b"{}", signed(b"{}", secret), iter(SECRETS))


GOOD = signed(b"{}", SECRETS[0])


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
        GOOD[:-1] + "٣",
        GOOD.replace("sha256=", "sha1="),
        "sha1=" + hmac.new(SECRETS[0], b"{}", "sha1").hexdigest(),
        f"{GOOD},{GOOD}",
        "sha256=" + "\udcff" * 64,
    ],
)
def test_a_header_in_any_other_form_is_refused(header: str) -> None:
    assert is_signed(b"{}", GOOD, SECRETS)
    assert not is_signed(b"{}", header, SECRETS)
