"""The account from which each number sends."""

from datetime import timedelta
from typing import Any

import pytest

from deliverer.meta.accounts import Account, sending_accounts
from services.config.settings import SettingsError
from tests.support.deliverer.configuration import NUMBER, TENANT, configuration

GRAPH = "https://graph.facebook.com/v26.0"
OWN: dict[str, Any] = NUMBER | {
    "phone_number_id": "77777",
    "access_token": "env:TOKEN",
    "graph_url": "http://127.0.0.1:8090/graph/v26.0",
}
BSP: dict[str, Any] = NUMBER | {
    "id": "20654",
    "provider": "360dialog",
    "phone_number_id": "99999",
    "secrets": ["env:BSP_SECRET"],
    "access_token": "env:BSP_KEY",
}


def accounts(
    *numbers: dict[str, Any], tenant: dict[str, Any] | None = None, **environ: str
) -> dict[str, Account]:
    config = configuration(numbers=list(numbers), tenants=[TENANT | (tenant or {})])
    return sending_accounts(config, f"{GRAPH}/", "token", environ)


BEARER = "Authorization"


@pytest.mark.parametrize(
    ("number", "name", "url", "headers"),
    [
        (NUMBER, "meta:10654", f"{GRAPH}/10654", {BEARER: "Bearer token"}),
        (OWN, "meta:77777", f"{OWN['graph_url']}/77777", {BEARER: "Bearer own"}),
        (BSP, "360dialog:99999", "https://waba-v2.360dialog.io", {"D360-API-KEY": "key"}),
    ],
    ids=["defaults of the installation", "settings of its own", "at a BSP without Meta's token"],
)
def test_number_sends_with_its_own_address_token_and_id(
    number: dict[str, Any], name: str, url: str, headers: dict[str, str]
) -> None:
    account = accounts(number, TOKEN="own", BSP_KEY="key")[number["id"]]
    assert (account.name, account.number, account.tenant) == (name, number["id"], "almelo")
    assert account.messages_url == f"{url}/messages"
    assert account.media_url == f"{url}/media"
    assert account.headers == headers


def test_all_missing_secrets_are_named() -> None:
    with pytest.raises(SettingsError) as raised:
        accounts(NUMBER | {"access_token": "env:A"}, BSP)
    assert raised.value.faults == [
        "A: is missing (number 10654)",
        "BSP_KEY: is missing (number 20654)",
    ]


@pytest.mark.parametrize(("tenant", "days"), [({}, 56), ({"wrote_days": 3}, 3)])
def test_account_knows_how_many_days_a_template_counts_as_an_answer(
    tenant: dict[str, Any], days: int
) -> None:
    assert accounts(NUMBER, tenant=tenant)["10654"].recent_contact == timedelta(days=days)


def test_account_knows_if_it_may_send_directly_and_which_departments_may_not() -> None:
    number = NUMBER | {"direct_send": True}
    config = configuration(numbers=[number], confidential=True)
    account = sending_accounts(config, GRAPH, "token", {})["10654"]
    assert (account.direct_send, account.confidential) == (True, {"balie"})
    account = accounts(NUMBER)["10654"]
    assert (account.direct_send, account.confidential) == (False, frozenset())
