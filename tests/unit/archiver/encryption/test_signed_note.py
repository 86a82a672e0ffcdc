"""Checkpoints as signed notes: read by others' programs, and nobody else's signature passes."""

from datetime import UTC, datetime

import pytest

from archiver.encryption import signed_note
from archiver.encryption.signed_note import Checkpoint, InvalidNote

SEED, ORIGIN = bytes(range(32)), "example.org/log"
MADE = Checkpoint(ORIGIN, 700, bytes(32), datetime(2026, 11, 26, 12, tzinfo=UTC))
PUBLIC = signed_note.derive_public_key(SEED)
NOTE = signed_note.sign_note(MADE, SEED)


def test_a_note_is_as_it_is_described() -> None:
    text, _, signature = NOTE.partition("\n\n")
    assert text.split("\n") == [
        ORIGIN, "700", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "2026-11-26T12:00:00Z",
    ]  # fmt: skip
    assert signature.startswith("\N{EM DASH} example.org/log ")
    assert signature.endswith("\n")


def test_it_is_read_with_the_key_that_was_published() -> None:
    published = signed_note.encode_verifier(ORIGIN, PUBLIC)
    assert signed_note.read_verifier(published) == (ORIGIN, PUBLIC)
    assert signed_note.verify_note(NOTE, ORIGIN, PUBLIC) == MADE


def test_signatures_of_others_beside_ours_are_passed_over() -> None:
    more = NOTE + signed_note.sign_note(MADE, bytes(32)).splitlines()[-1] + "\n"
    assert signed_note.verify_note(more, ORIGIN, PUBLIC) == MADE


@pytest.mark.parametrize(
    ("note", "why"),
    [
        (NOTE.replace("700", "701"), "no signature on it is of this key"),
        (NOTE.replace("12:00", "13:00"), "no signature on it is of this key"),
        (signed_note.sign_note(MADE, bytes(32)), "no signature on it is of this key"),
        (NOTE.replace(ORIGIN, "example.org/other"), "it is of another log"),
        (NOTE.partition("\n\n")[0], "no signature on it is of this key"),
        ("", "it is no checkpoint"),
        ("a\nb\nc\nd\n\n", "it is no checkpoint"),
        (
            NOTE.replace("\N{EM DASH} example.org/log ", "\N{EM DASH} example.org/log !"),
            "no signature",
        ),
        *[
            (odd, "something stands below it that is no signature")
            for odd in (NOTE + "x", NOTE + "x\n", NOTE + "\n", NOTE[:-1], NOTE[:-1] + " \n")
        ],
    ],
)
def test_what_is_not_signed_so_is_untrue(note: str, why: str) -> None:
    with pytest.raises(InvalidNote, match=why):
        signed_note.verify_note(note, ORIGIN, PUBLIC)


@pytest.mark.parametrize("text", ["", "x", "a+b", "a+b+c", "example.org/log+00000000+AQ=="])
def test_what_is_no_public_key_is_said_to_be_none(text: str) -> None:
    with pytest.raises(InvalidNote, match="expected a public key"):
        signed_note.read_verifier(text)


def test_another_name_with_the_same_key_is_another_key() -> None:
    published = signed_note.encode_verifier(ORIGIN, PUBLIC)
    with pytest.raises(InvalidNote):
        signed_note.read_verifier(published.replace(ORIGIN, "example.org/other"))
