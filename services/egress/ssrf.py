"""Addresses that requests may go to: the public internet and the configured networks. Pure.

The owner of a CRM's DNS zone decides the address behind its name. Without this check that could be
one of our own services, or the metadata service of a cloud (server-side request forgery).
"""

from collections.abc import Collection
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
INTERNET = IPv6Network("2000::/3")
"""IPv6 space allocated for global use (RFC 4291). Addresses outside it are local to a network or a
notation of IPv4: fec0::/10 (site-local), ::/96 (IPv4-compatible), ::ffff:0:0:0/96 (SIIT),
64:ff9b:1::/48 (translation within a network: only that network knows the target)."""
NOT_THE_INTERNET: tuple[Network, ...] = (
    IPv4Network("168.63.129.16/32"),  # metadata service of Azure
    IPv4Network("192.0.0.0/24"),  # IETF protocol assignments (RFC 6890), of which Python calls some
    # global; and the metadata service of Oracle's cloud
    IPv4Network("192.88.99.0/24"),  # 6to4 relay anycast, deprecated (RFC 7526)
    IPv6Network("2001::/23"),  # IETF protocol assignments; Teredo, which leads to an IPv4 address
    IPv6Network("3fff::/20"),  # documentation (RFC 9637), unknown to Python before 3.13
)
"""Networks that are not public, in addition to those that Python knows."""
NAT64 = IPv6Network("64:ff9b::/96")
"""Prefix of IPv4 addresses in an IPv6-only network (RFC 6052)."""
ISATAP = (0x00005EFE, 0x02005EFE)
"""Interface identifiers before the IPv4 address of a tunnel's end, after any prefix (RFC 5214)."""


def is_allowed_address(address: str, networks: Collection[Network]) -> bool:
    """True if we may connect to this IP address, which may have a scope (`%eth0`)."""
    literal = ip_address(address.partition("%")[0])
    effective = _effective_address(literal)
    return _is_public(effective) or any(effective in one or literal in one for one in networks)


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv6Address) and address not in INTERNET:
        return False
    is_global = address.is_global and not address.is_multicast
    return is_global and not any(address in network for network in NOT_THE_INTERNET)


def _effective_address(address: Address) -> Address:
    """Return the address where packets arrive: an IPv6 address may embed an IPv4 address."""
    if isinstance(address, IPv4Address):
        return address
    number = int(address)
    if address in NAT64 or (number >> 32) & 0xFFFFFFFF in ISATAP:
        return IPv4Address(number & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address
