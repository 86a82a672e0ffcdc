"""The certificates in a time stamp, in the order that DER demands of a set. Pure.

OpenSSL and other authorities leave them as they come, and the library that reads stamps refuses
that. They stand outside of what is signed, so that their order changes nothing.
"""

from typing import NamedTuple

CERTIFICATES = 0xA0
"""Tag of the certificates within the signed data."""
LONG = 0x80
"""Bit of a length that has more than one byte."""


class _Item(NamedTuple):
    """Element of DER: where it begins, where its content begins, and its end."""

    tag: int
    at: int
    start: int
    end: int


def sort_certificates(answer: bytes) -> bytes:
    """Return the answer of an authority with its certificates in order; anything else as it is."""
    try:
        [response] = _items(answer, 0, len(answer))
        token = _inside(answer, response)[1]
        signed = _inside(answer, _inside(answer, token)[1])[0]
        [found] = (each for each in _inside(answer, signed) if each.tag == CERTIFICATES)
        certificates = [answer[each.at : each.end] for each in _inside(answer, found)]
    except (IndexError, ValueError):
        return answer
    return answer[: found.start] + b"".join(sorted(certificates)) + answer[found.end :]


def _inside(der: bytes, item: _Item) -> list[_Item]:
    return _items(der, item.start, item.end)


def _items(der: bytes, at: int, end: int) -> list[_Item]:
    """Return the elements in a range. ValueError if they do not fill it."""
    items: list[_Item] = []
    while at < end:
        length, start = der[at + 1], at + 2
        if length & LONG:
            more = length & ~LONG
            length, start = int.from_bytes(der[start : start + more], "big"), start + more
        if start + length > end:
            raise ValueError("an element is cut off")
        items.append(_Item(der[at], at, start, start + length))
        at = start + length
    return items
