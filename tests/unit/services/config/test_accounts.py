"""Accounts at providers."""

import pytest

from services.config.accounts import provider_accounts
from services.config.numbers import Number
from services.config.settings import SettingsError


def test_number_at_a_bsp_has_its_own_address_and_token() -> None:
    numbers = [
        Number(id="10000001", tenant="almelo", fallback="balie"),
        Number(
            id="10000002", tenant="almelo", fallback="balie", provider="360dialog",
            secrets=("env:SECRET",), access_token="env:TOKEN",
        ),
    ]  # fmt: skip
    base = "https://graph.facebook.com/v26.0"
    accounts = provider_accounts(numbers, base + "/", "ours", {"TOKEN": "theirs"})
    meta, bsp = accounts["10000001"], accounts["10000002"]
    assert (meta.headers, meta.base) == ({"Authorization": "Bearer ours"}, base)
    assert bsp.headers == {"D360-API-KEY": "theirs"}
    assert (bsp.rehosts, bsp.names_number) == (True, False)


def test_token_of_a_number_goes_to_no_other_machine_without_tls() -> None:
    numbers = [
        Number(id="10000001", tenant="almelo", fallback="balie", graph_url="http://bsp.example/v1")
    ]
    with pytest.raises(SettingsError) as raised:
        provider_accounts(numbers, "https://graph.example", "ours", {})
    [fault] = raised.value.faults
    assert fault.startswith("graph_url (number 10000001): bsp.example: another machine, so TLS")
    assert provider_accounts(
        numbers, "https://graph.example", "ours", {"POSTKAMER_PLAIN_HOSTS": "bsp.example"}
    )
