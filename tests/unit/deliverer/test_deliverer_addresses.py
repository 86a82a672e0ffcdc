"""Where events may go, and where only when the operator names the network."""

from ipaddress import ip_network

import pytest

from deliverer.addresses import may_go

INSIDE = [
    "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
    "0.0.0.0", "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fe80::1%eth0", "fd00::1",
    "ff02::1", "::ffff:10.0.0.1", "::ffff:127.0.0.1", "64:ff9b::a00:1", "2002:a00:1::",
]  # fmt: skip


@pytest.mark.parametrize("address", INSIDE)
def test_what_is_inside_is_not_reached_by_itself(address: str) -> None:
    assert not may_go(address, ())


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f::1", "64:ff9b::5db8:d70e"])
def test_the_internet_is_reached(address: str) -> None:
    assert may_go(address, ())


def test_a_network_that_is_named_is_reached_and_no_other() -> None:
    networks = [ip_network("10.1.0.0/16"), ip_network("fd00::/64")]
    assert may_go("10.1.2.3", networks)
    assert may_go("::ffff:10.1.2.3", networks)
    assert may_go("fd00::7", networks)
    assert not may_go("10.2.0.1", networks)
    assert not may_go("fd00:1::7", networks)
