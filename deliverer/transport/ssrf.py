"""Which addresses events may go to: the internet's, and those of networks that are named. Pure.

What a name of a CRM leads to is for whoever has its zone: it could lead to a service of ours, or to
what a cloud tells only its own machines.
"""

from collections.abc import Collection
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
INTERNET = IPv6Network("2000::/3")
"""All that has been handed out of IPv6 (RFC 4291). What lies beyond is a network's own, or a way of
writing IPv4: fec0::/10 (site-local), ::/96 (IPv4-compatible), ::ffff:0:0:0/96 (SIIT),
64:ff9b:1::/48 (translation within a network: where to, only that network knows)."""
NOT_THE_INTERNET: tuple[Network, ...] = (
    IPv4Network("168.63.129.16/32"),  # what Azure tells its own machines
    IPv4Network("192.0.0.0/24"),  # the machinery of IPv4 (RFC 6890), of which Python calls some
    # global; and what Oracle's cloud tells its own machines
    IPv4Network("192.88.99.0/24"),  # relays into 6to4, which are no more (RFC 7526)
    IPv6Network("2001::/23"),  # the machinery of IPv6; Teredo, which leads to an IPv4 address
    IPv6Network("3fff::/20"),  # for documents (RFC 9637): Pythons before 3.13 do not know it
)
"""Beside what Python knows to be no part of it."""
NAT64 = IPv6Network("64:ff9b::/96")
"""IPv4 addresses as seen from a network without them (RFC 6052)."""
ISATAP = (0x00005EFE, 0x02005EFE)
"""Before the IPv4 address at which a tunnel ends, behind whichever prefix (RFC 5214)."""


def is_allowed_address(address: str, networks: Collection[Network]) -> bool:
    """Whether a connection may be made to this address (without a name, perhaps with a scope)."""
    written = ip_address(address.partition("%")[0])
    meant = _meant(written)
    return _outside(meant) or any(meant in one or written in one for one in networks)


def _outside(address: Address) -> bool:
    if isinstance(address, IPv6Address) and address not in INTERNET:
        return False
    known = address.is_global and not address.is_multicast
    return known and not any(address in network for network in NOT_THE_INTERNET)


def _meant(address: Address) -> Address:
    """Where packets to it arrive: an IPv4 address may be written as one of IPv6."""
    if isinstance(address, IPv4Address):
        return address
    number = int(address)
    if address in NAT64 or (number >> 32) & 0xFFFFFFFF in ISATAP:
        return IPv4Address(number & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address
