"""Accounts at providers."""

from services.config.accounts import provider_accounts
from services.config.numbers import Number


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
