"""Addresses that events may go to, and those that only a named network allows."""

from ipaddress import ip_network

import pytest

from services.egress.ssrf import is_allowed_address

INSIDE = {
    "this machine": ["127.0.0.1", "::1", "0.0.0.0", "::"],
    "private networks": ["10.1.2.3", "172.16.0.1", "192.168.1.1", "fd00::1", "fec0::1"],
    "what a link has": ["169.254.169.254", "fe80::1", "fe80::1%eth0"],
    "a carrier's NAT": ["100.64.0.1", "100.100.100.200", "100.127.255.254"],
    "everybody at once": ["224.0.0.1", "255.255.255.255", "ff02::1", "ff0e::1"],
    "a cloud's own": ["168.63.129.16", "192.0.0.192", "fd00:ec2::254"],
    "machinery": ["192.0.0.8", "192.0.0.9", "192.88.99.1", "198.18.0.1", "240.0.0.1", "5f00::1"],
    "documents": ["192.0.2.1", "2001:db8::1", "3fff::1"],
    "IPv4-mapped": ["::ffff:10.0.0.1", "::ffff:127.0.0.1", "::ffff:168.63.129.16"],
    "IPv4-compatible": ["::10.0.0.1", "::7f00:1", "::8.8.8.8"],
    "SIIT": ["::ffff:0:10.0.0.1", "::ffff:0:127.0.0.1", "::ffff:0:8.8.8.8"],
    "NAT64": ["64:ff9b::a00:1", "64:ff9b::7f00:1", "64:ff9b::a83f:8110"],
    "NAT64 within a network": ["64:ff9b:1::a00:1", "64:ff9b:1::5db8:d70e"],
    "6to4": ["2002:a00:1::", "2002:a00:1::1", "2002:7f00:1::", "2002:a83f:8110::1"],
    "Teredo": ["2001:0:a00:1::1", "2001:0:5db8:d70e::f5ff:fffe"],
    "ISATAP": ["2a00::5efe:a00:1", "2a00::200:5efe:7f00:1"],
}  # fmt: skip
OUTSIDE = [
    "93.184.215.14", "8.8.8.8", "168.63.129.17", "192.0.1.1", "100.128.0.1",
    "2606:2800:21f::1", "2001:4860:4860::8888", "2a02::5eff:a00:1",
    "64:ff9b::5db8:d70e", "::ffff:93.184.215.14", "2002:5db8:d70e::1", "2a00::5efe:5db8:d70e",
]  # fmt: skip


@pytest.mark.parametrize("address", [one for kind in INSIDE.values() for one in kind])
def test_private_address_is_refused_unless_its_network_is_named(address: str) -> None:
    assert not is_allowed_address(address, ())


@pytest.mark.parametrize("address", OUTSIDE)
def test_public_address_is_allowed(address: str) -> None:
    assert is_allowed_address(address, ())


def test_address_in_a_named_network_is_allowed_and_no_other_private_one() -> None:
    networks = [ip_network("10.1.0.0/16"), ip_network("fd00::/64")]
    assert is_allowed_address("10.1.2.3", networks)
    assert is_allowed_address("::ffff:10.1.2.3", networks)
    assert is_allowed_address("fd00::7", networks)
    assert not is_allowed_address("10.2.0.1", networks)
    assert not is_allowed_address("fd00:1::7", networks)


@pytest.mark.parametrize(
    ("network", "address"),
    [
        ("168.63.129.16/32", "168.63.129.16"),
        ("100.64.0.0/10", "100.100.0.1"),
        ("10.0.0.0/8", "64:ff9b::a00:1"),
        ("64:ff9b:1::/48", "64:ff9b:1::a00:1"),
        ("fec0::/10", "fec0::1"),
        ("127.0.0.0/8", "::ffff:127.0.0.1"),
    ],
)
def test_special_address_is_allowed_when_its_network_is_named(network: str, address: str) -> None:
    assert not is_allowed_address(address, [])
    assert is_allowed_address(address, [ip_network(network)])
