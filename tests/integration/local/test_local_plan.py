"""The tables of the local run: settings, addresses, order."""

from pathlib import Path

import pytest

from deploy.local import plan
from deploy.local.errors import Refusal


def environment(**given: str) -> dict[str, str]:
    return plan.environment(given, root=Path("/clone"), archive_key="a2V5", crm_secret="c2VjcmV0")


def test_the_sandbox_defaults_are_the_ones_that_are_promised() -> None:
    settings = environment()
    assert settings["POSTKAMER_META_APP_SECRETS"] == "sandbox-app-secret"
    assert settings["POSTKAMER_META_VERIFY_TOKEN"] == "sandbox-verify-token"
    assert settings["POSTKAMER_API_TOKENS"] == "sandbox:sandbox-api-token"
    assert settings["POSTKAMER_META_GRAPH_URL"] == "http://127.0.0.1:8090/graph/v26.0"
    assert settings["POSTKAMER_CONFIG"] == "/clone/deploy/examples/voorbeeldstad/postkamer.toml"
    assert settings["POSTKAMER_OBJECT_STORE"] == "file:///clone/.local/objects"
    assert settings["CRM_SECRET"] == "whsec_c2VjcmV0"


def test_what_is_set_already_wins() -> None:
    assert environment(POSTKAMER_CONFIG="/mine.toml")["POSTKAMER_CONFIG"] == "/mine.toml"
    assert environment(CRM_SECRET="mine")["CRM_SECRET"] == "mine"


def test_addresses_follow_the_ports_that_were_chosen() -> None:
    settings = environment(POSTKAMER_SANDBOX_PORT="18090", POSTKAMER_GATEWAY_PORT="18080")
    assert settings["POSTKAMER_META_GRAPH_URL"] == "http://127.0.0.1:18090/graph/v26.0"
    assert settings["POSTKAMER_GATEWAY_URL"] == "http://127.0.0.1:18080"
    assert "http://127.0.0.1:18080/webhooks/whatsapp" in plan.addresses(settings)


def test_every_service_is_reached_on_this_machine_also_when_it_listens_everywhere() -> None:
    settings = environment(POSTKAMER_BIND="0.0.0.0")
    assert settings["POSTKAMER_GATEWAY_URL"] == "http://127.0.0.1:8080"
    assert environment(POSTKAMER_BIND="::1")["POSTKAMER_GATEWAY_URL"] == "http://[::1]:8080"


@pytest.mark.parametrize("text", ["", "x", "0", "65536", "-1", "80.5"])
def test_what_is_no_port_is_refused_with_the_name_of_its_variable(text: str) -> None:
    settings = environment(POSTKAMER_GATEWAY_PORT=text)
    with pytest.raises(Refusal, match="POSTKAMER_GATEWAY_PORT must be a port from 1 to 65535"):
        plan.port_number(settings, plan.GATEWAY)


def test_the_file_for_a_shell_holds_our_settings_quoted_and_nothing_else() -> None:
    text = plan.settings_file(environment(HOME="/home", POSTKAMER_CONFIG="/a folder/it's.toml"))
    assert "HOME" not in text
    assert "POSTKAMER_CONFIG='/a folder/it'\"'\"'s.toml'" in text


def test_what_takes_work_in_starts_last_and_so_stops_first() -> None:
    assert [service.name for service in plan.SERVICES][-1] == "gateway"


def test_the_shipped_configuration_follows_the_sandbox_to_another_port() -> None:
    shipped = 'url = "http://127.0.0.1:8090/crm/events"\nother = "http://127.0.0.1:80901/"'
    moved = plan.example_for(shipped, "18090")
    assert moved == 'url = "http://127.0.0.1:18090/crm/events"\nother = "http://127.0.0.1:80901/"'
