"""Co-signatures as C2SP describes them: a program that knows only the text can check ours."""

import base64
import hashlib
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from services.transparency.cosignature import (
    cosign,
    line_of,
    read_witness,
    verify_cosignature,
)
from services.transparency.signed_note import (
    COSIGNATURE,
    ED25519,
    InvalidNote,
    Key,
    derive_public_key,
    encode_key,
    verify_note,
)
from tests.support.transparency import NAME, GrowingLog

LOG, SEED, SECONDS = GrowingLog(), b"w" * 32, 1679315147
NOTE = LOG.note(7)
KEY = Key(NAME, derive_public_key(SEED), COSIGNATURE)
LINE = cosign(NOTE, KEY, SEED, SECONDS)
VERIFIER = encode_key(KEY)


def test_line_is_checked_by_a_stranger_from_the_specification() -> None:
    dash, name, encoded = LINE.removesuffix("\n").split(" ")
    raw, body = base64.b64decode(encoded), NOTE.partition("\n\n")[0] + "\n"
    id = hashlib.sha256(NAME.encode() + b"\n\x04" + KEY.public).digest()[:4]
    assert (dash, name, raw[:4], len(raw)) == ("\N{EM DASH}", NAME, id, 4 + 8 + 64)
    assert int.from_bytes(raw[4:12]) == SECONDS
    message = f"cosignature/v1\ntime {SECONDS}\n{body}".encode()
    Ed25519PublicKey.from_public_bytes(KEY.public).verify(raw[12:], message)


def test_cosigned_note_passes_for_the_witness_and_for_the_log() -> None:
    cosigned = NOTE + LINE
    assert verify_cosignature(cosigned, KEY) == datetime.fromtimestamp(SECONDS, UTC)
    assert verify_note(cosigned, LOG.origin, derive_public_key(LOG.seed)).size == 7
    assert line_of(cosigned, KEY) == LINE


@pytest.mark.parametrize(
    "note",
    [
        NOTE,
        LOG.note(8) + LINE,
        NOTE + cosign(NOTE, KEY, bytes(32), SECONDS),
        NOTE + cosign(NOTE, Key(NAME, KEY.public, ED25519), SEED, SECONDS),
        NOTE + cosign(NOTE, Key("another", KEY.public, COSIGNATURE), SEED, SECONDS),
        NOTE + cosign(LOG.note(8), KEY, SEED, SECONDS) + LINE,
        NOTE + LINE + "x\n",
        NOTE + LOG.note(7).splitlines()[-1].replace(LOG.origin, NAME) + "\n",
    ],
)
def test_note_without_a_valid_line_of_the_witness_is_refused(note: str) -> None:
    with pytest.raises(InvalidNote):
        verify_cosignature(note, KEY)


def test_witness_is_read_by_its_key_with_or_without_its_address() -> None:
    assert read_witness(VERIFIER).key == KEY
    both = read_witness(f" https://witness.example.org/post/  {VERIFIER}\n")
    assert (both.key, both.url) == (KEY, "https://witness.example.org/post")
    assert (both.name, both.verifier) == (NAME, VERIFIER)


@pytest.mark.parametrize(
    "text",
    ["", "x", LOG.verifier, f"ftp://x {VERIFIER}", f"http://a http://b {VERIFIER}", VERIFIER[:-4]],
)
def test_text_that_is_no_witness_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        read_witness(text)
