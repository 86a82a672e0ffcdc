"""A sealed value opens under its key and at its place, and tells nothing before."""

import pytest

from services.sealing.sealed_box import SALT_BYTES, CannotUnseal, SealedBox

BOX = SealedBox(bytes(32))
PLAIN = b"Mijn paspoort is kwijt"


def test_sealed_value_opens_at_its_place() -> None:
    assert BOX.unseal(BOX.seal(PLAIN, "crm 1"), "crm 1") == PLAIN


def test_sealed_value_is_different_each_time_and_has_nothing_of_the_plain_one() -> None:
    first, second = BOX.seal(PLAIN, "crm 1"), BOX.seal(PLAIN, "crm 1")
    assert first[SALT_BYTES:] != second[SALT_BYTES:] and PLAIN not in first


@pytest.mark.parametrize("change", [0, SALT_BYTES, -1])
def test_altered_value_does_not_open(change: int) -> None:
    sealed = bytearray(BOX.seal(PLAIN, "crm 1"))
    sealed[change] ^= 1
    with pytest.raises(CannotUnseal):
        BOX.unseal(bytes(sealed), "crm 1")


@pytest.mark.parametrize("sealed", [b"", bytes(SALT_BYTES), bytes(SALT_BYTES + 3)])
def test_value_that_was_never_sealed_does_not_open(sealed: bytes) -> None:
    with pytest.raises(CannotUnseal):
        BOX.unseal(sealed, "crm 1")


def test_value_opens_neither_at_another_place_nor_under_another_key() -> None:
    sealed = BOX.seal(PLAIN, "crm 1")
    for box, place in ((BOX, "crm 2"), (SealedBox(bytes([1] * 32)), "crm 1")):
        with pytest.raises(CannotUnseal):
            box.unseal(sealed, place)


def test_fingerprint_recognises_a_value_at_its_place_and_under_its_key_only() -> None:
    first = BOX.fingerprint(b"geheim", "crm")
    assert len(first) == 16 and first == BOX.fingerprint(b"geheim", "crm")
    others = [(BOX, b"geheim", "other"), (BOX, b"geheim2", "crm")]
    others.append((SealedBox(bytes([1] * 32)), b"geheim", "crm"))
    assert first not in {box.fingerprint(*given) for box, *given in others}
