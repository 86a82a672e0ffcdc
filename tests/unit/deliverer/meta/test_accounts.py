"""From which account each number sends."""

from datetime import timedelta
from typing import Any

import pytest

from deliverer.meta.accounts import sending_accounts
from services.config.model import Configuration
from services.config.settings import SettingsError

GRAPH = "https://graph.facebook.com/v26.0/"
META: dict[str, Any] = {"id": "10654", "tenant": "almelo", "fallback": "balie"}
BSP: dict[str, Any] = META | {
    "id": "20654",
    "provider": "360dialog",
    "phone_number_id": "99999",
    "secrets": ["env:BSP_SECRET"],
    "access_token": "env:BSP_KEY",
}


def config(*numbers: dict[str, Any], tenant: dict[str, Any] | None = None) -> Configuration:
    return Configuration.model_validate(
        {
            "tenants": [{"id": "almelo", "name": "Gemeente Almelo"} | (tenant or {})],
            "numbers": list(numbers),
            "departments": [
                {"id": "balie", "tenant": "almelo", "name": "Balie", "destination": "crm"}
            ],
            "destinations": [{"id": "crm", "kind": "cloudevents", "url": "https://crm.example"}],
        }
    )


def test_a_number_at_meta_sends_with_what_the_installation_has() -> None:
    (account,) = sending_accounts(config(META), GRAPH, "token", {}).values()
    assert (account.name, account.number, account.tenant) == ("meta:10654", "10654", "almelo")
    assert account.messages_url == "https://graph.facebook.com/v26.0/10654/messages"
    assert account.media_url == "https://graph.facebook.com/v26.0/10654/media"
    assert account.headers == {"Authorization": "Bearer token"}


def test_a_number_with_its_own_address_token_and_id_sends_with_these() -> None:
    own = {
        "phone_number_id": "77777",
        "access_token": "env:TOKEN",
        "graph_url": "http://127.0.0.1:8090/graph/v26.0",
    }
    found = sending_accounts(config(META | own), GRAPH, "token", {"TOKEN": "own"})["10654"]
    assert found.name == "meta:77777"
    assert found.messages_url == "http://127.0.0.1:8090/graph/v26.0/77777/messages"
    assert found.headers == {"Authorization": "Bearer own"}


def test_a_number_at_a_bsp_never_sends_with_metas_token() -> None:
    found = sending_accounts(config(META, BSP), GRAPH, "token", {"BSP_KEY": "key"})["20654"]
    assert found.name == "360dialog:99999"
    assert found.messages_url == "https://waba-v2.360dialog.io/messages"
    assert found.media_url == "https://waba-v2.360dialog.io/media"
    assert found.headers == {"D360-API-KEY": "key"}


def test_every_secret_that_is_missing_is_named() -> None:
    with pytest.raises(SettingsError) as raised:
        sending_accounts(config(META | {"access_token": "env:A"}, BSP), GRAPH, "token", {})
    assert raised.value.faults == [
        "A: is missing (number 10654)",
        "BSP_KEY: is missing (number 20654)",
    ]


def test_account_knows_how_many_days_a_template_counts_as_an_answer() -> None:
    for tenant, days in (({}, 56), ({"wrote_days": 3}, 3)):
        found = sending_accounts(config(META, tenant=tenant), GRAPH, "token", {})["10654"]
        assert found.recent_contact == timedelta(days=days)
