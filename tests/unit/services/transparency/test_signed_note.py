"""Checkpoints as signed notes: other programs can read them, and only our signature passes."""

from datetime import UTC, datetime

import msgspec
import pytest

from services.transparency.signed_note import (
    Checkpoint,
    InvalidNote,
    TreeHead,
    derive_public_key,
    encode_verifier,
    read_head,
    read_verifier,
    sign_note,
    verify_note,
)

SEED, ORIGIN = bytes(range(32)), "example.org/log"
MADE = Checkpoint(ORIGIN, 700, bytes(32), datetime(2026, 11, 26, 12, tzinfo=UTC))
PUBLIC = derive_public_key(SEED)
PUBLISHED = encode_verifier(ORIGIN, PUBLIC)
NOTE = sign_note(MADE, SEED)
OTHERS = sign_note(MADE, bytes(32))
TEXT, SIGNATURES = NOTE[: -len(NOTE.splitlines()[-1]) - 1], NOTE.splitlines()[-1] + "\n"
OF_OTHERS = OTHERS.splitlines()[-1] + "\n"
FAILING = sign_note(msgspec.structs.replace(MADE, size=1), SEED).splitlines()[-1] + "\n"
"""Line of our key for another checkpoint."""
SIGNED_BY = "\N{EM DASH} example.org/log "


def test_note_has_the_published_form() -> None:
    text, _, signature = NOTE.partition("\n\n")
    hash = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
    assert text.split("\n") == [ORIGIN, "700", hash, "2026-11-26T12:00:00Z"]
    assert signature.startswith(SIGNED_BY)
    assert signature.endswith("\n")


@pytest.mark.parametrize("note", [NOTE, NOTE + OF_OTHERS, TEXT + OF_OTHERS + SIGNATURES])
def test_note_passes_with_the_published_key_also_beside_signatures_of_others(note: str) -> None:
    assert read_verifier(PUBLISHED) == (ORIGIN, PUBLIC)
    assert verify_note(note, ORIGIN, PUBLIC) == MADE


@pytest.mark.parametrize(
    ("note", "why"),
    [
        (NOTE.replace("700", "701"), "no signature on it is of this key"),
        (NOTE.replace("12:00", "13:00"), "no signature on it is of this key"),
        (TEXT + FAILING + SIGNATURES, "no signature on it is of this key"),
        (OTHERS, "no signature on it is of this key"),
        (NOTE.replace(ORIGIN, "example.org/other"), "it is of another log"),
        (NOTE.partition("\n\n")[0], "no signature on it is of this key"),
        ("", "it is no checkpoint"),
        ("a\nb\nc\nd\n\n", "it is no checkpoint"),
        (NOTE.replace(SIGNED_BY, SIGNED_BY + "!"), "no signature"),
        *[
            (odd, "something stands below it that is no signature")
            for odd in (NOTE + "x", NOTE + "x\n", NOTE + "\n", NOTE[:-1], NOTE[:-1] + " \n")
        ],
    ],
)
def test_altered_or_unsigned_note_is_refused(note: str, why: str) -> None:
    with pytest.raises(InvalidNote, match=why):
        verify_note(note, ORIGIN, PUBLIC)


@pytest.mark.parametrize(
    "text",
    [
        *("", "x", "a+b", "a+b+c", "example.org/log+00000000+AQ=="),
        PUBLISHED.replace("log", "other"),
        PUBLISHED + "!",
    ],
)
def test_text_that_is_no_public_key_is_refused(text: str) -> None:
    with pytest.raises(InvalidNote, match="expected a public key"):
        read_verifier(text)


ROOT = "A" * 43 + "="


@pytest.mark.parametrize("more", ["", "extension\n", "two\nextensions\n"])
def test_head_of_any_checkpoint_is_read(more: str) -> None:
    note = f"{ORIGIN}\n{2**63 - 1}\n{ROOT}\n{more}\n"
    assert read_head(note) == TreeHead(ORIGIN, 2**63 - 1, bytes(32))


@pytest.mark.parametrize(
    "text",
    [
        *("", ORIGIN, f"{ORIGIN}\n7", f"\n7\n{ROOT}", f"{ORIGIN}\n07\n{ROOT}"),
        *(f"{ORIGIN}\n{size}\n{ROOT}" for size in ("-1", "+7", " 7", "7 ", "x", 2**63, "\u0667")),
        *(f"{ORIGIN}\n7\n{root}" for root in ("", "AAAA", ROOT + "=", ROOT[:-1], "!" + ROOT[1:])),
    ],
)
def test_text_that_is_no_checkpoint_has_no_head(text: str) -> None:
    with pytest.raises(InvalidNote, match="no checkpoint"):
        read_head(f"{text}\n\n")
