"""A position in the log as answers show it: stable, and opaque to other municipalities."""

import re

import pytest

from archiver.search.log_position import FORM, decode_position, encode_position

KEY, OTHER = b"k" * 32, b"o" * 32
FIVE = encode_position(KEY, 5)


@pytest.mark.parametrize("position", [0, 1, 255, 256, 412_806, 2**63 - 1])
def test_position_is_encoded_the_same_each_time_and_decoded(position: int) -> None:
    text = encode_position(KEY, position)
    assert re.fullmatch(FORM, text)
    assert text == encode_position(KEY, position) != encode_position(OTHER, position)
    assert (decode_position(KEY, text), decode_position(OTHER, text)) == (position, None)


def test_adjacent_positions_do_not_look_alike() -> None:
    texts = [encode_position(KEY, n) for n in range(1000)]
    assert len({*texts}) == len({text[:8] for text in texts}) == 1000


@pytest.mark.parametrize(
    "text",
    [
        *("", "5", "a" * 47, "é" * 48, "a" * 48),
        *(FIVE[:n] + ("b" if FIVE[n] == "a" else "a") + FIVE[n + 1 :] for n in range(48)),
    ],
)
def test_altered_or_malformed_position_is_not_decoded(text: str) -> None:
    assert decode_position(KEY, text) is None
