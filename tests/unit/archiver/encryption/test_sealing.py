"""What is sealed opens with its own key in its own place, and otherwise not at all."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.encryption.sealing import (
    CannotDecrypt,
    Content,
    derive_item_key,
    fingerprint,
    nonce,
    seal,
    seal_content,
    unseal,
    unseal_content,
    unwrap,
    wrap,
)

KEY, SALT, ABOUT = bytes(range(32)), bytes(range(16)), b"about"


@given(st.binary(max_size=2000), st.binary(max_size=2000), st.binary(max_size=200))
def test_what_was_sealed_comes_out_as_it_was(data: bytes, raw: bytes, contact: bytes) -> None:
    content = Content(data, raw, contact)
    sealed = seal_content(KEY, SALT, content, ABOUT)
    assert unseal_content(KEY, SALT, sealed, ABOUT) == content


OTHERS: list[tuple[str, dict[str, Any]]] = [
    ("another key above", {"parent_key": bytes(32)}),
    ("another salt", {"salt": bytes(16)}),
    ("another place", {"context": b"elsewhere"}),
    ("cut short", {"sealed": -1}),
    ("nothing", {"sealed": 0}),
]


@pytest.mark.parametrize("change", [each[1] for each in OTHERS], ids=[each[0] for each in OTHERS])
def test_otherwise_it_does_not_open(change: dict[str, Any]) -> None:
    sealed = seal(KEY, SALT, b"hallo", ABOUT)
    if "sealed" in change:
        change = {"sealed": sealed[: change["sealed"]]}
    given = {"parent_key": KEY, "salt": SALT, "sealed": sealed, "context": ABOUT} | change
    with pytest.raises(CannotDecrypt):
        unseal(**given)


@given(st.integers(0, 12 + 5 + 16 - 1), st.integers(0, 7))
def test_no_bit_of_it_may_be_another(byte: int, bit: int) -> None:
    sealed = bytearray(seal(KEY, SALT, b"hallo", ABOUT))
    sealed[byte] ^= 1 << bit
    with pytest.raises(CannotDecrypt):
        unseal(KEY, SALT, bytes(sealed), ABOUT)


def test_the_salt_of_then_is_known_again_without_a_key() -> None:
    assert seal(KEY, SALT, b"hallo", ABOUT)[:12] == nonce(SALT) != nonce(bytes(16))


def test_keys_of_one_thing_differ_by_purpose_and_salt() -> None:
    keys = {
        derive_item_key(KEY, salt, of) for salt in (SALT, bytes(16)) for of in (b"item", b"file")
    }
    assert len(keys) == 4


def test_a_key_is_wrapped_for_one_name() -> None:
    wrapped = wrap(KEY, bytes(32), "conversation almelo 1", bytes(12))
    assert unwrap(KEY, wrapped, "conversation almelo 1") == bytes(32)
    for above, name in ((KEY, "conversation almelo 2"), (bytes(32), "conversation almelo 1")):
        with pytest.raises(CannotDecrypt):
            unwrap(above, wrapped, name)


def test_what_was_sealed_and_is_no_content_does_not_pass_for_it() -> None:
    with pytest.raises(CannotDecrypt):
        unseal_content(KEY, SALT, seal(KEY, SALT, b"\xff", ABOUT), ABOUT)


def test_a_fingerprint_tells_keys_apart_and_nothing_of_them() -> None:
    assert fingerprint(KEY) != fingerprint(bytes(32))


def test_what_stands_in_a_database_already_never_comes_out_differently() -> None:
    assert fingerprint(KEY) == "79f432ef11e07472"
    assert derive_item_key(KEY, SALT).hex() == (
        "19dd168564d06076bd0509803244b282aa2f8f6c0df43d3ef3de971d776da971"
    )
    assert nonce(SALT).hex() == "dbba5e885e0dd6fb599d7d09"
