"""The networks of a client, in which a bound counts; and the client behind a proxy. Pure."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Networks = tuple[str, ...]
"""The networks in which a client counts, the smallest first; empty: it counts nowhere."""

PREFIXES = {4: (32, 24), 6: (64, 48)}
"""Lengths of the prefixes that count, for each version of IP. A household or a server has an IPv6
/64 of its own, an organisation a /48; with IPv4 these are one address and a /24."""
FORWARDED = "X-Forwarded-For"
CACHED = 4096
"""Addresses whose networks are remembered: more than there are connections."""


def parse_address(text: str) -> Address | None:
    """Return an address, IPv4 also where it is written as IPv6; None for anything else."""
    try:
        address = ip_address(text.strip())
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


@lru_cache(maxsize=CACHED)
def counted_networks(address: Address) -> Networks:
    number, bits = int(address), address.max_prefixlen
    return tuple(
        f"v{address.version}/{length}/{number >> (bits - length):x}"
        for length in PREFIXES[address.version]
    )


def is_trusted(address: Address, trusted: Iterable[Network]) -> bool:
    """Return True if a proxy of ours has this address."""
    return any(address in network for network in trusted)


def forwarded_client(headers: Sequence[str], trusted: Sequence[Network]) -> Address | None:
    """Return the client that a proxy of ours names in X-Forwarded-For; None if it names nobody.

    Each proxy adds the address that it saw at the end. So the last address that is not a proxy of
    ours is true, and all before it may be invented by the client.
    """
    for text in reversed(",".join(headers).split(",")):
        address = parse_address(text)
        if address is None or not is_trusted(address, trusted):
            return address
    return None
