"""The key that a municipality brought opens for that municipality alone, as long as the standing
key is there."""

from datetime import date, timedelta

import pytest

from services.sealing.brought_keys import open_brought_key, seal_brought_key
from services.sealing.key_ring import KeyRing, KeyUnknown, NoWorkingKey, Unsealable, WorkingKey

TODAY = date(2026, 11, 29)
KEY = bytes(range(32))


def ring(n: int = 3) -> KeyRing:
    made = KeyRing()
    made.install([WorkingKey(bytes([n]) * 8, "standing", TODAY, bytes([n]) * 32)], TODAY)
    return made


def test_key_opens_in_another_process_without_a_key_of_any_day() -> None:
    sealed = seal_brought_key(ring(), "almelo", KEY)
    assert KEY not in sealed
    later = ring()
    later.advance(TODAY + timedelta(days=4000))
    assert open_brought_key(later, "almelo", sealed) == KEY


@pytest.mark.parametrize("place", [0, 5, 20, -1])
def test_altered_key_does_not_open(place: int) -> None:
    altered = bytearray(seal_brought_key(ring(), "almelo", KEY))
    altered[place] ^= 0x80
    with pytest.raises(Unsealable):
        open_brought_key(ring(), "almelo", bytes(altered))


@pytest.mark.parametrize("sealed", [b"", KEY, b"~2", b"~2" + b"0" * 16, b"\xff" * 60])
def test_key_that_was_never_sealed_does_not_open(sealed: bytes) -> None:
    with pytest.raises((Unsealable, KeyUnknown)):
        open_brought_key(ring(), "almelo", sealed)


def test_key_opens_for_no_other_municipality_and_under_no_other_standing_key() -> None:
    sealed = seal_brought_key(ring(), "almelo", KEY)
    with pytest.raises(Unsealable):
        open_brought_key(ring(), "borne", sealed)
    with pytest.raises(KeyUnknown):
        open_brought_key(ring(4), "almelo", sealed)


def test_nothing_is_sealed_or_opened_before_the_keys_are_read() -> None:
    """Then the router waits: it takes the key for no altered one."""
    with pytest.raises(NoWorkingKey):
        seal_brought_key(KeyRing(), "almelo", KEY)
    with pytest.raises(NoWorkingKey):
        open_brought_key(KeyRing(), "almelo", seal_brought_key(ring(), "almelo", KEY))


@pytest.mark.parametrize("key", [b"", KEY[:-1], KEY + b"x"])
def test_key_of_another_length_is_refused(key: bytes) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        seal_brought_key(ring(), "almelo", key)
