"""Files sealed chunk by chunk: they open as what they were, and what was changed does not."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from archiver.encryption.sealing import CannotDecrypt
from archiver.encryption.stream_sealing import (
    CHUNK_BYTES,
    TAG_BYTES,
    SealingStream,
    StreamKey,
    open_stream,
)

LOCK = StreamKey(bytes(range(32)), b"message")
WHOLE = CHUNK_BYTES + TAG_BYTES
"""A chunk as it lies there."""
SIZES = st.builds(
    lambda chunks, more: max(0, chunks * CHUNK_BYTES + more),
    st.integers(0, 3),
    st.sampled_from((-CHUNK_BYTES // 2, -1, 0, 1, 17)),
)
CUTS = st.lists(st.integers(1, 3 * CHUNK_BYTES), max_size=8)


def content(size: int) -> bytes:
    return random.Random(size).randbytes(size)


async def pieces(whole: bytes, cuts: Sequence[int] = ()) -> AsyncIterator[bytes]:
    """However it comes."""
    for cut in cuts:
        yield whole[:cut]
        whole = whole[cut:]
    yield whole


def sealing(plain: bytes, cuts: Sequence[int] = ()) -> tuple[bytes, SealingStream]:
    made = SealingStream(LOCK, pieces(plain, cuts))

    async def taken() -> bytes:
        return b"".join([piece async for piece in made.pieces()])

    return asyncio.run(taken()), made


def came(sealed: bytes, cuts: Sequence[int] = (), lock: StreamKey = LOCK) -> tuple[bytes, bool]:
    """What was given of it, and whether that was to its end."""

    async def taken() -> tuple[bytes, bool]:
        got = b""
        try:
            async for piece in open_stream(lock, pieces(sealed, cuts)):
                got += piece
        except CannotDecrypt:
            return got, False
        return got, True

    return asyncio.run(taken())


@pytest.mark.slow
@given(SIZES, CUTS, CUTS)
def test_it_opens_as_what_it_was_however_it_was_cut(
    size: int, in_cuts: list[int], out_cuts: list[int]
) -> None:
    plain = content(size)
    sealed, made = sealing(plain, in_cuts)
    assert came(sealed, out_cuts) == (plain, True)
    assert sealed == sealing(plain)[0], "nothing of how it came is in it"
    assert (made.size, made.sha256()) == (len(sealed), sha256(sealed).hexdigest())
    chunks = max(1, -(-size // CHUNK_BYTES))
    assert len(sealed) == size + chunks * TAG_BYTES


@given(SIZES)
def test_it_lies_as_the_paper_says(size: int) -> None:
    plain, cipher = content(size), AESGCM(LOCK.key)
    chunks = [plain[n : n + CHUNK_BYTES] for n in range(0, size, CHUNK_BYTES)] or [b""]
    by_hand = b"".join(
        cipher.encrypt(
            n.to_bytes(11, "big") + (b"\1" if n == len(chunks) - 1 else b"\0"), chunk, LOCK.context
        )
        for n, chunk in enumerate(chunks)
    )
    assert sealing(plain)[0] == by_hand


@given(SIZES, st.data())
def test_a_bit_that_was_changed_is_found_before_a_byte_of_its_chunk_is_given(
    size: int, data: st.DataObject
) -> None:
    plain = content(size)
    sealed = bytearray(sealing(plain)[0])
    at = data.draw(st.integers(0, len(sealed) - 1))
    sealed[at] ^= 1 << data.draw(st.integers(0, 7))
    assert came(bytes(sealed)) == (plain[: at // WHOLE * CHUNK_BYTES], False)


@pytest.mark.slow
@given(SIZES, st.data())
def test_what_ends_too_soon_is_not_whole(size: int, data: st.DataObject) -> None:
    plain = content(size)
    sealed, _ = sealing(plain)
    places = st.integers(0, len(sealed) - 1)
    if len(sealed) > WHOLE:
        places |= st.integers(0, (len(sealed) - 1) // WHOLE).map(lambda n: n * WHOLE)
    got, whole = came(sealed[: data.draw(places)])
    assert not whole
    assert plain.startswith(got)
    assert got == b"" or len(got) < size


@pytest.mark.slow
@given(SIZES, st.binary(min_size=1, max_size=40))
def test_what_goes_on_after_its_end_is_not_the_file(size: int, more: bytes) -> None:
    sealed, _ = sealing(content(size))
    assert not came(sealed + more)[1]
    assert not came(sealed + sealed)[1]


MOVED: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "two change places": lambda c: [c[1], c[0], *c[2:]],
    "the last two change places": lambda c: [*c[:-2], c[-1], c[-2]],
    "the first is gone": lambda c: c[1:],
    "one in the middle is gone": lambda c: [c[0], *c[2:]],
    "the last is gone": lambda c: c[:-1],
    "one is there twice": lambda c: [c[0], c[0], *c[1:]],
    "one stands in the place of another": lambda c: [c[0], c[0], *c[2:]],
    "the last is there twice": lambda c: [*c, c[-1]],
}


@pytest.mark.parametrize("how", MOVED)
@pytest.mark.parametrize("size", [3 * CHUNK_BYTES, 4 * CHUNK_BYTES, 3 * CHUNK_BYTES + 5])
def test_chunks_open_in_their_own_places_alone(how: str, size: int) -> None:
    plain = content(size)
    sealed, _ = sealing(plain)
    chunks = [sealed[n : n + WHOLE] for n in range(0, len(sealed), WHOLE)]
    got, whole = came(b"".join(MOVED[how](chunks)))
    assert not whole
    assert plain.startswith(got)


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES + 1])
def test_it_opens_under_its_own_key_and_for_its_own_message_alone(size: int) -> None:
    sealed, _ = sealing(content(size))
    assert came(sealed, lock=StreamKey(bytes(32), LOCK.context)) == (b"", False)
    assert came(sealed, lock=StreamKey(LOCK.key, b"another")) == (b"", False)


@pytest.mark.parametrize("size", [0, 1, TAG_BYTES - 1, TAG_BYTES, 1000])
def test_what_was_never_sealed_does_not_open(size: int) -> None:
    assert came(content(size)) == (b"", False)
