"""Which addresses events may go to: the internet's, and those of networks that are named. Pure.

What a name of a CRM leads to is for whoever has its zone: it could lead to a service of ours, or to
what a cloud tells only its own machines.
"""

from collections.abc import Collection
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Network = IPv4Network | IPv6Network
NAT64 = IPv6Network("64:ff9b::/96")
"""IPv4 addresses as seen from a network without them (RFC 6052)."""


def may_go(address: str, networks: Collection[Network]) -> bool:
    """Whether a connection may be made to this address (without a name, perhaps with a scope)."""
    meant = _meant(ip_address(address.partition("%")[0]))
    outside = meant.is_global and not meant.is_multicast
    return outside or any(meant in network for network in networks)


def _meant(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Where packets to it arrive: an IPv4 address may be written as one of IPv6."""
    if isinstance(address, IPv4Address):
        return address
    if address in NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address
