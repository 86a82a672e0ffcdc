"""Networks in which a client counts, and which client a proxy of ours names."""

from ipaddress import ip_network

import pytest

from services.http.client_networks import counted_networks, forwarded_client, parse_address

PROXIES = (ip_network("10.1.0.0/24"), ip_network("fd00::/64"))


def networks(text: str) -> tuple[str, ...]:
    address = parse_address(text)
    assert address
    return counted_networks(address)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.1", [True, True]),
        ("192.0.2.1", "192.0.2.2", [False, True]),
        ("192.0.2.1", "192.0.3.1", [False, False]),
        ("192.0.2.1", "::ffff:192.0.2.1", [True, True]),
        ("2001:db8::1", "2001:db8::2:3:4:5", [True, True]),
        ("2001:db8::1", "2001:db8:0:1::1", [False, True]),
        ("2001:db8::1", "2001:db8:1::1", [False, False]),
        ("0.0.0.1", "::1", [False, False]),
    ],
)
def test_clients_count_together_in_an_address_and_a_network(
    one: str, other: str, same: list[bool]
) -> None:
    assert [a == b for a, b in zip(networks(one), networks(other), strict=True)] == same


@pytest.mark.parametrize(
    ("headers", "client"),
    [
        (["192.0.2.1"], "192.0.2.1"),
        (["198.51.100.9, 192.0.2.1"], "192.0.2.1"),
        (["198.51.100.9", "192.0.2.1 , 10.1.0.7"], "192.0.2.1"),
        (["192.0.2.1, 10.1.0.7, fd00::5"], "192.0.2.1"),
        (["10.1.0.9, rubbish, 10.1.0.7"], None),
        (["10.1.0.9"], None),
        ([""], None),
        ([], None),
    ],
)
def test_forwarded_client_is_the_last_that_is_no_proxy_of_ours(
    headers: list[str], client: str | None
) -> None:
    found = forwarded_client(headers, PROXIES)
    assert found == (parse_address(client) if client else None)


def test_text_that_is_no_address_is_none() -> None:
    assert [parse_address(text) for text in ("", "x", "1.2.3.4:80", "[::1]")] == [None] * 4
