"""Sealed data opens with its own key in its own place only."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.encryption import sealing
from archiver.encryption.sealing import PLAIN, Content, encode_columns, seal, unseal
from services.sealing import wrapping
from services.sealing.wrapping import CannotDecrypt

KEY, SALT, ABOUT = bytes(range(32)), bytes(range(16)), b"about"
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
SEALED = seal(KEY, SALT, b"hallo", ABOUT)


@given(st.binary(max_size=2000), st.binary(max_size=2000), st.binary(max_size=200))
def test_sealed_content_opens_as_it_was(data: bytes, raw: bytes, contact: bytes) -> None:
    content = Content(data, raw, contact)
    assert sealing.unseal_entry(KEY, row(content)) == content


def row(content: Content) -> dict[str, Any]:
    sealed = sealing.seal_content(KEY, SALT, content, encode_columns(list(COLUMNS.values())))
    return COLUMNS | {"salt": SALT, "sealed": sealed}


COLUMNS = {name: name for name in PLAIN} | {"id": UUID(int=7), "at": NOON, "sequence": 3}
CHANGES = {name: "other" for name in PLAIN} | {
    "id": UUID(int=8),
    "at": NOON + timedelta(microseconds=1),
    "sequence": 4,
}


@pytest.mark.parametrize("column", PLAIN)
def test_entry_with_another_plain_column_does_not_open(column: str) -> None:
    entry = row(Content(b"hallo"))
    assert entry[column] != CHANGES[column]
    with pytest.raises(CannotDecrypt):
        sealing.unseal_entry(KEY, entry | {column: CHANGES[column]})


def test_entry_of_before_is_bound_to_its_id_alone() -> None:
    content = msgspec.msgpack.encode(Content(b"hallo"))
    sealed = seal(KEY, SALT, content, COLUMNS["id"].bytes)
    entry = COLUMNS | {"salt": SALT, "sealed": sealed}
    assert sealing.unseal_entry(KEY, entry).data == b"hallo"
    with pytest.raises(CannotDecrypt):
        sealing.unseal_entry(KEY, entry | {"id": UUID(int=8)})


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
    sealed = seal(KEY, SALT, b"\xff", encode_columns(list(COLUMNS.values())))
    with pytest.raises(CannotDecrypt, match="no entry"):
        sealing.unseal_entry(KEY, COLUMNS | {"salt": SALT, "sealed": sealed})


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
