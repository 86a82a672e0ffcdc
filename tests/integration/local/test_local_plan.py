"""The tables of the local run: settings, addresses, order."""

import re
import subprocess
from dataclasses import astuple
from pathlib import Path

import pytest

from deploy.local import plan, prometheus
from deploy.local.__main__ import ROOT, example, installation_secrets
from deploy.local.errors import Refusal
from deploy.local.servers import Servers
from deploy.local.state import State
from desk.inbox.receiver import PATH as EVENTS_PATH
from sandbox.identity.people import PEOPLE
from sandbox.ita import objects
from sandbox.ita.rules import CHANNELS
from sandbox.openklant.error_responses import BASE
from sandbox.settings import SandboxSettings, load
from services.config import loader
from services.config.organisation import OpenKlantDestination
from tests.support.promtool import needs_promtool


def environment(**given: str) -> dict[str, str]:
    secrets = plan.Secrets(
        "a2V5", "d29y", "c2VjcmV0", given.get("POSTKAMER_API_TOKENS", "sandbox:drawn")
    )
    return plan.environment(given, root=Path("/clone"), secrets=secrets)


def test_prometheus_scrapes_this_run_by_the_shipped_rules() -> None:
    given = environment(POSTKAMER_ROUTER_OPS_PORT="19081")
    shipped = (prometheus.SHIPPED / "prometheus.yml").read_text()
    text = prometheus.configuration(shipped, given, 25692)
    targets = re.findall(r'targets: \["(.*?)"\]', text)
    ports = ("9080", "19081", "9082", "9083", "9084", "25692")
    assert sorted(targets) == sorted(f"127.0.0.1:{port}" for port in ports)
    assert f'rule_files: ["{prometheus.SHIPPED / "rules.yml"}"]' in text
    without = prometheus.configuration(shipped, given, None)
    assert "rabbitmq" not in without and "19081" in without


@pytest.mark.slow
@needs_promtool
@pytest.mark.parametrize("broker_port", [25692, None])
def test_prometheus_takes_the_configuration(tmp_path: Path, broker_port: int | None) -> None:
    shipped = (prometheus.SHIPPED / "prometheus.yml").read_text()
    file = tmp_path / "prometheus.yml"
    file.write_text(prometheus.configuration(shipped, environment(), broker_port))
    subprocess.run(["promtool", "check", "config", str(file)], check=True, timeout=60)


def test_prometheus_runs_and_takes_a_port_only_when_it_is_asked_for() -> None:
    asked, unasked = environment(POSTKAMER_PROMETHEUS="yes"), environment()
    assert plan.PROMETHEUS in plan.used_ports(asked)
    assert plan.PROMETHEUS not in plan.used_ports(unasked)
    assert "/alerts" in plan.addresses(asked) and "/alerts" not in plan.addresses(unasked)
    with pytest.raises(Refusal, match="is yes or no, not 'ja'"):
        plan.wants_prometheus({"POSTKAMER_PROMETHEUS": "ja"})


@pytest.mark.parametrize("asked", ["yes", "no"])
def test_commands_know_the_metrics_of_a_broker_that_has_them(tmp_path: Path, asked: str) -> None:
    config = str(ROOT / "deploy" / "examples" / "voorbeeldstad" / "postkamer.toml")
    elsewhere = {"POSTKAMER_CONFIG": config, "POSTKAMER_DATABASE_URL": "postgresql://elsewhere/x"}
    given = environment(POSTKAMER_PROMETHEUS=asked, **elsewhere)
    servers = Servers(tmp_path, State(tmp_path / "state.json"), given, print)
    assert servers.broker
    url = servers.settings().get("POSTKAMER_BROKER_METRICS_URL")
    port = servers.broker.ports.metrics
    assert url == (f"http://127.0.0.1:{port}/metrics" if port else None)
    assert bool(port) is (asked == "yes")


def test_sandbox_defaults_are_the_documented_ones() -> None:
    defaults = {
        "POSTKAMER_META_APP_SECRETS": "sandbox-app-secret",
        "POSTKAMER_META_VERIFY_TOKEN": "sandbox-verify-token",
        "POSTKAMER_API_TOKENS": "sandbox:drawn",
        "POSTKAMER_API_TOKEN": "drawn",
        "POSTKAMER_META_GRAPH_URL": "http://127.0.0.1:8090/graph/v26.0",
        "POSTKAMER_CONFIG": "/clone/deploy/examples/voorbeeldstad/postkamer.toml",
        "POSTKAMER_OBJECT_STORE": "file:///clone/.local/objects",
        "CRM_SECRET": "whsec_c2VjcmV0",
    }
    assert defaults.items() <= environment().items()


def test_sandbox_knows_the_desk_by_the_secret_and_the_address_of_this_run() -> None:
    secrets = plan.Secrets("a2V5", "d29y", "c2VjcmV0", "sandbox:drawn", "of the desk")
    given = {"POSTKAMER_BIND": "0.0.0.0"}
    settings = load(plan.environment(given, root=Path("/clone"), secrets=secrets))
    assert settings.desk_client_secret == "of the desk"
    assert settings.desk_url == SandboxSettings().desk_url


def test_given_variable_is_kept() -> None:
    assert environment(POSTKAMER_CONFIG="/mine.toml")["POSTKAMER_CONFIG"] == "/mine.toml"
    assert environment(CRM_SECRET="mine")["CRM_SECRET"] == "mine"
    given = environment(POSTKAMER_API_TOKENS="desk@almelo:new, desk@almelo:old")
    assert given["POSTKAMER_API_TOKENS"] == "desk@almelo:new, desk@almelo:old"
    assert given["POSTKAMER_API_TOKEN"] == "new"


def test_token_is_in_the_file_of_settings_and_not_in_what_is_printed() -> None:
    settings = environment()
    assert "POSTKAMER_API_TOKEN=drawn\n" in plan.settings_file(settings)
    assert "drawn" not in plan.addresses(settings)
    assert "POSTKAMER_API_TOKEN " in plan.addresses(settings)


def test_each_installation_draws_its_own_secrets_once(tmp_path: Path) -> None:
    states = [State(tmp_path / name) for name in ("one", "other")]
    one, other = (installation_secrets(state, {}) for state in states)
    assert not set(astuple(one)) & set(astuple(other))
    assert installation_secrets(State(tmp_path / "one"), {}) == one
    given = installation_secrets(states[0], {"POSTKAMER_API_TOKENS": "desk:given"})
    assert given.api_tokens == "desk:given"


def test_addresses_follow_the_given_ports() -> None:
    settings = environment(POSTKAMER_SANDBOX_PORT="18090", POSTKAMER_GATEWAY_PORT="18080")
    assert settings["POSTKAMER_META_GRAPH_URL"] == "http://127.0.0.1:18090/graph/v26.0"
    assert settings["POSTKAMER_GATEWAY_URL"] == "http://127.0.0.1:18080"
    moved = environment(POSTKAMER_ROUTER_PORT="18081")  # where the desk tries rules
    assert moved["POSTKAMER_ROUTER_URL"] == "http://127.0.0.1:18081"
    assert "http://127.0.0.1:18080/webhooks/whatsapp" in plan.addresses(settings)
    assert "http://127.0.0.1:18080/v1/openapi.html" in plan.addresses(settings)


def test_service_that_listens_everywhere_is_reached_locally() -> None:
    settings = environment(POSTKAMER_BIND="0.0.0.0")
    assert settings["POSTKAMER_GATEWAY_URL"] == "http://127.0.0.1:8080"
    assert environment(POSTKAMER_BIND="::1")["POSTKAMER_GATEWAY_URL"] == "http://[::1]:8080"


@pytest.mark.parametrize("text", ["", "x", "0", "65536", "-1", "80.5"])
def test_wrong_port_is_refused_with_its_variable(text: str) -> None:
    settings = environment(POSTKAMER_GATEWAY_PORT=text)
    with pytest.raises(Refusal, match="POSTKAMER_GATEWAY_PORT must be a port from 1 to 65535"):
        plan.port_number(settings, plan.GATEWAY)


def test_settings_file_holds_quoted_settings_and_nothing_else() -> None:
    text = plan.settings_file(environment(HOME="/home", POSTKAMER_CONFIG="/a folder/it's.toml"))
    assert "HOME" not in text
    assert "POSTKAMER_CONFIG='/a folder/it'\"'\"'s.toml'" in text


def test_gateway_starts_last_and_so_stops_first() -> None:
    assert [service.name for service in plan.SERVICES][-1] == "gateway"


EXAMPLE = ROOT / "deploy" / "examples" / "voorbeeldstad" / "postkamer.toml"


@pytest.mark.parametrize("variant", ["always-open", ""])
def test_example_has_no_opening_hours_if_it_is_to_be_always_open(
    variant: str, tmp_path: Path
) -> None:
    given = environment(POSTKAMER_CONFIG=str(EXAMPLE), POSTKAMER_EXAMPLE=variant)
    config = loader.load(example(tmp_path, given)).config
    assert len(config.departments) == 8
    assert any(department.hours for department in config.departments) == (variant == "")
    assert bool(config.closings) == (variant == "")
    assert EXAMPLE.read_text().count("hours = ") > 8


def test_alarm_of_the_example_wakes_who_is_on_duty_and_then_comes_to_the_desk() -> None:
    config = loader.load(EXAMPLE).config
    first, second = (config.destination(id) for id in config.tenants[0].care.destinations)
    at_desk = {each.id for each in config.destinations if each.url.endswith(f":8070{EVENTS_PATH}")}
    assert first and not config.departments_of(config.tenants[0].id, first.id)
    assert second and {second.id} == at_desk
    [duty] = [each for each in config.identity_grants if "care" in each.roles]
    on_duty = [each for each in PEOPLE.values() if duty.value in each.groups]
    assert {each.id for each in on_duty} == {"m.yildiz", "h.vos"}


def test_other_variant_of_the_example_is_refused() -> None:
    with pytest.raises(Refusal, match=r"POSTKAMER_EXAMPLE is one or more of .*, not 'open'"):
        plan.variants({"POSTKAMER_EXAMPLE": "openklant,open"})


def test_example_can_have_an_open_klant_as_its_crm(tmp_path: Path) -> None:
    given = environment(POSTKAMER_CONFIG=str(EXAMPLE), POSTKAMER_EXAMPLE="openklant")
    config = loader.load(example(tmp_path, given)).config
    [crm] = [each for each in config.destinations if isinstance(each, OpenKlantDestination)]
    assert crm.answer_channel in CHANNELS
    assert crm.url.endswith(BASE)
    assert crm.objects_url.endswith(objects.BASE)
    assert given["OPENKLANT_TOKEN"] == SandboxSettings().openklant_token
    assert {department.destination for department in config.departments} == {crm.id}


@pytest.mark.parametrize("port", ["8070", "18070"])
def test_example_delivers_to_the_desk_of_this_run(tmp_path: Path, port: str) -> None:
    given = environment(POSTKAMER_CONFIG=str(EXAMPLE), POSTKAMER_DESK_PORT=port)
    config = loader.load(example(tmp_path, given)).config
    urls = {each.id: each.url for each in config.destinations}
    assert urls["crm"] == given["POSTKAMER_DESK_URL"] + EVENTS_PATH
    assert urls["crm"] == f"http://127.0.0.1:{port}/events"
    assert given["POSTKAMER_DESK_SECRET"] == given["CRM_SECRET"]
    assert {department.destination for department in config.departments} == {"crm"}
    assert "8090" in urls["piket"]


def test_example_can_have_the_sandbox_as_its_crm(tmp_path: Path) -> None:
    given = environment(POSTKAMER_CONFIG=str(EXAMPLE), POSTKAMER_EXAMPLE="crm")
    config = loader.load(example(tmp_path, given)).config
    assert {each.url for each in config.destinations} == {"http://127.0.0.1:8090/crm/events"}


def test_example_configuration_follows_the_port_of_the_sandbox() -> None:
    shipped = 'url = "http://127.0.0.1:8090/crm/events"\nother = "http://127.0.0.1:80901/"'
    moved = plan.example_for(shipped, "18090", "18070")
    assert moved == 'url = "http://127.0.0.1:18090/crm/events"\nother = "http://127.0.0.1:80901/"'


def test_identity_provider_of_the_example_follows_the_port_of_the_sandbox(tmp_path: Path) -> None:
    given = environment(POSTKAMER_CONFIG=str(EXAMPLE), POSTKAMER_SANDBOX_PORT="18090")
    [provider] = loader.load(example(tmp_path, given)).config.identity_providers
    assert provider.issuer == "http://127.0.0.1:18090/identity"
    assert provider.keys_url == "http://127.0.0.1:18090/identity/keys"


def test_address_of_our_own_server_is_not_taken_for_one_that_the_user_has(tmp_path: Path) -> None:
    state = State(tmp_path / "state.json")
    amqp, database = state.port("rabbitmq amqp"), state.port("postgresql")
    own = {
        "POSTKAMER_AMQP_URL": f"amqp://postkamer:x@127.0.0.1:{amqp}/postkamer",
        "POSTKAMER_DATABASE_URL": f"postgresql://postkamer:x@127.0.0.1:{database}/postkamer",
    }
    given = {"POSTKAMER_CONFIG": str(EXAMPLE)}
    private = Servers(tmp_path, state, given | own, print)
    assert private.broker and private.database
    elsewhere = {name: url.replace("127.0.0.1", "db.example") for name, url in own.items()}
    external = Servers(tmp_path, state, given | elsewhere, print)
    assert (external.broker, external.database) == (None, None)
