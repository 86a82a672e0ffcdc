"""Sealed data opens with its own key in its own place only."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.encryption import sealing
from archiver.encryption.sealing import Content, seal, unseal
from services.sealing import wrapping
from services.sealing.wrapping import CannotDecrypt

KEY, SALT, ABOUT = bytes(range(32)), bytes(range(16)), b"about"
SEALED = seal(KEY, SALT, b"hallo", ABOUT)


@given(st.binary(max_size=2000), st.binary(max_size=2000), st.binary(max_size=200))
def test_sealed_content_opens_as_it_was(data: bytes, raw: bytes, contact: bytes) -> None:
    content = Content(data, raw, contact)
    sealed = sealing.seal_content(KEY, SALT, content, ABOUT)
    assert sealing.unseal_content(KEY, SALT, sealed, ABOUT) == content


@pytest.mark.parametrize(
    "change",
    [
        {"parent_key": bytes(32)},
        {"salt": bytes(16)},
        {"context": b"elsewhere"},
        {"sealed": SEALED[:-1]},
        {"sealed": b""},
        *({"sealed": SEALED[:n] + bytes([SEALED[n] ^ 1 << n % 8]) + SEALED[n + 1 :]}
          for n in range(len(SEALED))),
    ],
)  # fmt: skip
def test_changed_data_key_salt_or_place_does_not_open(change: dict[str, Any]) -> None:
    given = {"parent_key": KEY, "salt": SALT, "sealed": SEALED, "context": ABOUT} | change
    with pytest.raises(CannotDecrypt):
        unseal(**given)


def test_sealed_bytes_that_are_no_content_do_not_open_as_content() -> None:
    with pytest.raises(CannotDecrypt):
        sealing.unseal_content(KEY, SALT, seal(KEY, SALT, b"\xff", ABOUT), ABOUT)


def test_key_is_wrapped_for_one_name_and_one_key() -> None:
    wrapped = wrapping.wrap(KEY, bytes(32), "conversation almelo 1", bytes(12))
    assert wrapping.unwrap(KEY, wrapped, "conversation almelo 1") == bytes(32)
    for parent, name in ((KEY, "conversation almelo 2"), (bytes(32), "conversation almelo 1")):
        with pytest.raises(CannotDecrypt):
            wrapping.unwrap(parent, wrapped, name)


def test_item_keys_and_fingerprints_differ_by_key_purpose_and_salt() -> None:
    salts, purposes = (SALT, bytes(16)), (b"item", b"file")
    assert len({sealing.derive_item_key(KEY, s, p) for s in salts for p in purposes}) == 4
    assert wrapping.fingerprint(KEY) != wrapping.fingerprint(bytes(32))
    assert SEALED[:12] == sealing.nonce(SALT) != sealing.nonce(bytes(16))


def test_stored_keys_and_nonces_never_change() -> None:
    key = "19dd168564d06076bd0509803244b282aa2f8f6c0df43d3ef3de971d776da971"
    assert wrapping.fingerprint(KEY) == "79f432ef11e07472"
    assert sealing.derive_item_key(KEY, SALT).hex() == key
    assert sealing.nonce(SALT).hex() == "dbba5e885e0dd6fb599d7d09"
