"""Sockets that connect to the internet and to configured networks alone."""

import socket
from collections.abc import Callable, Collection

import aiohttp

from services.egress.ssrf import Network, is_allowed_address


class PrivateAddressError(OSError):
    """Address that we may not connect to."""


def restricted_socket_factory(
    networks: Collection[Network],
) -> Callable[[aiohttp.AddrInfoType], socket.socket]:
    """Return a factory of sockets to the internet and these networks only. It checks the address
    of each connection, because the address of a name changes."""

    def create_socket(address: aiohttp.AddrInfoType) -> socket.socket:
        family, type, protocol, _, (host, *_) = address
        if not is_allowed_address(str(host), networks):
            raise PrivateAddressError
        return socket.socket(family, type, protocol)

    return create_socket
