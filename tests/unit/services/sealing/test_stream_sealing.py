"""Files are sealed chunk by chunk: they open as they were, and a changed one does not open."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from services.sealing.stream_sealing import (
    CHUNK_BYTES,
    TAG_BYTES,
    SealingStream,
    StreamKey,
    open_stream,
)
from services.sealing.wrapping import CannotDecrypt

KEY = StreamKey(bytes(range(32)), b"message")
SEALED_CHUNK = CHUNK_BYTES + TAG_BYTES
SIZES = st.builds(
    lambda chunks, more: max(0, chunks * CHUNK_BYTES + more),
    st.integers(0, 3),
    st.sampled_from((-CHUNK_BYTES // 2, -1, 0, 1, 17)),
)
CUTS = st.lists(st.integers(1, 3 * CHUNK_BYTES), max_size=8)


def content(size: int) -> bytes:
    return random.Random(size).randbytes(size)


async def pieces(whole: bytes, cuts: Sequence[int] = ()) -> AsyncIterator[bytes]:
    for cut in cuts:
        yield whole[:cut]
        whole = whole[cut:]
    yield whole


def sealing(plain: bytes, cuts: Sequence[int] = ()) -> tuple[bytes, SealingStream]:
    stream = SealingStream(KEY, pieces(plain, cuts))

    async def seal() -> bytes:
        return b"".join([piece async for piece in stream.pieces()])

    return asyncio.run(seal()), stream


def opened(sealed: bytes, cuts: Sequence[int] = (), key: StreamKey = KEY) -> tuple[bytes, bool]:
    """The bytes that came out, and true if they came to their end."""

    async def open() -> tuple[bytes, bool]:
        got = b""
        try:
            async for piece in open_stream(key, pieces(sealed, cuts)):
                got += piece
        except CannotDecrypt:
            return got, False
        return got, True

    return asyncio.run(open())


def assert_cut_short(sealed: bytes, plain: bytes) -> None:
    got, is_whole = opened(sealed)
    assert not is_whole
    assert plain.startswith(got)


@pytest.mark.slow
@given(SIZES, CUTS, CUTS)
def test_file_opens_as_it_was_however_it_was_cut(
    size: int, in_cuts: list[int], out_cuts: list[int]
) -> None:
    plain = content(size)
    sealed, stream = sealing(plain, in_cuts)
    assert opened(sealed, out_cuts) == (plain, True)
    assert (stream.size, stream.sha256()) == (len(sealed), sha256(sealed).hexdigest())
    cipher = AESGCM(KEY.key)
    chunks = [plain[n : n + CHUNK_BYTES] for n in range(0, size, CHUNK_BYTES)] or [b""]
    assert sealed == b"".join(
        cipher.encrypt(
            n.to_bytes(11, "big") + (b"\1" if n == len(chunks) - 1 else b"\0"), chunk, KEY.context
        )
        for n, chunk in enumerate(chunks)
    ), "as docs describe it"


@given(SIZES, st.data())
def test_changed_bit_is_found_before_a_byte_of_its_chunk_is_given(
    size: int, data: st.DataObject
) -> None:
    plain = content(size)
    sealed = bytearray(sealing(plain)[0])
    at = data.draw(st.integers(0, len(sealed) - 1))
    sealed[at] ^= 1 << data.draw(st.integers(0, 7))
    assert opened(bytes(sealed)) == (plain[: at // SEALED_CHUNK * CHUNK_BYTES], False)


@pytest.mark.slow
@given(SIZES, st.data())
def test_file_that_ends_too_soon_is_not_whole(size: int, data: st.DataObject) -> None:
    sealed, _ = sealing(content(size))
    ends = st.integers(0, len(sealed) - 1)
    ends |= st.integers(0, (len(sealed) - 1) // SEALED_CHUNK).map(lambda n: n * SEALED_CHUNK)
    assert_cut_short(sealed[: data.draw(ends)], content(size))


@pytest.mark.slow
@given(SIZES, st.binary(min_size=1, max_size=40))
def test_file_that_goes_on_after_its_end_is_refused(size: int, more: bytes) -> None:
    sealed, _ = sealing(content(size))
    assert not opened(sealed + more)[1]
    assert not opened(sealed + sealed)[1]


MOVED: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "first two swapped": lambda c: [c[1], c[0], *c[2:]],
    "last two swapped": lambda c: [*c[:-2], c[-1], c[-2]],
    "first gone": lambda c: c[1:],
    "middle gone": lambda c: [c[0], *c[2:]],
    "last gone": lambda c: c[:-1],
    "first doubled": lambda c: [c[0], c[0], *c[1:]],
    "first in place of second": lambda c: [c[0], c[0], *c[2:]],
    "last doubled": lambda c: [*c, c[-1]],
}


@pytest.mark.parametrize("move", MOVED.values(), ids=MOVED)
@pytest.mark.parametrize("size", [3 * CHUNK_BYTES, 4 * CHUNK_BYTES, 3 * CHUNK_BYTES + 5])
def test_moved_chunks_do_not_open(move: Callable[[list[bytes]], list[bytes]], size: int) -> None:
    sealed, _ = sealing(content(size))
    chunks = [sealed[n : n + SEALED_CHUNK] for n in range(0, len(sealed), SEALED_CHUNK)]
    assert_cut_short(b"".join(move(chunks)), content(size))


@pytest.mark.parametrize("size", [0, 1, TAG_BYTES - 1, TAG_BYTES, 1000, CHUNK_BYTES + 1])
def test_file_opens_under_its_own_key_and_for_its_own_message_only(size: int) -> None:
    sealed, _ = sealing(content(size))
    assert opened(sealed, key=StreamKey(bytes(32), KEY.context)) == (b"", False)
    assert opened(sealed, key=StreamKey(KEY.key, b"another")) == (b"", False)
    assert opened(content(size)) == (b"", False), "it was never sealed"
